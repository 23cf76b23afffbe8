"""Change the parameters of an estimate and let everything that follows from them follow."""

from __future__ import annotations

from dataclasses import replace

import roma
import torch
from torch import Tensor

from .. import skeleton
from ..estimate import WholeBodyEstimate
from ..geometry.kinematics import forward_kinematics
from .model import BodyModel


def rest_joints(body: BodyModel, betas: Tensor) -> Tensor:
    """(55, 3) m, the joints of a body of shape `betas` (10,) in the T-pose."""
    k = body.kinematics
    return torch.from_numpy(k.rest_joints + k.rest_joints_betas @ betas.double().numpy()).float()


def posed(body: BodyModel, estimate: WholeBodyEstimate, local_rotations: Tensor, betas: Tensor,
          pelvis: Tensor) -> WholeBodyEstimate:
    """`estimate` with these joint rotations, this shape and its pelvis here.

    local_rotations (55, 3) axis-angle, betas (10,), pelvis (3,) m in the camera frame. Joints, their
    rotations, transl and the hands' 3D keypoints are computed anew; what was measured in the picture
    (boxes, 2D keypoints, confidences) stays, and the mesh is dropped.
    """
    rest = rest_joints(body, betas)
    transl = pelvis - rest[0]
    joints, rotations = forward_kinematics(roma.rotvec_to_rotmat(local_rotations), rest, transl)
    hands = {f'{hand.side}_hand': replace(
        hand, keypoints_3d=body.hand_keypoints(hand.side, joints, rotations, betas)) for hand in estimate.hands}
    parameters = {name: local_rotations[rows].reshape(getattr(estimate, name).shape)
                  for name, rows in skeleton.POSE_SLICES.items()}
    return replace(estimate, **parameters, **hands, betas=betas, transl=transl, joints=joints,
                   joint_rotations=rotations, vertices=None)
