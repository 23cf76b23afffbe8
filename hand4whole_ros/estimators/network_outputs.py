"""From the output of a network on any device to numbers of each person on the CPU."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from .. import skeleton
from .._vendor_patches.roma_import import roma
from ..keypoints import HAND_KEYPOINTS
from ..networks.hand4whole_pp import SIDES, HandBoxes, WholeBodyOutput
from ..networks.pose2pose import Pose2PoseOutput


def outputs_to_cpu(result: WholeBodyOutput, hands: dict[str, HandBoxes]) -> dict[str, np.ndarray]:
    """The required outputs for B people, each (B, n) float64, by one copy from the device."""
    parts = _body_parts(result)
    for side in SIDES:
        exists = hands[side].exists
        parts[f'{side}_exists'] = exists[:, None].to(result.joints.device)
        parts[f'{side}_betas'] = _scatter_rows(result.hands[side].betas, exists)
        parts[f'{side}_seen_keypoints'] = _scatter_rows(result.expert_hand_keypoints[side].flatten(1), exists)
    return copy_rows(parts)


def pose2pose_outputs_to_cpu(result: Pose2PoseOutput) -> dict[str, np.ndarray]:
    """The same of Hand4Whole's people."""
    parts = _body_parts(result)
    for side in SIDES:
        parts[f'{side}_positions'] = result.hand_positions[side][..., :2].flatten(1)
    return copy_rows(parts)


def copy_rows(parts: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Name -> (B, n) of any kind on any device -> the same in float64 numpy, by one copy from the device."""
    together = torch.cat([values.float() for values in parts.values()], dim=1).cpu().double().numpy()
    ends = np.cumsum([values.shape[1] for values in parts.values()])
    return dict(zip(parts, np.split(together, ends[:-1], axis=1)))


def _body_parts(result: WholeBodyOutput | Pose2PoseOutput) -> dict[str, Tensor]:
    """SMPL-X's parameters, its body joints and the keypoints of both hands."""
    eyes = result.joints.new_zeros(len(result.joints), 6)
    parts = {
        'local_rotations': torch.cat([
            roma.rotmat_to_rotvec(result.body.global_orient), roma.rotmat_to_rotvec(result.body.body_pose).flatten(1),
            roma.rotmat_to_rotvec(result.face.jaw_pose), eyes, result.hand_pose['left'].flatten(1),
            result.hand_pose['right'].flatten(1)], dim=1),
        'betas': result.body.betas, 'expression': result.face.expression,
        'joints': result.joints[:, :skeleton.NUM_BODY_JOINTS].flatten(1)}
    parts.update({f'{side}_keypoints': result.keypoints[:, list(HAND_KEYPOINTS[side])].flatten(1) for side in SIDES})
    return parts


def _scatter_rows(values: Tensor, exists: Tensor) -> Tensor:
    """(N, n) of hands that exist -> (B, n), zeros for the others."""
    return values.new_zeros(len(exists), values.shape[1]).index_copy(
        0, exists.nonzero()[:, 0].to(values.device), values)
