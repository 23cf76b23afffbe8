"""Training of UniHOPE on drawn hands with and without objects, with the rows of its Table 7.

    python -m hand4whole_ros.training.unihope_training FOLDER --steps 600 --upright --json FILE

Occlusion-invariant features are trained on exact pairs: every grasping hand is drawn with and without its object,
instead of the paper's diffusion network that removes the object from photographs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..evaluation.metrics import mpjpe, pa_mpjpe
from ..networks.unihope import UNIHOPE_SMALL, HandFeatures, ObjectVotes, UniHOPE, UniHOPEConfig, UniHOPEOutput
from ..synthetic.grasps import SHAPES, UNSEEN_SHAPES, GraspPatches, absent_object_box, draw_grasps
from ..synthetic.hand_patches import hand_layer
from .drawn_ablation import AblationSize, load_or_draw, parse_arguments, write_figures
from .trainer import TrainingSchedule, train


@dataclass(frozen=True)
class Row:
    """Configuration of one row of Table 7."""

    grasp_aware: bool = True
    pairs: bool = True                #: also trains on the images without the object
    levels: tuple[str, ...] = ()      #: of HandFeatures that are pulled towards those without the object
    filters: bool = False             #: only where the object hides part of the grasping hand


_LEVELS = HandFeatures._fields
ROWS: dict[str, Row] = {
    'baseline': Row(grasp_aware=False, pairs=False),
    'fusion': Row(pairs=False),
    'pairs': Row(),
    'pairs_image': Row(levels=_LEVELS[:1]),
    'pairs_image_roi': Row(levels=_LEVELS[:2]),
    'pairs_image_roi_mano': Row(levels=_LEVELS),
    'pairs_image_roi_mano_filtered': Row(levels=_LEVELS, filters=True)}
#: Published results on DexYCB, mm: J-PE and V-PE from the wrist, both after Procrustes.
PUBLISHED_VALUES: dict[str, tuple[float, float, float, float]] = {
    'baseline': (14.09, 13.61, 5.95, 5.75), 'fusion': (13.84, 13.37, 5.79, 5.58), 'pairs': (13.38, 12.92, 5.71, 5.52),
    'pairs_image': (13.23, 12.79, 5.64, 5.44), 'pairs_image_roi': (13.18, 12.73, 5.64, 5.45),
    'pairs_image_roi_mano': (13.12, 12.67, 5.63, 5.43), 'pairs_image_roi_mano_filtered': (13.03, 12.59, 5.59, 5.40)}

#: Share of the steps without any constraint on features: 30 of the paper's 70 epochs.
FIRST_SHARE = 3 / 7
#: Hidden share from which a hand counts as hidden by the object: of the occlusion switch, and of the filter (tau).
HIDDEN_SHARE = 0.1
#: Loss weight of the features' difference.
ENHANCEMENT_WEIGHT = 0.1


class Batch(NamedTuple):
    """Images and their truth."""

    images: Tensor         #: (B, 3, S, S) 0 to 1
    hand_boxes: Tensor     #: (B, 4)
    object_boxes: Tensor   #: (B, 4)
    rotations: Tensor      #: (B, 16, 3, 3)
    betas: Tensor          #: (B, 10)
    keypoints_2d: Tensor   #: (B, 21, 2) px
    object_points: Tensor  #: (B, 21, 2) px
    occlusion: Tensor      #: (B,)
    grasping: Tensor       #: (B,) bool

    @classmethod
    def of(cls, data: GraspPatches, bare: bool = False) -> Batch:
        """bare: the images without an object, in which no hand grasps."""
        images = torch.from_numpy(data.bare_images if bare else data.images).permute(0, 3, 1, 2).float() / 255
        hand_boxes, object_boxes, points, rotations, betas, occlusion, grasping = map(torch.from_numpy, (
            data.hand_box, data.object_box, data.keypoints_2d, data.rotations, data.betas, data.occlusion,
            data.grasping))
        if bare:
            object_boxes = torch.from_numpy(absent_object_box(data.hand_box))
            occlusion, grasping = torch.zeros_like(occlusion), torch.zeros_like(grasping)
        return cls(images, hand_boxes, object_boxes, rotations, betas, points, torch.from_numpy(data.object_points),
                   occlusion, grasping)

    def join(self, other: Batch) -> Batch:
        """Both, one after the other."""
        return Batch(*map(torch.cat, zip(self, other)))


class Learner(nn.Module):
    """The network, and the layers that serve its training alone."""

    def __init__(self, config: UniHOPEConfig):
        super().__init__()
        self.network = UniHOPE(config, hand_layer(), tips=None)
        #: The MANO features of both images are compared after one attention, over four parts of each.
        self.adapter = nn.MultiheadAttention(config.dim * (config.roi_size // 16) ** 2 // 4, 2, batch_first=True)

    def adapt(self, feature: Tensor) -> Tensor:
        """MANO feature (B, C) -> (B, 4, C / 4)."""
        tokens = feature.unflatten(1, (4, -1))
        return self.adapter(tokens, tokens, tokens, need_weights=False)[0]


def compute_losses(output: UniHOPEOutput, batch: Batch) -> dict[str, Tensor]:
    """Hands, objects and both switches (equations 2, 9 and 10); lengths in decimetres."""
    rotations = batch.rotations
    with torch.no_grad():
        true = hand_layer()(rotations[:, :1], rotations[:, 1:], batch.betas)
    low, extent = batch.hand_boxes[:, None, :2], (batch.hand_boxes[:, 2:] - batch.hand_boxes[:, :2])[:, None]
    relative, wanted = output.keypoints - output.keypoints[:, :1], true.keypoints - true.keypoints[:, :1]
    found = torch.cat([output.pose.global_orient, output.pose.hand_pose], dim=1)
    return {
        'keypoints_2d': 10 * (output.keypoints_2d - (batch.keypoints_2d - low) / extent).abs().mean(),
        'keypoints_3d': 10 * (relative - wanted).abs().mean(),
        'vertices': 10 * (output.vertices - output.keypoints[:, :1]
                          - (true.vertices - true.keypoints[:, :1])).abs().mean(),
        'mano': (found - rotations).square().mean() + 0.02 * (output.pose.betas - batch.betas).square().mean(),
        'grasp': F.cross_entropy(output.grasp_logits, batch.grasping.long()),
        'occlusion': F.cross_entropy(output.occlusion_logits, (batch.occlusion > HIDDEN_SHARE).long()),
        'object': _vote_loss(output.votes, batch)}


def _vote_loss(votes: ObjectVotes, batch: Batch) -> Tensor:
    """Of grasped objects: error of the votes, in sides of the box, and error of their confidence."""
    rows = batch.grasping
    if not rows.any():
        return votes.x.sum() * 0
    boxes = batch.object_boxes[rows]
    wanted = (batch.object_points[rows] - boxes[:, None, :2]) / (boxes[:, 2:] - boxes[:, :2]).clamp(min=1)[:, None]
    off = ((votes.x[rows] - wanted[:, None, None, :, 0]).abs() + (votes.y[rows] - wanted[:, None, None, :, 1]).abs())
    # The paper does not define the true confidence: here it falls to 1/e at a tenth of the box.
    return off.mean() + (votes.confidence[rows] - (-10 * off.detach()).exp()).abs().mean()


def enhancement_losses(learner: Learner, features: tuple[HandFeatures, HandFeatures], row: Row, occlusion: Tensor
                       ) -> dict[str, Tensor]:
    """Distance of the features of grasping hands from those of the same hands without the object (equations 7 and 8).

    features: with and without the object, of the same B hands. Both are trained: with the second held fixed, and a
    weight of 1, all features grew and hands were not learnt. occlusion (B,).
    """
    counts = (occlusion >= HIDDEN_SHARE).float() if row.filters else torch.ones_like(occlusion)
    found = {}
    for level in row.levels:
        seen, bare = (getattr(one, level) for one in features)
        if level == 'mano':
            seen, bare = learner.adapt(seen), learner.adapt(bare)
        each = (seen - bare).abs().flatten(1).mean(1)
        found[f'same_{level}'] = ENHANCEMENT_WEIGHT * (each * counts).sum() / max(len(counts), 1)
    return found


def train_unihope(config: UniHOPEConfig, row: Row, data: GraspPatches, held_out: GraspPatches, *, folder: Path,
                  name: str, max_steps: int, batch: int = 32, lr: float = 3e-3, seed: int = 0) -> UniHOPE:
    """Train one row; returns the best average of its weights.

    Rows that differ in their constraints alone share their first steps, which have none. With pairs, two thirds
    of a batch are unmodified hands, the rest grasping hands without their object. held_out: evaluated to select the
    weights. folder, name: of the log and of the checkpoint from which a stopped training resumes, see trainer.train.
    """
    config = replace(config, grasp_aware=row.grasp_aware)
    first_steps = round(max_steps * FIRST_SHARE)
    shared = f'{"aware" if row.grasp_aware else "always"}_{"pairs" if row.pairs else "single"}_{seed}'
    torch.manual_seed(seed)
    learner = Learner(config)
    for stage, steps, trained in ((shared, first_steps, replace(row, levels=())),
                                  (f'{name}_{seed}', max_steps - first_steps, row)):
        def losses(step, learner=learner, stage=stage, trained=trained):
            rng = np.random.default_rng((seed, step, stage == shared))
            return _step_losses(learner, trained, data, (rng, batch))

        schedule = TrainingSchedule(max(steps, 1), lr, warmup_steps=min(50, steps // 10 + 1),
                                    eval_interval=max(steps // 3, 1))
        learner = train(learner, losses, schedule, folder=folder, name=stage, progress=False,
                        measure=lambda module: {'j_pe_mm': float(_errors(module.network, held_out)['j_pe_mm'].mean())})
    return learner.network.eval()


def _step_losses(learner, row, data, how):
    rng, batch = how
    # Batch normalisation needs two images.
    rows = rng.choice(len(data), max(round(batch * 2 / 3) if row.pairs else batch, 2))
    chosen = data.take(rows)
    seen = Batch.of(chosen)
    grasps = np.flatnonzero(chosen.grasping)[:max(batch - len(rows), 0)] if row.pairs else []
    if len(grasps):
        seen = seen.join(Batch.of(chosen.take(grasps), bare=True))
    seen = seen._replace(images=_augment_color(seen.images, rng, grasps))
    output, features = learner.network.forward_with_features(seen.images, seen.hand_boxes, seen.object_boxes)
    found = compute_losses(output, seen)
    if row.levels and len(grasps):
        pair = HandFeatures(*(value[grasps] for value in features)), HandFeatures(*(
            value[len(rows):] for value in features))
        found |= enhancement_losses(learner, pair, row, seen.occlusion[grasps])
    return found


def _augment_color(images, rng, grasps):
    """Each channel slightly brighter or darker, independently; both images of a pair alike."""
    count = len(images) - len(grasps)
    gain = rng.uniform(0.8, 1.2, (count, 1, 1, 1)) * rng.uniform(0.92, 1.08, (count, 3, 1, 1))
    gain = np.concatenate([gain, gain[grasps]]) if len(grasps) else gain
    return (images * torch.from_numpy(gain.astype(np.float32))).clamp(0, 1)


def measure(network: UniHOPE, data: GraspPatches) -> dict[str, float]:
    """Means over hands: errors as in Table 7, mm; J-PE of both scenes; and how often the grasp flag is correct."""
    errors = _errors(network, data, aligns=True)
    flag = errors.pop('flag')
    figures = {key: float(values.mean()) for key, values in errors.items()}
    right = flag == data.grasping
    kinds = {'grasping': data.grasping, 'no_object': ~data.has_object,
             'object_behind': data.has_object & ~data.grasping}
    for kind, rows in kinds.items():
        if rows.any():
            figures[f'flag_{kind}'] = float(right[rows].mean())
    figures['flag_all'] = float(right.mean())
    for kind, rows in (('hand_only', ~data.grasping), ('hand_object', data.grasping)):
        if rows.any():
            figures[f'j_pe_{kind}_mm'] = float(errors['j_pe_mm'][rows].mean())
    return figures


@torch.no_grad()
def _errors(network, data, aligns=False, batch=64):
    """Of every hand: errors in mm, after Procrustes as well if it `aligns`, and whether it is predicted to grasp."""
    network.eval()
    parts: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(data), batch):
        some = Batch.of(data.take(slice(start, start + batch)))
        output = network(some.images, some.hand_boxes, some.object_boxes)
        true = hand_layer()(some.rotations[:, :1], some.rotations[:, 1:], some.betas)
        found = {'flag': output.grasping.numpy()}
        for key, points, wanted in (('j_pe_mm', output.keypoints, true.keypoints),
                                    ('v_pe_mm', output.vertices, true.vertices)):
            points, wanted = (points - output.keypoints[:, :1]).numpy(), (wanted - true.keypoints[:, :1]).numpy()
            found[key] = 1000 * mpjpe(points, wanted)
            if aligns:
                found[f'pa_{key}'] = 1000 * pa_mpjpe(points, wanted)
        for key, values in found.items():
            parts.setdefault(key, []).append(values)
    return {key: np.concatenate(values) for key, values in parts.items()}


def train_ablation(folder: Path, amount: AblationSize, config: UniHOPEConfig = UNIHOPE_SMALL, *,
                   rows: Sequence[str] = tuple(ROWS), seed: int = 0, upright: bool = False, held_back: int = 1000
                   ) -> dict[str, dict[str, float]]:
    """Train rows of Table 7 identically on the same hands; row -> metrics on others, printed as they arrive.

    The evaluated hands hold objects of other shapes, as in the paper. upright: as in grasps.draw_grasps.
    held_back: evaluated hands; a fifth as many select the weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    size, form = config.image_size, '_upright' if upright else ''

    def load(name, count, drawn_seed, shapes):
        return load_or_draw(folder / f'grasps_{name}_{count}_{size}{form}.npz', GraspPatches,
                            lambda: draw_grasps(count, drawn_seed, size, shapes=shapes, upright=upright))

    data, held_out = load('learnt', amount.hands, 1, SHAPES), load('held_out', held_back // 5, 2, SHAPES)
    measured = load('measured', held_back, 3, UNSEEN_SHAPES)
    found = {}
    for name in rows:
        network = train_unihope(config, ROWS[name], data, held_out, folder=folder, name=name,
                                max_steps=amount.steps, batch=amount.batch, seed=seed)
        torch.save(network.state_dict(), folder / f'{name}_{seed}_best.pt')
        found[name] = measure(network, measured)
        print(name, {key: round(value, 3) for key, value in found[name].items()}, flush=True)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """The command of the module."""
    given = parse_arguments('train UniHOPE on drawn hands with and without objects, and measure its Table 7',
                            tuple(ROWS), AblationSize(steps=600, hands=8000, batch=32), arguments)
    found = train_ablation(given.folder, AblationSize(given.steps, given.hands, given.batch), rows=given.rows,
                           seed=given.seed, upright=given.upright)
    write_figures(given.json, found, PUBLISHED_VALUES)


if __name__ == '__main__':
    main()
