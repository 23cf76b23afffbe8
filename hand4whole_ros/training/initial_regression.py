"""The initial regression of either expert: a correction of the fitted body without the image. Takes minutes."""

from __future__ import annotations

import math

import numpy as np
import torch

from .. import skeleton
from ..evaluation import metrics
from ..evaluation.pose_errors import BODY_JOINTS
from ..geometry.rotations import rotation_from_6d_columns
from ..networks.hand4whole_pp import Hand4WholePP
from ..networks.prompts import InitialRegressor, Prompt, flatten_prompt
from ..networks.smpler_x import BodyPose
from .losses import body_losses, hand_losses
from .skeleton_layer import SkeletonLayer
from .stage_context import StageContext
from .targets import BodyTargets, HandTargets
from .trainer import train

BATCH_SIZE = 1024

_LR, _EVAL_INTERVAL = 1e-3, 250

#: From the wrist to about the knuckles, m.
_HAND = 0.1


def train_initial_regressors(network: Hand4WholePP, context: StageContext) -> None:
    """Train both, in place; network and context on one device.

    Several processes give the result of one, except for the noise and the dropout, which every process draws from its
    own global generator. Processes other than the main one end with the last average instead of the best one.
    """
    train_body_regressor(network, context)
    train_hand_regressor(network, context)


def train_body_regressor(network: Hand4WholePP, context: StageContext) -> None:
    """Train the body expert's, in place."""
    train_set, validation_set, distributed = context.train_set, context.validation_set, context.distributed
    regressor, skeleton_layer = network.body_regressor, context.skeleton_layer
    assert regressor.initial is not None      # of the open model
    initial = _fit_normalization(regressor.initial, train_set.prompts.body)

    def regress(module, prompt):
        transl = prompt.whole.new_zeros(len(prompt.whole), 3)
        return regressor.pose(module(prompt), transl)

    def losses(step):
        rows = context.draw_rows(len(train_set), BATCH_SIZE, step)
        own = distributed.part(rows)
        prompts, target = train_set.prompts.body.take(own), train_set.body.take(own)
        found = body_losses(regress(initial, prompts), target, skeleton_layer)
        return weight_losses(found, len(own) / len(rows))

    @torch.no_grad()
    def figures(module):
        return body_metrics(regress(module, validation_set.prompts.body), validation_set.body, skeleton_layer)
    best = train(initial, losses, context.schedule(_LR, _EVAL_INTERVAL), folder=context.settings.run,
                 name='body_initial', measure=figures, distributed=distributed)
    initial.load_state_dict(best.state_dict())


def train_hand_regressor(network: Hand4WholePP, context: StageContext) -> None:
    """Train the hand expert's, in place."""
    skeleton_layer, distributed = context.skeleton_layer, context.distributed
    inputs, true = context.train_set.right_hands
    own = network.wilor.backbone.initial
    assert own is not None      # of the open model
    initial = _fit_normalization(own, inputs)

    def losses(step):
        rows = context.draw_rows(len(true.betas), BATCH_SIZE, step)
        own = distributed.part(rows)
        found = hand_losses(*_split_hand_code(initial(inputs.take(own))), true.take(own), skeleton_layer)
        return weight_losses(found, len(own) / len(rows))

    @torch.no_grad()
    def figures(module):
        prompt, target = context.validation_set.right_hands
        return hand_metrics(*_split_hand_code(module(prompt)), target, skeleton_layer)
    best = train(initial, losses, context.schedule(_LR, _EVAL_INTERVAL), folder=context.settings.run,
                 name='hand_initial', measure=figures, distributed=distributed)
    initial.load_state_dict(best.state_dict())


def weight_losses(losses: dict[str, torch.Tensor], share: float) -> dict[str, torch.Tensor]:
    """Means over part of a step's data, weighted by its share: those of all processes add up to the step's."""
    return {name: share * value for name, value in losses.items()}


def body_metrics(outputs: BodyPose, target: BodyTargets, skeleton_layer: SkeletonLayer) -> dict[str, float]:
    """Medians over B people: mm from the hips, from wrist to wrist, and after Procrustes, degrees of the wrists.

    The first value, which selects the best weights, is the first error plus half of the second.
    """
    joints, turns = skeleton_layer.body(outputs.local_rotations, outputs.betas)
    left, right = (skeleton.WRIST[side] for side in skeleton.SIDES)
    hips = [skeleton.JOINT[f'{side}_hip'] for side in skeleton.SIDES]
    chosen = list(BODY_JOINTS)
    joints, turns, true_joints, true_wrists = (v.cpu() for v in (joints, turns, target.joints, target.wrists))
    ours, true = ((points - points[:, hips].mean(1, keepdim=True))[:, chosen] for points in (joints, true_joints))
    wrists = (points[:, joint] for points in (joints, true_joints) for joint in (left, right))
    root, between = _median(1e3 * metrics.mpjpe(ours, true)), _median(1e3 * metrics.mrrpe(*wrists))
    return {'score_mm': root + between / 2, 'root_mm': root, 'mrrpe_mm': between,
            'pa_mm': _median(1e3 * metrics.pa_mpjpe(ours, true)),
            'wrist_deg': _median(metrics.rotation_angle(turns[:, [left, right]], true_wrists))}


def hand_metrics(
    rotations: torch.Tensor, betas: torch.Tensor, target: HandTargets, skeleton_layer: SkeletonLayer
) -> dict[str, float]:
    """Medians over N hands: mm after Procrustes, degrees of the wrist.

    The first value, which selects the best weights, is the first error plus the knuckle displacement of the second.
    """
    keypoints, wrists, true_keypoints, true_wrists = (values.cpu() for values in (
        skeleton_layer.right_hand(rotations, betas), rotations[:, 0], target.keypoints, target.rotations[:, 0]))
    aligned = _median(1e3 * metrics.pa_mpjpe(keypoints, true_keypoints))
    turned = _median(metrics.rotation_angle(wrists, true_wrists))
    return {'hand_score_mm': aligned + 1e3 * _HAND * math.radians(turned), 'hand_pa_mm': aligned,
            'hand_wrist_deg': turned}


def _split_hand_code(code):
    """(N, 109) -> rotations (N, 16, 3, 3) and betas (N, 10)."""
    return rotation_from_6d_columns(code[:, :96].unflatten(1, (16, 6))), code[:, 96:106]


def _fit_normalization(initial: InitialRegressor, inputs: Prompt) -> InitialRegressor:
    """The initial regression, with the normalisation statistics of its inputs."""
    numbers = flatten_prompt(inputs)
    initial.mean.copy_(numbers.mean(0))
    initial.deviation.copy_(numbers.std(0).clamp(min=1e-3))
    return initial


def _median(values):
    return float(np.median(values))
