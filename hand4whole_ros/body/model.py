"""The body model everything else uses: from parameters to joints and mesh.

One class for the open body and for licensed SMPL-X files; both are posed by the `smplx` library, and by the same
computation in numpy for single persons. `smplx_mano_body.py` contains the body with separate hand shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation
from torch import Tensor

from .. import skeleton
from .._vendor_patches.roma_import import roma
from ..estimate import WholeBodyEstimate
from ..geometry.kinematics import attached_points, kinematic_tree
from ..geometry.mesh import boundary_loop, submesh_faces
from .body_face import body_face
from .npz_file import BodyModelError
from .open_body import TIPS_KEY, OpenBodyUnavailable, load_arrays
from .skinning import PosedSkeletons, SkinnedMesh
from .smplx_file import (
    NUM_BETAS,
    NUM_EXPRESSION,
    SmplxModel,
    fingertip_vertices,
    read_smplx_npz,
    shape_and_expression,
    without_pose_offsets,
)

__all__ = ['BodyKinematics', 'BodyModel', 'BodyModelError', 'BodyOutput', 'BodySkeleton', 'OpenBodyUnavailable']

_POSE_NAMES = tuple(skeleton.POSE_SLICES)
_TIP_JOINTS = list(skeleton.TIP_JOINTS)
_KEYPOINT_ROWS = {side: list(rows) for side, rows in skeleton.HAND_KEYPOINT_ROWS.items()}


@dataclass(frozen=True)
class BodyOutput:
    """A batch of posed bodies, in the frame of global_orient and transl."""

    joints: Tensor           # (B, 55, 3) m
    vertices: Tensor         # (B, V, 3) m
    joint_rotations: Tensor  # (B, 55, 3, 3) global


@dataclass(frozen=True)
class BodySkeleton:
    """One posed person without the skin, float64 numpy, in the frame of the root's rotation and transl."""

    transl: np.ndarray                     # (3,) m
    joints: np.ndarray                     # (55, 3) m
    joint_rotations: np.ndarray            # (55, 3, 3) global
    hand_keypoints: dict[str, np.ndarray]  # side -> (21, 3) m


@dataclass(frozen=True)
class BodyKinematics:
    """The skeleton without the skin, float64 numpy, in the T-pose. Everything is linear in the betas.

    The finger tips are those of TIPS order: left thumb to pinky, right thumb to pinky; each moves rigidly
    with its joint in tip_joints.
    """

    rest_joints: np.ndarray        # (55, 3) m at zero betas
    rest_joints_betas: np.ndarray  # (55, 3, 10) m per unit of beta
    rest_tips: np.ndarray          # (10, 3)
    rest_tips_betas: np.ndarray    # (10, 3, 10)
    parents: tuple[int, ...]
    tip_joints: tuple[int, ...]    # (10,)


class BodyModel:
    """A body in SMPL-X's parameters: 55 joints, 10 betas, 10 expression coefficients, flat-hand zero.

    name: 'anny' or 'smplx'. faces: (F, 3) int32. hand_vertices: side -> (Vh,) int64 vertex ids of the hand
    beyond the wrist, where index k of one side is the mirror image of index k of the other. hand_faces:
    side -> ids of the faces within it. fingertips: side -> (5,) vertex ids, thumb to pinky.
    """

    def __init__(self, name: str, arrays: dict[str, np.ndarray], fingertips: dict[str, np.ndarray],
                 device: str | torch.device = 'cpu'):
        self.name = name
        self.device = torch.device(device)
        self.faces = np.ascontiguousarray(arrays['f'], dtype=np.int32)
        self.num_vertices = len(arrays['v_template'])
        self.fingertips = fingertips
        self._arrays = arrays
        self._skin = SkinnedMesh(arrays['v_template'], shape_and_expression(arrays['shapedirs']),
                                 None if without_pose_offsets(arrays['posedirs']) else self.smplx.posedirs,
                                 J_regressor=arrays['J_regressor'], weights=arrays['weights'], parents=skeleton.PARENTS)
        self.hand_vertices, self.hand_faces = self._locate_hands()
        self.kinematics = self._make_kinematics()
        #: The landmarks of the face; None if the file does not contain them; that of the open body does.
        self.face = body_face(arrays)
        k = self.kinematics
        self._tip_bones = k.rest_tips - k.rest_joints[_TIP_JOINTS]
        self._tip_bones_betas = k.rest_tips_betas - k.rest_joints_betas[_TIP_JOINTS]

    @cached_property
    def smplx(self) -> SmplxModel:
        """The layer of the smplx library. A node never poses with it, and never creates it for the open body."""
        arrays, self._arrays = self._arrays, {}     # those of a licensed file take as much memory as the layer
        return SmplxModel(arrays).to(self.device).requires_grad_(False)

    @property
    def v_template(self) -> np.ndarray:
        """(V, 3) float32 m, the mean person at rest."""
        return self._skin.v_template

    @classmethod
    def load(cls, path: Path | None = None, device: str | torch.device = 'cpu') -> BodyModel:
        """The open body, or the licensed SMPL-X .npz at `path`.

        Raises BodyModelError for a file that cannot be used, OpenBodyUnavailable if the package is damaged.
        """
        if path is not None:
            arrays = read_smplx_npz(path)
            return cls('smplx', arrays, fingertip_vertices(arrays, path), device)
        return cls.from_open_body(load_arrays(), device)

    @classmethod
    def from_open_body(cls, arrays: dict[str, np.ndarray], device: str | torch.device = 'cpu') -> BodyModel:
        """The open body from arrays of open_body.load_arrays."""
        tips = arrays[TIPS_KEY]
        return cls('anny', arrays, {'left': tips[:5], 'right': tips[5:]}, device)

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
        zero = torch.zeros(1, device=self.device)

        def rows(value: Tensor | None, size: int) -> Tensor:
            known = zero if value is None else value.reshape(len(value), size).to(self.device, torch.float32)
            return known.expand(batch, size)
        full = {name: rows(given[name], size) for name, size in sizes.items()}
        output = self.smplx(**full, return_shaped=False)
        joints = output.joints[:, :skeleton.NUM_JOINTS]
        axis_angles = torch.cat([full[name] for name in _POSE_NAMES], dim=1).reshape(batch, -1, 3)
        rotations = kinematic_tree().global_rotations(roma.rotvec_to_rotmat(axis_angles))
        return BodyOutput(joints, output.vertices, rotations)

    def vertices(self, estimate: WholeBodyEstimate) -> Tensor:
        """(V, 3) float32 mesh of one estimate, in its camera frame: the same as calling the model, but faster."""
        return torch.from_numpy(self._skin.vertices(self._pose_estimate(estimate))[0])

    def rest_joints(self, betas: Tensor, expression: Tensor | None = None) -> np.ndarray:
        """(55, 3) float64 m, the joints in the T-pose, of betas (10,) and expression (10,), by default none."""
        return self._skin.rest_joints + self._skin.rest_joints_dirs @ _coefficients(betas, expression)

    def skeleton(self, local_rotations: Tensor, betas: Tensor, expression: Tensor | None = None, *,
                 pelvis: Tensor | None = None, transl: Tensor | None = None,
                 hand_betas: Mapping[str, Tensor] | None = None) -> BodySkeleton:
        """One person's joints and hand keypoints, in a fraction of a millisecond. Not differentiable.

        local_rotations (55, 3) axis-angle, betas (10,), expression (10,) or None for none; pelvis (3,) m is the
        position of the pelvis, transl (3,) m that of SMPL-X's origin; at most one of them. hand_betas: side -> (10,)
        of hands with their own shape, which only a SmplxManoBody uses.
        """
        chain = self._pose(local_rotations, betas, expression)
        if pelvis is not None:
            shift = _float64(pelvis) - chain.rest[0, 0]
        else:
            shift = np.zeros(3) if transl is None else _float64(transl)
        joints, rotations = chain.joints[0] + shift, chain.rotations[0]
        bones = self._tip_bones + self._tip_bones_betas @ _float64(betas)
        tips = attached_points(joints, rotations, _TIP_JOINTS, bones)
        points = np.concatenate([joints, tips])
        keypoints = {side: points[_KEYPOINT_ROWS[side]] for side in skeleton.SIDES}
        return BodySkeleton(shift, joints, rotations, keypoints)

    def hand_keypoints(self, side: str, joints: Tensor, joint_rotations: Tensor,
                       betas: Tensor | None = None) -> Tensor:
        """(..., 21, 3) keypoints of one hand of the body's own shape, in skeleton.HAND_KEYPOINT_NAMES order.

        joints (..., 55, 3) and joint_rotations (..., 55, 3, 3) as in WholeBodyEstimate, betas (..., 10). The
        finger tips move rigidly with the last joint of their finger. Differentiable.
        """
        bones = joints.new_tensor(self._tip_bones)
        if betas is not None:
            directions = joints.new_tensor(self._tip_bones_betas)
            bones = bones + torch.einsum('jak,...k->...ja', directions, betas.to(joints))
        tips = attached_points(joints, joint_rotations, _TIP_JOINTS, bones)
        return torch.cat([joints, tips], dim=-2)[..., _KEYPOINT_ROWS[side], :]

    @cached_property
    def wrist_rings(self) -> dict[str, np.ndarray]:
        """side -> vertex ids around the wrist where the hand was cut, in order, mirrored left to right."""
        left = boundary_loop(self.faces[self.hand_faces['left']])
        position = {vertex: k for k, vertex in enumerate(self.hand_vertices['left'].tolist())}
        order = [position[vertex] for vertex in left.tolist()]
        return {'left': left, 'right': self.hand_vertices['right'][order]}

    def _pose(self, local_rotations, betas, expression) -> PosedSkeletons:
        local = Rotation.from_rotvec(_float64(local_rotations)).as_matrix()
        return self._skin.pose(local[None], _coefficients(betas, expression)[None])

    def _pose_estimate(self, estimate: WholeBodyEstimate) -> PosedSkeletons:
        rotations = torch.cat([getattr(estimate, name).reshape(-1, 3) for name in _POSE_NAMES])
        chain = self._pose(rotations, estimate.betas, estimate.expression)
        return replace(chain, joints=chain.joints + _float64(estimate.transl))

    def _locate_hands(self):
        weights, template = self._skin.weights, self._skin.v_template
        vertices, faces = {}, {}
        for side in skeleton.SIDES:
            fingers = weights[:, skeleton.HAND_SLICE[side]].sum(axis=1)
            keep = fingers + weights[:, skeleton.WRIST[side]] > 0.5
            faces[side] = submesh_faces(self.faces, keep)
            vertices[side] = np.unique(self.faces[faces[side]]).astype(np.int64)
        _, mirror = KDTree(template[vertices['right']]).query(
            template[vertices['left']] * np.array([-1, 1, 1], np.float32))
        if len(vertices['left']) == len(vertices['right']) == len(np.unique(mirror)):
            vertices['right'] = vertices['right'][mirror]
        return vertices, faces

    def _make_kinematics(self):
        tips, skin = np.concatenate([self.fingertips[side] for side in skeleton.SIDES]), self._skin
        return BodyKinematics(
            rest_joints=skin.rest_joints, rest_joints_betas=skin.rest_joints_dirs[..., :NUM_BETAS],
            rest_tips=skin.v_template[tips].astype(np.float64),
            rest_tips_betas=skin.shapedirs[tips, :, :NUM_BETAS].astype(np.float64),
            parents=skeleton.PARENTS, tip_joints=skeleton.TIP_JOINTS)


def _coefficients(betas, expression):
    """(20,) float64."""
    return np.concatenate([_float64(betas), np.zeros(NUM_EXPRESSION) if expression is None else _float64(expression)])


def _float64(values):
    return np.asarray(values, np.float64)
