"""The body model everything else uses: from parameters to joints and mesh.

One class for the open body and for licensed SMPL-X files, in numpy. `body_layer.py` poses batches of the same body with
torch and the `smplx` library; `smplx_mano_body.py` contains the body with separate hand shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from .. import skeleton
from ..estimate import WholeBodyEstimate
from ..geometry.kinematics import attached_points
from ..geometry.mesh import boundary_loop, submesh_faces
from .body_face import body_face
from .npz_file import BodyModelError
from .open_body import TIPS_KEY, OpenBodyUnavailable, load_arrays
from .skinning import PosedSkeletons, SkinnedMesh
from .smplx_file import (
    NUM_BETAS,
    NUM_EXPRESSION,
    fingertip_vertices,
    read_smplx_npz,
    shape_and_expression,
    without_pose_offsets,
)

if TYPE_CHECKING:
    from .body_layer import BodyLayer

__all__ = ['BodyKinematics', 'BodyModel', 'BodyModelError', 'BodySkeleton', 'OpenBodyUnavailable']

_TIP_JOINTS = list(skeleton.TIP_JOINTS)
_KEYPOINT_ROWS = {side: list(rows) for side, rows in skeleton.HAND_KEYPOINT_ROWS.items()}


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

    def __init__(self, name: str, arrays: dict[str, np.ndarray], fingertips: dict[str, np.ndarray]):
        self.name = name
        self.faces = np.ascontiguousarray(arrays['f'], dtype=np.int32)
        self.num_vertices = len(arrays['v_template'])
        self.fingertips = fingertips
        self._skin = SkinnedMesh(arrays['v_template'], shape_and_expression(arrays['shapedirs']),
                                 None if without_pose_offsets(arrays['posedirs']) else arrays['posedirs'],
                                 J_regressor=arrays['J_regressor'], weights=arrays['weights'], parents=skeleton.PARENTS)
        # Those of the skin: a published file has 400 shape components in double precision.
        self._arrays = {**arrays, 'shapedirs': self._skin.shapedirs, 'posedirs': arrays['posedirs']
                        if self._skin.posedirs is None else self._skin.posedirs}
        self.hand_vertices, self.hand_faces = self._locate_hands()
        self.kinematics = self._make_kinematics()
        #: The landmarks of the face; None if the file does not contain them; that of the open body does.
        self.face = body_face(arrays)
        k = self.kinematics
        self.tip_bones = k.rest_tips - k.rest_joints[_TIP_JOINTS]
        self.tip_bones_betas = k.rest_tips_betas - k.rest_joints_betas[_TIP_JOINTS]

    @cached_property
    def layer(self) -> BodyLayer:
        """The same body for batches of tensors, differentiable, on the CPU. It needs torch; a node does not."""
        from .body_layer import BodyLayer
        return BodyLayer(self._arrays, self.tip_bones, self.tip_bones_betas)

    @property
    def v_template(self) -> np.ndarray:
        """(V, 3) float32 m, the mean person at rest."""
        return self._skin.v_template

    @property
    def shape_directions(self) -> np.ndarray:
        """(V, 3, 10) float32 m per unit of beta, at rest."""
        return self._skin.shapedirs[..., :NUM_BETAS]

    @classmethod
    def load(cls, path: Path | None = None) -> BodyModel:
        """The open body, or the licensed SMPL-X .npz at `path`.

        Raises BodyModelError for a file that cannot be used, OpenBodyUnavailable if the package is damaged.
        """
        if path is not None:
            arrays = read_smplx_npz(path)
            return cls('smplx', arrays, fingertip_vertices(arrays, path))
        return cls.from_open_body(load_arrays())

    @classmethod
    def from_open_body(cls, arrays: dict[str, np.ndarray]) -> BodyModel:
        """The open body from arrays of open_body.load_arrays."""
        tips = arrays[TIPS_KEY]
        return cls('anny', arrays, {'left': tips[:5], 'right': tips[5:]})

    def vertices(self, estimate: WholeBodyEstimate) -> np.ndarray:
        """(V, 3) float32 mesh of one estimate, in its camera frame."""
        return self._skin.vertices(self._pose_estimate(estimate))[0]

    def mesh(self, local_rotations: np.ndarray, betas: np.ndarray, expression: np.ndarray | None = None,
             transl: np.ndarray | None = None) -> np.ndarray:
        """(V, 3) float32 m, of the parameters of one person as in `skeleton`; the hands have the body's own shape."""
        shift = np.zeros(3) if transl is None else transl
        return self._skin.vertices(_moved(self._pose(local_rotations, betas, expression), shift))[0]

    def rest_joints(self, betas: np.ndarray, expression: np.ndarray | None = None) -> np.ndarray:
        """(55, 3) float64 m, the joints in the T-pose, of betas (10,) and expression (10,), by default none."""
        return self._skin.rest_joints + self._skin.rest_joints_dirs @ _coefficients(betas, expression)

    def skeleton(self, local_rotations: ArrayLike, betas: ArrayLike, expression: ArrayLike | None = None, *,
                 pelvis: ArrayLike | None = None, transl: ArrayLike | None = None,
                 hand_betas: Mapping[str, np.ndarray] | None = None) -> BodySkeleton:
        """One person's joints and hand keypoints, in a fraction of a millisecond.

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
        bones = self.tip_bones + self.tip_bones_betas @ _float64(betas)
        tips = attached_points(joints, rotations, _TIP_JOINTS, bones)
        points = np.concatenate([joints, tips])
        keypoints = {side: points[_KEYPOINT_ROWS[side]] for side in skeleton.SIDES}
        return BodySkeleton(shift, joints, rotations, keypoints)

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
        return _moved(self._pose(estimate.local_rotations, estimate.betas, estimate.expression), estimate.transl)

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


def _moved(chain, shift):
    return replace(chain, joints=chain.joints + _float64(shift))


def _coefficients(betas, expression):
    """(20,) float64."""
    return np.concatenate([_float64(betas), np.zeros(NUM_EXPRESSION) if expression is None else _float64(expression)])


def _float64(values):
    return np.asarray(values, np.float64)
