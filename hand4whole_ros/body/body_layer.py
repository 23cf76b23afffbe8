"""A body model as a layer of torch: batches, differentiable in everything. Posed by the `smplx` library."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .. import skeleton
from .._vendor_patches.roma_import import roma
from ..geometry.kinematics import attached_points, kinematic_tree
from .smplx_file import NUM_BETAS, NUM_EXPRESSION
from .smplx_layer import SmplxModel

_POSE_NAMES = tuple(skeleton.POSE_SLICES)
_TIP_JOINTS = list(skeleton.TIP_JOINTS)
_KEYPOINT_ROWS = {side: list(rows) for side, rows in skeleton.HAND_KEYPOINT_ROWS.items()}


@dataclass(frozen=True)
class BodyOutput:
    """A batch of posed bodies, in the frame of global_orient and transl."""

    joints: Tensor           # (B, 55, 3) m
    vertices: Tensor         # (B, V, 3) m
    joint_rotations: Tensor  # (B, 55, 3, 3) global


class BodyLayer:
    """The body of a BodyModel, on the CPU. `BodyModel.layer` makes it.

    arrays: of the model file; tip_bones (10, 3) m and tip_bones_betas (10, 3, 10) m per unit of beta: from the last
    joint of each finger to its tip, in the T-pose.
    """

    def __init__(self, arrays: dict[str, np.ndarray], tip_bones: np.ndarray, tip_bones_betas: np.ndarray):
        #: The layer of the smplx library.
        self.smplx = SmplxModel(arrays).requires_grad_(False)
        self._tip_bones, self._tip_bones_betas = tip_bones, tip_bones_betas

    def __call__(self, global_orient: Tensor | None = None, body_pose: Tensor | None = None, *,
                 jaw_pose: Tensor | None = None, leye_pose: Tensor | None = None,
                 reye_pose: Tensor | None = None, left_hand_pose: Tensor | None = None,
                 right_hand_pose: Tensor | None = None, betas: Tensor | None = None,
                 expression: Tensor | None = None, transl: Tensor | None = None) -> BodyOutput:
        """Pose a batch of bodies. Differentiable.

        Axis-angle poses (B, n, 3) or (B, 3 n), betas and expression (B, 10), transl (B, 3) m; omitted arguments
        are zero, and a batch of one is broadcast. global_orient rotates the body about its pelvis.
        """
        poses = dict(zip(_POSE_NAMES, (global_orient, body_pose, jaw_pose, leye_pose, reye_pose,
                                       left_hand_pose, right_hand_pose)))
        sizes = {name: 3 * (span.stop - span.start) for name, span in skeleton.POSE_SLICES.items()}
        given = {**poses, 'betas': betas, 'expression': expression, 'transl': transl}
        sizes.update(betas=NUM_BETAS, expression=NUM_EXPRESSION, transl=3)
        batch = max([len(value) for value in given.values() if value is not None], default=1)
        zero = torch.zeros(1)

        def rows(value: Tensor | None, size: int) -> Tensor:
            known = zero if value is None else value.reshape(len(value), size).to(torch.float32)
            return known.expand(batch, size)
        full = {name: rows(given[name], size) for name, size in sizes.items()}
        output = self.smplx(**full, return_shaped=False)
        joints = output.joints[:, :skeleton.NUM_JOINTS]
        axis_angles = torch.cat([full[name] for name in _POSE_NAMES], dim=1).reshape(batch, -1, 3)
        rotations = kinematic_tree().global_rotations(roma.rotvec_to_rotmat(axis_angles))
        return BodyOutput(joints, output.vertices, rotations)

    def hand_keypoints(self, side: str, joints: Tensor, joint_rotations: Tensor,
                       betas: Tensor | None = None) -> Tensor:
        """(..., 21, 3) keypoints of one hand of the body's own shape, in skeleton.HAND_KEYPOINT_NAMES order.

        joints (..., 55, 3) and joint_rotations (..., 55, 3, 3) as in BodyOutput, betas (..., 10). The finger tips move
        rigidly with the last joint of their finger.
        """
        bones = joints.new_tensor(self._tip_bones)
        if betas is not None:
            directions = joints.new_tensor(self._tip_bones_betas)
            bones = bones + torch.einsum('jak,...k->...ja', directions, betas.to(joints))
        tips = attached_points(joints, joint_rotations, _TIP_JOINTS, bones)
        return torch.cat([joints, tips], dim=-2)[..., _KEYPOINT_ROWS[side], :]
