"""MANO (Romero et al., SIGGRAPH Asia 2017): hand pose and shape in, mesh, joints and keypoints out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from smplx.lbs import lbs
from smplx.vertex_ids import vertex_ids
from torch import Tensor, nn

from .. import skeleton
from .._vendor_patches.roma_import import roma
from .npz_file import check_shapes, read_npz

NUM_VERTICES, NUM_JOINTS, NUM_BETAS = 778, 16, 10

_SHAPES = {'v_template': (NUM_VERTICES, 3), 'shapedirs': (NUM_VERTICES, 3, NUM_BETAS),
           'posedirs': (NUM_VERTICES, 3, 9 * (NUM_JOINTS - 1)), 'J_regressor': (NUM_JOINTS, NUM_VERTICES),
           'weights': (NUM_VERTICES, NUM_JOINTS), 'kintree_table': (2, NUM_JOINTS),
           'hands_mean': (3 * (NUM_JOINTS - 1),), 'f': (1538, 3)}

#: smplx annotates it with its own tensor type, which no tensor has.
_linear_blend_skinning: Callable[..., tuple[Tensor, Tensor]] = lbs

_FINGERS = ('thumb', 'index', 'middle', 'ring', 'pinky')

#: Finger tips by WiLoR's choice of vertices, which is the smplx library's, ...
_TIPS = tuple(vertex_ids['mano'][finger] for finger in _FINGERS)
#: ... and by that of the hand-object data sets, as in Hand4Whole++'s keypoints.
_REGRESSED_TIPS = (745, 317, 445, 556, 673)

# MANO's joints are the wrist and then the fingers in SMPL-X's order; a hand keypoint that is no joint is a tip.
_KEYPOINT_SOURCE = tuple(
    NUM_JOINTS + (k - 4) // 4 if joint is None else max(0, joint - skeleton.HAND_SLICE['right'].start + 1)
    for k, joint in enumerate(skeleton.HAND_KEYPOINT_JOINTS['right']))


@dataclass(frozen=True)
class ManoOutput:
    """A batch of posed hands in the model's own frame, metres."""

    vertices: Tensor   # (B, 778, 3)
    joints: Tensor     # (B, 16, 3) wrist, then index, middle, pinky, ring, thumb
    keypoints: Tensor  # (B, 21, 3) in skeleton.HAND_KEYPOINT_NAMES order


class Mano(nn.Module):
    """The MANO layer of one hand; flat-hand zero, differentiable, nothing of it in a state dict.

    arrays: of a MANO file, or of another hand in its form (open_hands), whose finger tips, thumb to pinky, are the
    vertices `tips`. hands_mean (15, 3): the mean pose, axis-angle, that MANO and SMPL-X files measure their poses
    from. faces (F, 3) int32 numpy; num_vertices is 778 for MANO's own.
    """

    v_template: Tensor
    shapedirs: Tensor
    posedirs: Tensor
    J_regressor: Tensor
    weights: Tensor
    hands_mean: Tensor
    parents: Tensor

    def __init__(self, arrays: dict[str, np.ndarray], tips: Sequence[int] | None = None):
        super().__init__()
        self._tips, self._regressed_tips = (_TIPS, _REGRESSED_TIPS) if tips is None else (list(tips), list(tips))
        floats = {key: torch.as_tensor(np.asarray(arrays[key], np.float32))
                  for key in ('v_template', 'shapedirs', 'posedirs', 'J_regressor', 'weights', 'hands_mean')}
        floats['posedirs'] = floats['posedirs'].flatten(0, 1).t().contiguous()
        floats['hands_mean'] = floats['hands_mean'].view(-1, 3)
        for key, values in floats.items():
            self.register_buffer(key, values, persistent=False)
        parents = torch.as_tensor(np.asarray(arrays['kintree_table'])[0].astype(np.int64))
        parents[0] = -1
        self.register_buffer('parents', parents, persistent=False)
        self.faces = np.asarray(arrays['f'], np.int32)
        self.num_vertices = len(self.v_template)

    @classmethod
    def load(cls, path: Path) -> Mano:
        """From a MANO .npz. Raises BodyModelError for a file that cannot be used."""
        return cls(read_mano_npz(path))

    def forward(self, global_orient: Tensor, hand_pose: Tensor, betas: Tensor) -> ManoOutput:
        """Pose a batch: rotation matrices (B, 1, 3, 3) and (B, 15, 3, 3), betas (B, 10)."""
        pose = torch.cat([global_orient, hand_pose], dim=1).to(self.v_template.dtype)
        if not len(pose):  # the library cannot pose an empty batch
            vertices, joints = pose.new_zeros(0, self.num_vertices, 3), pose.new_zeros(0, NUM_JOINTS, 3)
            return ManoOutput(vertices, joints, _gather_keypoints(joints, vertices[:, self._tips]))
        vertices, joints = _linear_blend_skinning(
            betas.to(self.v_template.dtype), pose, self.v_template, self.shapedirs, self.posedirs, self.J_regressor,
            self.parents, self.weights, pose2rot=False)
        return ManoOutput(vertices, joints, _gather_keypoints(joints, vertices[:, self._tips]))

    def regress_keypoints(self, vertices: Tensor) -> Tensor:
        """Keypoints (B, 21, 3) of any mesh (B, 778, 3) in this hand's topology, for either hand."""
        return _gather_keypoints(self.J_regressor @ vertices, vertices[:, self._regressed_tips])


def load_hands(right: Path, left: Path) -> dict[str, Mano]:
    """side -> Mano, with the known error of the published left file corrected.

    The x row of its shape directions has the right hand's sign.
    """
    arrays = {'right': read_mano_npz(right), 'left': read_mano_npz(left)}
    shapedirs = np.asarray(arrays['left']['shapedirs'], np.float32)
    if np.abs(shapedirs[:, 0] - arrays['right']['shapedirs'][:, 0]).sum() < 1:
        arrays['left']['shapedirs'] = shapedirs * np.array([-1, 1, 1], np.float32)[:, None]
    return {side: Mano(values) for side, values in arrays.items()}


def pose_right_topology(right: Mano, hand_pose: Tensor, betas: Tensor, side: str) -> Tensor:
    """Meshes (N, 778, 3) of hands whose wrists are not rotated, in the right hand's topology.

    hand_pose (N, 15, 3) axis-angle, flat-hand zero; betas (N, 10). A left hand is the mirror image in x of a
    right one, as for a network whose input is always a right hand.
    """
    left = side == 'left'
    turn, mirror = (hand_pose.new_tensor(sign if left else (1, 1, 1)) for sign in ((1, -1, -1), (-1, 1, 1)))
    rotations = roma.rotvec_to_rotmat(hand_pose * turn)
    wrist = torch.eye(3, dtype=rotations.dtype, device=rotations.device).expand(len(rotations), 1, 3, 3)
    return right(wrist, rotations, betas).vertices * mirror


def read_mano_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a MANO .npz needed for posing, checked. Nothing is ever unpickled."""
    arrays = read_npz(path, tuple(_SHAPES), 'MANO', 'MANO_RIGHT.npz')
    check_shapes(arrays, _SHAPES, path, 'MANO')
    return arrays


def _gather_keypoints(joints: Tensor, tips: Tensor) -> Tensor:
    return torch.cat([joints, tips], dim=1)[:, _KEYPOINT_SOURCE]
