"""Training of each expert by itself: an image-based correction of the initial regression, which stays fixed.

Several processes give nearly the result of one: batch normalisation uses the images of one process, and keeps the
statistics of the main one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from .. import keypoints, skeleton
from ..estimators.devices import multiplies_bf16
from ..networks.hand4whole_pp import Hand4WholePP
from ..networks.prompts import InitialRegressor, Prompt, concatenate_prompts
from ..networks.smpler_x import BodyPose, regress_body
from ..networks.wilor import HandCode, WiLoR, project_to_crop
from .image_batches import ImageBatch, load_batch, load_hand_images
from .initial_regression import body_metrics, hand_metrics, weight_losses
from .losses import body_losses, hand_losses, heatmap_loss, position_loss
from .skeleton_layer import SkeletonLayer
from .stage_context import StageContext
from .targets import NUM_BODY, BodyTargets, HandTargets, concatenate_targets
from .trainer import train
from .training_set import TrainingSet

BATCH_SIZE = 32

#: Largest number of steps between two evaluations.
EVAL_INTERVAL = 200

#: The first keypoints of the body expert are joints, whose truth is known; the others are on the skin.
_JOINTS = list(itertools.takewhile(lambda joint: joint < NUM_BODY, keypoints.KEYPOINT_JOINTS))

#: Loss weight of a nat of the heat maps, in metres.
_HEATMAP_WEIGHT = 0.3

#: Held-out people that are evaluated during a training.
MAX_VALIDATION_PEOPLE = 384


class BodyExpert(nn.Module):
    """The parts of the network that form it."""

    def __init__(self, network: Hand4WholePP):
        super().__init__()
        self.encoder, self.position = network.encoder, network.body_position_net
        self.regressor = network.body_regressor

    def forward(self, pictures: Tensor, prompt, cond=None) -> tuple[BodyPose, Tensor]:
        """Its outputs, and the probability of keypoint places: heat maps (B, 25, depth, rows, columns)."""
        with bf16_autocast(pictures.device):
            feature, tokens = self.encoder(pictures, cond, prompt)
        outputs, _, heat = regress_body(self.position, self.regressor, feature.float(), tokens.float(), prompt=prompt)
        return outputs, heat


def train_body(network: Hand4WholePP, context: StageContext) -> None:
    """Train the body expert in place; network and context on one device.

    With several processes, the places of joints are a mean over those in front of the camera, of one process.
    """
    train_set, validation_set, skeleton_layer = context.train_set, context.validation_set, context.skeleton_layer
    expert = BodyExpert(network)
    initial = expert.regressor.initial
    freeze_initial_regressor(initial)

    def losses(step):
        freeze_initial_regressor(initial)
        rows, seen = load_step(context, step)
        outputs, heat = expert(seen.body_images(), seen.prompts.body)
        target = train_set.body.take(seen.rows)
        found = {
            **body_losses(outputs, target, skeleton_layer),
            'places': _HEATMAP_WEIGHT * joint_heat_loss(heat, target),
        }
        return weight_losses(found, len(seen.rows) / len(rows))

    def figures(expert):
        outputs = [expert(seen.body_images(), seen.prompts.body)[0] for seen in validation_batches(validation_set)]
        return body_metrics(
            BodyPose(*(torch.cat(part) for part in zip(*outputs))),
            validation_body_targets(validation_set),
            skeleton_layer,
        )

    best = train(expert, losses, context.schedule(1e-3, EVAL_INTERVAL), folder=context.settings.run, name='body',
                 measure=torch.no_grad()(figures), distributed=context.distributed)
    expert.load_state_dict(best.state_dict())


def train_hand(network: Hand4WholePP, context: StageContext) -> None:
    """Train the hand expert in place: the coarse hand and the refined one; network and context on one device.

    With several processes, each is weighted by its share of the step's hands; their places are a mean over those
    in front of the camera, of one process.
    """
    train_set, validation_set, skeleton_layer = context.train_set, context.validation_set, context.skeleton_layer
    expert = network.wilor
    initial = expert.backbone.initial
    freeze_initial_regressor(initial)

    def losses(step):
        freeze_initial_regressor(initial)
        rows, seen = load_step(context, step)
        share = hand_share(train_set, rows, seen.rows)
        if not share:
            return {name: seen.patches.new_zeros(()) for name in ('coarse', 'refined')}
        coarse, refined, target = run_hand_expert(expert, seen, train_set)
        return weight_losses(hand_code_losses(coarse, refined, target, skeleton_layer), share)

    def figures(expert):
        seen = [run_hand_expert(expert, part, validation_set)[1:] for part in validation_batches(validation_set)]
        return hand_code_metrics([code for code, _ in seen], concatenate_targets([target for _, target in seen]),
                                 skeleton_layer)

    best = train(expert, losses, context.schedule(5e-4, EVAL_INTERVAL), folder=context.settings.run, name='hand',
                 measure=torch.no_grad()(figures), distributed=context.distributed)
    expert.load_state_dict(best.state_dict())


def joint_heat_loss(heat: Tensor, target: BodyTargets) -> Tensor:
    """Loss of heat maps of body keypoints (B, 25, depth, rows, columns) whose truth is known."""
    places = torch.cat([target.places, target.joints[..., 2:]], dim=-1)[:, _JOINTS]
    return heatmap_loss(heat[:, :len(_JOINTS)], places)


def freeze_initial_regressor(regressor: InitialRegressor | None) -> None:
    """Freeze the initial regression, if there is one."""
    if regressor is not None:
        regressor.requires_grad_(False).eval()


def hand_share(dataset: TrainingSet, rows: Tensor, own: Tensor) -> float:
    """Share of a step's hands that are in this process' rows; 0 if there are none."""
    hands, here = (sum(int(dataset.hands[side].counts[some].sum()) for side in skeleton.SIDES) for some in (rows, own))
    return here / max(hands, 1)


def run_hand_expert(expert: WiLoR, seen: ImageBatch, dataset: TrainingSet) -> tuple[HandCode, HandCode, HandTargets]:
    """Coarse and refined codes of the hands that count, and their targets: left ones first."""
    crops, prompt, target = load_hand_crops(seen, dataset)
    return *regress_hands(expert, crops, prompt), target


def regress_hands(expert: WiLoR, crops: Tensor, prompt: Prompt | None = None) -> tuple[HandCode, HandCode]:
    """Coarse and refined codes of crops (N, 3, 256, 192) of right hands; gradients do not pass through the mesh."""
    with bf16_autocast(crops.device):
        coarse, feature = expert.backbone(crops, prompt)
    coarse = HandCode(*(value.float() for value in vars(coarse).values()))
    with torch.no_grad():
        mesh = expert.mano(*coarse.rotations(), coarse.betas).vertices
    with bf16_autocast(crops.device):
        refined = expert.refine_net(feature, mesh, coarse)
    return coarse, HandCode(*(value.float() for value in vars(refined).values()))


def hand_code_losses(
    coarse: HandCode, refined: HandCode, target: HandTargets, skeleton_layer: SkeletonLayer
) -> dict[str, Tensor]:
    """The loss () of either code of N hands."""
    found = {}
    for name, code in (('coarse', coarse), ('refined', refined)):
        rotations = _rotations(code)
        parts = hand_losses(rotations, code.betas, target, skeleton_layer)
        # A crop is some 0.15 m wide: the error across the view is a loss of its own.
        parts['places'] = 0.3 * position_loss(project_to_crop(
            skeleton_layer.right_hand(rotations, code.betas), code.camera), target.places)
        found[name] = sum(parts.values())
    return found


def hand_code_metrics(
    codes: list[HandCode], target: HandTargets, skeleton_layer: SkeletonLayer
) -> dict[str, float]:
    """hand_metrics of the codes of several batches, which together have the hands of the target."""
    rotations, betas = torch.cat([_rotations(code) for code in codes]), torch.cat([code.betas for code in codes])
    return hand_metrics(rotations, betas, target, skeleton_layer)


def load_hand_crops(seen: ImageBatch, dataset: TrainingSet) -> tuple[Tensor, Prompt, HandTargets]:
    """Of the hands that count, left ones first: images (N, 3, 256, 192) as right hands, prompts and targets."""
    crops, prompts, targets = [], [], []
    for side in skeleton.SIDES:
        people = dataset.hands[side].counts[seen.rows].nonzero()[:, 0]
        picture, prompt = load_hand_images(seen, dataset, side, people)
        crops.append(picture[..., 32:-32])
        prompts.append(prompt)
        targets.append(dataset.hands[side].take(seen.rows[people]))
    return torch.cat(crops), concatenate_prompts(prompts), concatenate_targets(targets)


def bf16_autocast(device: torch.device) -> torch.autocast:
    """Products of the transformers in bf16 if the device supports it, else in float32.

    A processor without such instructions emulates them, several times slower.
    """
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == 'cuda' or multiplies_bf16())


def _rotations(code):
    return torch.cat(code.rotations(), dim=1)


def validation_batches(validation_set: TrainingSet) -> Iterator[ImageBatch]:
    """Loads people to evaluate on."""
    for rows in torch.arange(min(MAX_VALIDATION_PEOPLE, len(validation_set))).split(BATCH_SIZE):
        yield load_batch(validation_set, rows)


def validation_body_targets(validation_set: TrainingSet) -> BodyTargets:
    """Their targets."""
    return validation_set.body.take(torch.arange(min(MAX_VALIDATION_PEOPLE, len(validation_set))))


def load_step(context: StageContext, step: int) -> tuple[Tensor, ImageBatch]:
    """The rows of a step, of all processes together, and the batch of this process."""
    rows = context.draw_rows(len(context.train_set), BATCH_SIZE, step)
    generator = torch.Generator().manual_seed(context.settings.seed * 1_000_003 + step)
    return rows, load_batch(context.train_set, rows, generator, context.distributed)
