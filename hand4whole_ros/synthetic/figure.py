"""One anny body, for fast posing: its rest shape, and the weights of each vertex on the 55 joints.

anny's bones move rigidly with the SMPL-X joint they belong to, and anny skins linearly, so the rest shape of
one phenotype and the summed weights reproduce anny's own output exactly, with two small
matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy.sparse import csr_matrix

from .. import skeleton
from ..body import anny_rig
from ..geometry.kinematics import attached_points, forward_kinematics

_TIP_JOINTS = list(skeleton.TIP_JOINTS)
_ORIGIN = np.zeros(3)


@lru_cache(maxsize=1)
def shared_anny_model():
    """The anny body, shared within this package."""
    return anny_rig.create_anny()


@lru_cache(maxsize=1)
def reference_t_pose() -> tuple[np.ndarray, np.ndarray]:
    """The reference adult in the T-pose: vertices (V, 3) and joints (55, 3), SMPL-X axes, metres."""
    phenotype = {name: torch.tensor([value], dtype=torch.float64)
                 for name, value in anny_rig.REFERENCE_ADULT.items()}
    vertices, joints, _ = _posed_by_anny(_zero_pose(), np.zeros(3), phenotype)
    return vertices, joints


@lru_cache(maxsize=1)
def t_pose_rotations():
    """(55, 3, 3): rotation of each joint from anny's rest pose to the T-pose."""
    return anny_rig.t_pose_rotations(shared_anny_model())


@lru_cache(maxsize=1)
def joint_weights() -> np.ndarray:
    """(V, 55) float32: skinning weight of each vertex on each joint; rows sum to one."""
    return anny_rig.joint_weights(shared_anny_model()).astype(np.float32)


@lru_cache(maxsize=1)
def _sparse_weights():
    return csr_matrix(joint_weights())


@lru_cache(maxsize=1)
def body_faces() -> np.ndarray:
    """(F, 3) int64 triangles of anny's body."""
    return np.asarray(shared_anny_model().faces)


@lru_cache(maxsize=1)
def vertex_joints() -> np.ndarray:
    """(V,) the joint with the largest weight on each vertex."""
    return joint_weights().argmax(axis=1)


def _zero_pose():
    return np.tile(np.eye(3), (skeleton.NUM_JOINTS, 1, 1))


def _posed_by_anny(local_rotations, pelvis, phenotype):
    model = shared_anny_model()
    with torch.no_grad():
        pose = anny_rig.pose_to_anny(model, torch.from_numpy(np.asarray(local_rotations, np.float64))[None],
                                     torch.from_numpy(np.asarray(pelvis, np.float64))[None], phenotype)
        output = model(pose, phenotype, return_bone_ends=True)
        return (anny_rig.to_smplx(output['vertices'])[0].numpy(),
                anny_rig.joint_positions(model, output)[0].numpy(),
                anny_rig.tip_positions(model, output)[0].numpy())


@dataclass(frozen=True)
class PosedBody:
    """A body in one pose, in the frame that its global orientation maps to. Metres."""

    vertices: np.ndarray    # (V, 3) float32
    joints: np.ndarray      # (55, 3)
    rotations: np.ndarray   # (55, 3, 3) out of the T-pose
    tips: np.ndarray        # (10, 3) left thumb to pinky, right thumb to pinky

    def hand_keypoints(self, side: str) -> np.ndarray:
        """(21, 3) keypoints of the hand of `side`, 'left' or 'right'."""
        return hand_keypoints(self.joints, self.tips)[skeleton.SIDES.index(side)]


class PosableBody:
    """The body of one phenotype: dict of (1,) float64 tensors, as anny takes them.

    joints (55, 3), tips (10, 3): of the T-pose, metres; rest_vertices (V, 3) float32, rest_joints (55, 3): of
    anny's rest pose, in SMPL-X's axes.
    """

    def __init__(self, phenotype: dict[str, torch.Tensor]):
        self.phenotype = phenotype
        _, self.joints, self.tips = _posed_by_anny(_zero_pose(), np.zeros(3), phenotype)    # in the T-pose
        with torch.no_grad():
            rest = shared_anny_model()(None, phenotype)
        self.rest_vertices = anny_rig.to_smplx(rest['vertices'])[0].numpy().astype(np.float32)
        self.rest_joints = anny_rig.joint_positions(shared_anny_model(), rest)[0].numpy()

    @classmethod
    def from_arrays(cls, phenotype: dict[str, torch.Tensor], *, joints: np.ndarray, tips: np.ndarray,
                    rest_vertices: np.ndarray, rest_joints: np.ndarray) -> PosableBody:
        """From known values: joints and tips of the T-pose, vertices (V, 3) float32 and joints of anny's
        rest pose."""
        figure = cls.__new__(cls)
        figure.phenotype, figure.joints, figure.tips = phenotype, joints, tips
        figure.rest_vertices, figure.rest_joints = rest_vertices, rest_joints
        return figure

    def pose(self, local_rotations: np.ndarray, pelvis: np.ndarray) -> PosedBody:
        """local_rotations (55, 3, 3) against the parent, identity in the T-pose; pelvis (3,) m."""
        rotations, joints, tips = place_skeleton(local_rotations, self.joints, self.tips, pelvis)
        blended = joint_weights() @ self._transforms(rotations, joints)
        turned = (blended[:, :9].reshape(-1, 3, 3) @ self.rest_vertices[..., None])[..., 0]
        return PosedBody(turned + blended[:, 9:], joints, rotations, tips)

    def skin(self, rotations: np.ndarray, joints: np.ndarray, puffed: np.ndarray | None = None,
             ids: np.ndarray | None = None) -> np.ndarray:
        """(V, 3) float32 vertices around joints that are placed already, several times faster than `pose`.

        rotations (55, 3, 3) out of the T-pose, joints (55, 3) m. puffed (V, 3) m: offset of cloth and hair from
        the skin, in anny's rest pose. ids: of these vertices alone, a few.
        """
        rest = self.rest_vertices if puffed is None else self.rest_vertices + puffed
        weights = _sparse_weights()
        if ids is not None:
            rest, weights = rest[ids], joint_weights()[ids]
        blended = np.ascontiguousarray((weights @ self._transforms(rotations, joints)).T)
        x, y, z = np.ascontiguousarray(rest.T)      # columns are processed far faster than rows of three
        return np.stack([blended[3 * k] * x + blended[3 * k + 1] * y + blended[3 * k + 2] * z + blended[9 + k]
                         for k in range(3)]).T

    def _transforms(self, rotations, joints):
        """(55, 12) float32: the rotation and the offset with which each joint moves its part of the rest pose."""
        turns = rotations @ t_pose_rotations()        # skinning starts from anny's rest pose, as anny's own does
        offsets = joints - np.einsum('jab,jb->ja', turns, self.rest_joints)
        return np.concatenate([turns.reshape(-1, 9), offsets], axis=1).astype(np.float32)


def place_skeleton(local: np.ndarray, rest_joints: np.ndarray, rest_tips: np.ndarray,
                   pelvis: np.ndarray = _ORIGIN) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Poses (..., 55, 3, 3) -> global rotations (..., 55, 3, 3), joints (..., 55, 3) and finger tips (..., 10, 3).

    rest_joints (55, 3), rest_tips (10, 3) of the T-pose; pelvis (3,): its position. Metres.
    """
    joints, rotations = forward_kinematics(local, rest_joints, pelvis)
    bones = rest_tips - rest_joints[_TIP_JOINTS]
    return rotations, joints, attached_points(joints, rotations, _TIP_JOINTS, bones)


def hand_keypoints(joints: np.ndarray, tips: np.ndarray) -> np.ndarray:
    """(..., 2, 21, 3) keypoints of left and right hand, of placed joints (..., 55, 3) and tips (..., 10, 3)."""
    return np.concatenate([joints, tips], axis=-2)[..., list(skeleton.HAND_KEYPOINT_ROWS.values()), :]
