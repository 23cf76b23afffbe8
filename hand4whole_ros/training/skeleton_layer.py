"""The open body's skeleton and its right hand as layers without skin: enough for losses, in a hundredth of the time."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from .. import skeleton
from ..body.model import BodyKinematics
from ..geometry.kinematics import attached_points, forward_kinematics
from .targets import NUM_BODY

_WRIST = skeleton.WRIST['right']
_HAND = [_WRIST, *range(skeleton.HAND_SLICE['right'].start, skeleton.HAND_SLICE['right'].stop)]
_HAND_PARENTS = [-1, *(_HAND.index(skeleton.PARENTS[joint]) for joint in _HAND[1:])]

#: For each hand keypoint, its joint of the hand, or the joint its tip is attached to; and the tip's number or -1.
_JOINT, _TIP = [], []
for _k, _name in enumerate(skeleton.HAND_KEYPOINT_JOINTS['right']):
    _JOINT.append(_JOINT[-1] if _name is None else _HAND.index(_name))
    _TIP.append(_k // 4 - 1 if _name is None else -1)


class SkeletonLayer(nn.Module):
    """kinematics: of the open body; components (10, 10): of body.open_hands.hand_shape_components."""

    rest: Tensor
    rest_betas: Tensor
    hand: Tensor
    hand_betas: Tensor
    tips: Tensor
    tips_betas: Tensor

    def __init__(self, kinematics: BodyKinematics, components: np.ndarray):
        super().__init__()
        k = kinematics

        def keep(name, values):
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)), False)
        keep('rest', k.rest_joints[:NUM_BODY])
        keep('rest_betas', k.rest_joints_betas[:NUM_BODY])
        keep('hand', k.rest_joints[_HAND] - k.rest_joints[_WRIST])
        keep('hand_betas', (k.rest_joints_betas[_HAND] - k.rest_joints_betas[_WRIST]) @ components)
        tips = [joint for joint in range(16) if joint and joint not in _HAND_PARENTS]
        order = [_JOINT[k] for k in skeleton.FINGERTIP_KEYPOINTS]
        assert sorted(order) == tips
        keep('tips', k.rest_tips[5:] - k.rest_joints[np.array(_HAND)[order]])
        keep('tips_betas', (k.rest_tips_betas[5:] - k.rest_joints_betas[np.array(_HAND)[order]]) @ components)
        self._tip_joints = order

    def body(self, rotations: Tensor, betas: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 22, 3, 3) and (B, 10) -> joints (B, 22, 3) m from the pelvis, and their rotations (B, 22, 3, 3)."""
        rest = self.rest + torch.einsum('jck,bk->bjc', self.rest_betas, betas)
        joints, turns = forward_kinematics(rotations, rest, parents=skeleton.PARENTS[:NUM_BODY])
        return joints - joints[:, :1], turns

    def right_hand(self, rotations: Tensor, betas: Tensor) -> Tensor:
        """(B, 16, 3, 3) and (B, 10) -> keypoints (B, 21, 3) m from the wrist."""
        rest = self.hand + torch.einsum('jck,bk->bjc', self.hand_betas, betas)
        joints, turns = forward_kinematics(rotations, rest, parents=_HAND_PARENTS)
        offsets = self.tips + torch.einsum('jck,bk->bjc', self.tips_betas, betas)
        tips = attached_points(joints, turns, self._tip_joints, offsets)
        points, fingers = [], iter(range(5))
        for joint, tip in zip(_JOINT, _TIP):
            points.append(joints[:, joint] if tip < 0 else tips[:, next(fingers)])
        return torch.stack(points, dim=1)
