"""Training of DaHyF on drawn hands, with the rows of its Table 4.

    python -m hand4whole_ros.training.dahyf_training FOLDER --steps 2000 --hands 20000 --json FILE
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import skeleton
from ..evaluation.metrics import mpjpe, pa_mpjpe
from ..evaluation.temporal_metrics import jitter
from ..networks import dahyf
from ..networks.dahyf import DAHYF_SMALL, ConfidenceGate, DaHyF, DaHyFConfig, DaHyFOutput, FramePatches
from ..synthetic.hand_patches import FRAME, HandPatches, draw_patches, draw_sequence, hand_layer
from .drawn_ablation import AblationSize, load_or_draw, parse_arguments, write_figures
from .trainer import TrainingSchedule, train

#: Row of Table 4 -> what the network has, and whether it is trained to predict the confidence.
ROWS: dict[str, tuple[dict[str, object], bool]] = {
    'baseline': ({'direction': 'none', 'keypoints': 'none', 'encodes': False}, False),
    'global': ({'keypoints': 'none', 'encodes': False}, False),
    'global_heatmap': ({'keypoints': 'heatmap', 'encodes': False}, False),
    'global_heatmap_contrast': ({'keypoints': 'heatmap', 'encodes': False}, True),
    'global_simcc_contrast': ({'encodes': False}, True),
    'local_simcc_contrast': ({'direction': 'local', 'encodes': False}, True),
    'global_simcc_encoding_contrast': ({}, True)}
#: Published results, on photographs: PA-MPJPE and MPJPE in mm, EPE of projected and of 2D keypoints in px.
PUBLISHED_VALUES = {'baseline': (8.91, 18.14, 7.37, None), 'global': (8.83, 17.83, 7.01, None),
         'global_heatmap': (8.40, 17.30, 6.80, 8.10), 'global_heatmap_contrast': (8.20, 16.99, 6.33, 7.36),
         'global_simcc_contrast': (8.02, 16.11, 6.17, 6.95), 'local_simcc_contrast': (9.59, 22.7, 10.03, 9.06),
         'global_simcc_encoding_contrast': (7.88, 15.95, 6.05, 7.83)}

#: Final share of the training, in which the confidence is trained; patches without a hand in a batch then.
CONTRAST_SHARE, NEGATIVES = 0.2, 0.25
#: Least visible share of a hand at which it is a target for agreement.
MIN_VISIBLE = 0.3
#: Standard deviation of smoothed labels: of SimCC in bins, of heat maps in cells.
BIN_DEVIATION, CELL_DEVIATION = 6.0, 1.0
#: Sequences that evaluate the gate: how many, frames of each, those in which the hand is covered, and the least
#: confidence that is accepted.
GATE_SEQUENCES, GATE_FRAMES, GATE_HIDDEN, GATE_CONFIDENCE = 40, 30, slice(12, 20), 0.85
#: Side of the paper's patches, the pixels in which errors are given.
_PAPER_PATCH = 224

_PARTS = ('keypoints_2d', 'keypoints_3d', 'projected', 'mano', 'bones')
_BONES = [(k, parent) for k, parent in enumerate(skeleton.HAND_KEYPOINT_PARENTS) if parent >= 0]


class WeightedLosses(nn.Module):
    """The network, and the uncertainties that weigh the losses (equation 11)."""

    def __init__(self, network: DaHyF):
        super().__init__()
        self.network = network
        self.log_variance = nn.Parameter(torch.zeros(len(_PARTS)))

    def weight_losses(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        """Losses by name -> the weighted sum that is minimised."""
        return {name: losses[name] * (-self.log_variance[k]).exp() + self.log_variance[k] / 2
                for k, name in enumerate(_PARTS) if name in losses}


def to_tensors(data: HandPatches) -> tuple[Tensor, FramePatches]:
    """Images (N, 3, S, S) in 0 to 1, and their places in the frames."""
    frame = torch.tensor(FRAME, dtype=torch.float32).expand(len(data), 2)
    patches = FramePatches(
        torch.from_numpy(data.corner), torch.from_numpy(data.size), frame, torch.from_numpy(data.focal)
    )
    return torch.from_numpy(data.images).permute(0, 3, 1, 2).float() / 255, patches


def compute_losses(
    output: DaHyFOutput, data: HandPatches, patches: FramePatches, config: DaHyFConfig
) -> dict[str, Tensor]:
    """The five parts of equation 11, of hands that are completely visible."""
    true = torch.from_numpy(data.keypoints)
    relative, wanted = output.keypoints - output.keypoints[:, :1], true - true[:, :1]
    frame_2d = torch.from_numpy(data.keypoints_2d)
    size = patches.size[:, None, None]
    rotations = torch.cat([output.global_orient, output.hand_pose], dim=1)
    bones, true_bones = ((points[:, [k for k, _ in _BONES]] - points[:, [parent for _, parent in _BONES]]).norm(dim=-1)
                         for points in (relative, wanted))
    found = {
        'keypoints_3d': 10 * (relative - wanted).abs().mean(),
        'projected': 10 * ((output.projected - frame_2d) / size).clamp(-2, 2).abs().mean(),
        'mano': (rotations - torch.from_numpy(data.rotations)).square().mean()
        + 0.02 * (output.betas - torch.from_numpy(data.betas)).square().mean(),
        'bones': 20 * F.l1_loss(bones, true_bones)}
    if output.keypoints_2d is not None:
        patch_2d = (frame_2d - patches.corner[:, None]) / size * config.patch_size
        found['keypoints_2d'] = (10 * ((output.keypoints_2d - patch_2d) / config.patch_size).abs().mean()
                                 + 0.3 * _classification_loss(output.logits, patch_2d, config))
    return found


def _classification_loss(logits, patch_2d, config):
    """KL divergence of the classification from smoothed labels, per keypoint, summed over axes."""
    if isinstance(logits, tuple):
        labels = [dahyf.smooth_labels(patch_2d[..., axis], config.num_bins, config.bins_per_pixel, BIN_DEVIATION)
                  for axis in (0, 1)]
        return sum(F.kl_div(found.log_softmax(-1), wanted, reduction='none').sum(-1).mean()
                   for found, wanted in zip(logits, labels))
    cells = logits.shape[-1] / config.patch_size
    x, y = (dahyf.smooth_labels(patch_2d[..., axis] * cells - 0.5, logits.shape[-1], 1, CELL_DEVIATION)
            for axis in (0, 1))
    wanted = y[..., :, None] * x[..., None, :]
    return F.kl_div(logits.flatten(2).log_softmax(-1), wanted.flatten(2), reduction='none').sum(-1).mean()


def contrastive_loss(output: DaHyFOutput, hand: Tensor, visible: Tensor) -> Tensor:
    """Distance of hands from agreement with their keypoints, and of other patches from disagreement (section 3.4)."""
    assert output.confidence is not None, 'only a network with 2D keypoints has a confidence'
    wanted = torch.where(hand, 1.0, -1.0)
    counts = (~hand | (visible > MIN_VISIBLE)).float()
    return ((output.confidence - wanted).square() * counts).sum() / counts.sum().clamp(min=1)


def train_dahyf(config: DaHyFConfig, learns_confidence: bool, data: HandPatches, held_out: HandPatches, *,
                folder: Path, name: str, max_steps: int, batch: int = 64, lr: float = 1e-3, seed: int = 0) -> DaHyF:
    """Train one network on patches, some of them without a hand; returns the best average of its weights.

    held_out: evaluated to select the weights. folder, name: of the log and of the checkpoint from which a stopped
    training resumes, see trainer.train.
    """
    torch.manual_seed(seed)
    learner = WeightedLosses(DaHyF(config, hand_layer()))
    hands, others = np.flatnonzero(data.hand), np.flatnonzero(~data.hand)
    first_contrast = round(max_steps * (1 - CONTRAST_SHARE)) if learns_confidence else max_steps
    if learns_confidence and not len(others):
        raise ValueError('the confidence is learnt from patches without a hand, and there are none')

    def losses(step):
        rng = np.random.default_rng((seed, step))
        negatives = round(batch * NEGATIVES) if step >= first_contrast else 0
        rows = rng.choice(hands, batch - negatives)
        chosen = data.take(np.concatenate([rows, rng.choice(others, negatives)]) if negatives else rows)
        pictures, patches = to_tensors(chosen)
        output = learner.network(_augment_color(pictures, rng), patches)
        real = slice(0, batch - negatives)
        found = learner.weight_losses(
            compute_losses(_take_output_rows(output, real), chosen.take(real), _take_patches(patches, real), config)
        )
        if negatives:
            found['contrast'] = contrastive_loss(
                output, torch.from_numpy(chosen.hand), torch.from_numpy(chosen.visible)
            )
        return found

    schedule = TrainingSchedule(
        max_steps, lr, warmup_steps=min(200, max_steps // 10 + 1), eval_interval=max(max_steps // 6, 1)
    )
    learner = train(learner, losses, schedule, folder=folder, name=name,
                    measure=lambda module: _metrics(module.network, held_out), progress=False)
    return learner.network.eval()


def _augment_color(pictures, rng):
    """Each channel slightly brighter or darker, independently."""
    gain = rng.uniform(0.8, 1.2, (len(pictures), 1, 1, 1)) * rng.uniform(0.92, 1.08, (len(pictures), 3, 1, 1))
    return (pictures * torch.from_numpy(gain.astype(np.float32))).clamp(0, 1)


def _take_output_rows(output: DaHyFOutput, rows: slice) -> DaHyFOutput:
    def take(value: Any) -> Any:
        if value is None:
            return None
        return tuple(map(take, value)) if isinstance(value, tuple) else value[rows]
    return DaHyFOutput._make(map(take, output))


def _take_patches(patches, rows):
    return FramePatches(*(values[rows] for values in patches))


@torch.no_grad()
def predict_outputs(network: DaHyF, data: HandPatches, batch: int = 128) -> Iterator[tuple[DaHyFOutput, HandPatches]]:
    """Outputs of the network, in evaluation mode, for patches, some at a time."""
    network.eval()
    for start in range(0, len(data), batch):
        some = data.take(slice(start, start + batch))
        yield network(*to_tensors(some)), some


def measure(network: DaHyF, data: HandPatches) -> dict[str, float]:
    """Errors as in Table 4, means over hands, and how well the confidence separates hands from other patches."""
    found: dict[str, list] = {'pa_mpjpe_mm': [], 'mpjpe_mm': [], 'epe_projected_px': [], 'epe_2d_px': []}
    confidence = []
    for output, some in predict_outputs(network, data):
        hand = some.hand
        points, true = output.keypoints.numpy()[hand], some.keypoints[hand]
        found['pa_mpjpe_mm'].append(1000 * pa_mpjpe(points, true))
        found['mpjpe_mm'].append(1000 * mpjpe(points - points[:, :1], true - true[:, :1]))
        zoom = (_PAPER_PATCH / some.size)[:, None, None]
        off = (output.projected.numpy() - some.keypoints_2d) * zoom
        found['epe_projected_px'].append(np.linalg.norm(off, axis=-1).mean(-1)[hand])
        if output.keypoints_2d is not None and output.confidence is not None:
            size = network.config.patch_size
            wanted = (some.keypoints_2d - some.corner[:, None]) * (size / some.size)[:, None, None]
            off = (output.keypoints_2d.numpy() - wanted) * (_PAPER_PATCH / size)
            found['epe_2d_px'].append(np.linalg.norm(off, axis=-1).mean(-1)[hand])
            confidence.append(output.confidence.numpy())
    figures = {name: float(np.concatenate(values).mean()) for name, values in found.items() if values}
    if confidence and not data.hand.all():
        figures['confidence_auc'] = auc(np.concatenate(confidence), data.hand & (data.visible > MIN_VISIBLE),
                                        ~data.hand)
    return figures


def auc(scores: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> float:
    """Chance that a positive sample has a higher score than a negative one, ties by halves."""
    high, low = scores[positive][:, None], scores[negative][None]
    return float(((high > low) + 0.5 * (high == low)).mean())


def gate_metrics(network: DaHyF, sequences: Sequence[HandPatches], least: float, hidden: slice, *,
                 frame_rate: float = 30.0) -> dict[str, dict[str, float]]:
    """Effect of the gate on moving sequences whose hands are covered for a while: 'gate' and 'none' -> metrics.

    Before the first accepted hand, the first detected one counts. Errors are relative to the wrist, in the frames of
    `hidden` and in all others; jitter is that of the whole sequence.
    """
    found: dict[str, list] = {'none': [], 'gate': []}
    held = []
    for sequence in sequences:
        output = [one for one, _ in predict_outputs(network, sequence, len(sequence))][0]
        points, true = output.keypoints.numpy(), sequence.keypoints
        points, true = points - points[:, :1], true - true[:, :1]
        assert output.confidence is not None, 'only a network with 2D keypoints has a confidence'
        confidences = output.confidence.tolist()
        gate = ConfidenceGate(least)
        kept = [gate(hand, confidence) for hand, confidence in zip(points, confidences)]
        kept = [hand if hand is not None else points[0] for hand in kept]
        held.append([confidence < least for confidence in confidences])
        for name, hands in (('none', points), ('gate', np.stack(kept))):
            error = 1000 * mpjpe(hands, true)
            others = np.r_[error[:hidden.start], error[hidden.stop:]]
            found[name].append((error[hidden].mean(), others.mean(), jitter(hands, frame_rate)))
    names = ('hidden_mm', 'visible_mm', 'jitter_m_s3')
    figures: dict[str, dict[str, float]] = {
        name: dict(zip(names, np.mean(values, axis=0).tolist())) for name, values in found.items()}
    held = np.array(held)
    figures['gate']['held_hidden'] = float(held[:, hidden].mean())
    figures['gate']['held_visible'] = float(np.delete(held, np.r_[hidden], axis=1).mean())
    return figures


def _metrics(network, data):
    found = measure(network, data)
    return {'mpjpe_mm': found.pop('mpjpe_mm'), **found}


def train_ablation(folder: Path, max_steps: int, hands: int, config: DaHyFConfig = DAHYF_SMALL, *,
                   rows: tuple[str, ...] = tuple(ROWS), seed: int = 0, batch: int = 64, upright: bool = False
                   ) -> dict[str, dict[str, float]]:
    """Train every row of Table 4 identically on the same hands; row -> metrics on others, printed as they arrive.

    upright: as in hand_patches.draw_patches. Rows that train the confidence are evaluated as a gate as well.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data, held_out, measured = (
        load_or_draw(folder / f'{name}_{count}_{config.patch_size}{"_upright" if upright else ""}.npz', HandPatches,
                     partial(draw_patches, count, drawn_seed, config.patch_size, without_hand=0.15, upright=upright))
        for name, count, drawn_seed in (('learnt', hands, 1), ('held_out', 400, 2), ('measured', 1500, 3)))
    sequences = [draw_sequence(GATE_FRAMES, k, config.patch_size, GATE_HIDDEN, upright=upright)
                 for k in range(GATE_SEQUENCES)]
    found = {}
    for row in rows:
        parts, learns_confidence = ROWS[row]
        network = train_dahyf(replace(config, **parts), learns_confidence, data, held_out, folder=folder,
                              name=f'{row}_{seed}', max_steps=max_steps, batch=batch, seed=seed)
        torch.save({'config': parts, 'network': network.state_dict()}, folder / f'{row}_{seed}_best.pt')
        found[row] = measure(network, measured)
        if learns_confidence:
            gated = gate_metrics(network, sequences, GATE_CONFIDENCE, GATE_HIDDEN)
            found[row] |= {f'{how}: {name}': value for how, figures in gated.items() for name, value in figures.items()}
        print(row, {name: round(value, 3) for name, value in found[row].items()}, flush=True)
    return found


def main(arguments: list[str] | None = None) -> None:
    """The command of the module."""
    given = parse_arguments('train DaHyF on drawn hands, and measure the rows of its Table 4', tuple(ROWS),
                            AblationSize(steps=2000, hands=20000, batch=64), arguments)
    found = train_ablation(given.folder, given.steps, given.hands, rows=tuple(given.rows), seed=given.seed,
                           batch=given.batch, upright=given.upright)
    write_figures(given.json, found, PUBLISHED_VALUES)


if __name__ == '__main__':
    main()
