"""From what a network says of people, on whatever device, to numbers of each of them on the CPU."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .. import skeleton
from .._vendor_patches.roma_import import roma
from ..keypoints import HAND_KEYPOINTS
from ..networks.hand4whole_pp import SIDES, HandBoxes, WholeBodyOutput


def outputs_to_cpu(result: WholeBodyOutput, hands: dict[str, HandBoxes]) -> dict[str, np.ndarray]:
    """What is needed of B people, each (B, n) float64, by one copy from the device."""
    people = len(result.joints)
    eyes = result.joints.new_zeros(people, 6)
    parts = {
        'local_rotations': torch.cat([
            roma.rotmat_to_rotvec(result.body.global_orient), roma.rotmat_to_rotvec(result.body.body_pose).flatten(1),
            roma.rotmat_to_rotvec(result.face.jaw_pose), eyes, result.hand_pose['left'].flatten(1),
            result.hand_pose['right'].flatten(1)], dim=1),
        'betas': result.body.betas, 'expression': result.face.expression,
        'joints': result.joints[:, :skeleton.NUM_BODY_JOINTS].flatten(1)}
    for side in SIDES:
        parts[f'{side}_keypoints'] = result.keypoints[:, list(HAND_KEYPOINTS[side])].flatten(1)
        parts[f'{side}_betas'] = _scatter_rows(result.hands[side].betas, hands[side].exists)
        parts[f'{side}_seen_keypoints'] = _scatter_rows(
            result.expert_hand_keypoints[side].flatten(1), hands[side].exists
        )
    together = torch.cat([values.float() for values in parts.values()], dim=1).cpu().double().numpy()
    ends = np.cumsum([values.shape[1] for values in parts.values()])
    return dict(zip(parts, np.split(together, ends[:-1], axis=1)))


def _scatter_rows(values: Tensor, exists: Tensor) -> Tensor:
    """(N, n) of hands that exist -> (B, n), zeros for the others."""
    return values.new_zeros(len(exists), values.shape[1]).index_copy(
        0, exists.nonzero()[:, 0].to(values.device), values)
