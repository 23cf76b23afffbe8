"""Losses of the open model's outputs, in metres: distances of points, and rotation angles times an arm's length.

Unsquared distances keep ambiguous samples from dominating the loss.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .. import skeleton
from ..evaluation.pose_errors import BODY_JOINTS
from ..networks.smpler_x import BodyPose, marginal_heatmap
from .skeleton_layer import SkeletonLayer
from .targets import NUM_BODY, BodyTargets, HandTargets

#: Metres per radian of error, of a body's joint, of a wrist in the frame, and of a finger; and per unit of a beta.
_ROTATION_WEIGHT, _WRIST_ROTATION_WEIGHT, _FINGER_ROTATION_WEIGHT, _BETA_WEIGHT = 0.02, 0.05, 0.004, 0.003

#: Metres that a lying body costs, where only hands are known.
_UPRIGHT_WEIGHT = 0.02

#: Weight of joints that robots are driven by, relative to the others.
_ARM_WEIGHT = 3.0


def body_losses(outputs: BodyPose, target: BodyTargets, skeleton_layer: SkeletonLayer) -> dict[str, Tensor]:
    """Each (): their sum is the loss of B bodies."""
    local = outputs.local_rotations
    joints, turns = skeleton_layer.body(local, outputs.betas)
    weight = joints.new_ones(NUM_BODY)
    weight[list(BODY_JOINTS)] = _ARM_WEIGHT
    left, right = (skeleton.WRIST[side] for side in skeleton.SIDES)
    hips = [skeleton.JOINT[f'{side}_hip'] for side in skeleton.SIDES]
    from_hips = (points - points[:, hips].mean(1, keepdim=True) for points in (joints, target.joints))
    return {
        'joints': (_distances(*from_hips) * weight).sum(1).mean() / weight.sum(),
        'between': _distances(
            joints[:, left] - joints[:, right], target.joints[:, left] - target.joints[:, right]
        ).mean(),
        'wrists': _WRIST_ROTATION_WEIGHT * _rotation_distances(turns[:, [left, right]], target.wrists).mean(),
        'turns': _ROTATION_WEIGHT * _rotation_distances(local, target.rotations).mean(),
        'betas': _BETA_WEIGHT * (outputs.betas - target.betas).square().mean(),
    }


def hands_only_losses(outputs: BodyPose, target: BodyTargets, skeleton_layer: SkeletonLayer) -> dict[str, Tensor]:
    """Each (): of B people of whom only the wrists are known, in the frame and relative to each other.

    The connected body should stand upright and have a common shape, or hands alone would rotate it arbitrarily.
    """
    found = body_losses(outputs, target, skeleton_layer)
    up = outputs.global_orient.new_tensor([0.0, -1, 0])   # the body's own y points up, the frame's down
    return {'between': found['between'], 'wrists': found['wrists'],
            'upright': _UPRIGHT_WEIGHT * _distances(outputs.global_orient[..., 1], up).mean(),
            'small_betas': _BETA_WEIGHT * outputs.betas.square().mean()}


def hand_losses(
    rotations: Tensor, betas: Tensor, target: HandTargets, skeleton_layer: SkeletonLayer
) -> dict[str, Tensor]:
    """rotations (N, 16, 3, 3), betas (N, 10) of right hands -> each (): their sum is the loss."""
    keypoints = skeleton_layer.right_hand(rotations, betas)
    # Relative to the wrist, and without its error: the shape of the fingers is a loss of its own.
    straight, true = (turn.transpose(-1, -2)[:, None] @ points[..., None] for turn, points in (
        (rotations[:, 0], keypoints), (target.rotations[:, 0], target.keypoints)))
    return {
        'keypoints': _distances(keypoints, target.keypoints).mean(),
        'fingers': _distances(straight[..., 0], true[..., 0]).mean(),
        'wrist': _WRIST_ROTATION_WEIGHT * _rotation_distances(rotations[:, 0], target.rotations[:, 0]).mean(),
        'turns': _FINGER_ROTATION_WEIGHT * _rotation_distances(rotations[:, 1:], target.rotations[:, 1:]).mean(),
        'betas': _BETA_WEIGHT * (betas - target.betas).square().mean()}


def _distances(one, other):
    return (one - other).square().sum(-1).add(1e-8).sqrt()


def _rotation_distances(one, other):
    """Roughly the angle between rotations, radians, with a gradient everywhere."""
    return ((one - other).square().sum((-1, -2)) / 2).add(1e-8).sqrt()


def position_loss(places: Tensor, target: Tensor) -> Tensor:
    """Places (B, P, 2) in the image against the truth, at most an image apart; NaN in the truth does not count."""
    known = target.isfinite().all(-1)
    true = torch.where(known[..., None], target, 0).clamp(-1.5, 1.5)
    return 0.1 * ((places - true).abs().sum(-1).clamp(max=2) * known).sum() / known.sum().clamp(min=1)


def heatmap_loss(heat: Tensor, places: Tensor) -> Tensor:
    """Distance of heat maps (B, P, D, H, W) from certainty about the truth: relative entropy, nats per point.

    places: (B, P, 3) across the image, -1 to 1, and in depth from the root, metres, of which the map has two; NaN
    does not count. Unlike distances of the maps' expected places, this gives a gradient from the first step on.
    """
    known = places.isfinite().all(-1)
    true, cost = torch.where(known[..., None], places, 0), 0
    for part, axis in enumerate((-1, -2, -3)):
        wanted = _between_cells(true[..., part], heat.shape[axis])
        cost = cost + (wanted * (wanted.clamp(min=1e-6) / marginal_heatmap(heat, axis).clamp(min=1e-6)).log()).sum(-1)
    return (cost * known).sum() / known.sum().clamp(min=1)


def _between_cells(place, count):
    """Places (...) from -1 to 1 -> (..., count): shares of the two cells with the nearest centres."""
    cells = ((place + 1) / 2 * count - 0.5).clamp(0, count - 1)
    return (1 - (cells[..., None] - torch.arange(count, device=place.device)).abs()).clamp(min=0)
