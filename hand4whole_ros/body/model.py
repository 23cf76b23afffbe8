"""The body model everything else uses: parameters in, joints and mesh out.

One class for the open body and for licensed SMPL-X files; both are posed by the `smplx` library.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import roma
import torch
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from torch import Tensor

from .. import skeleton
from ..estimate import WholeBodyEstimate
from ..geometry.kinematics import forward_kinematics
from ..geometry.mesh import boundary_ring, submesh_faces
from .npz_file import BodyModelError
from .open_body import TIPS_KEY, OpenBodyUnavailable, load_or_build
from .smplx_file import NUM_BETAS, SmplxModel, fingertip_vertices, read_smplx_npz

__all__ = ['BodyKinematics', 'BodyModel', 'BodyModelError', 'BodyOutput', 'OpenBodyUnavailable']

_POSE_NAMES = tuple(skeleton.POSE_SLICES)
_TIP_JOINTS = {side: [skeleton.HAND_KEYPOINT_JOINTS[side][k - 1] for k in skeleton.FINGERTIP_KEYPOINTS]
               for side in skeleton.SIDES}


@dataclass(frozen=True)
class BodyOutput:
    """A batch of posed bodies, in the frame that global_orient and transl lead to."""

    joints: Tensor           # (B, 55, 3) m
    vertices: Tensor         # (B, V, 3) m
    joint_rotations: Tensor  # (B, 55, 3, 3) global


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
        self.smplx = SmplxModel(arrays).to(self.device).requires_grad_(False)
        self._shapedirs = torch.cat([self.smplx.shapedirs, self.smplx.expr_dirs], dim=-1).cpu().numpy()
        self._weights = np.asarray(arrays['weights'], np.float32)
        self._v_template = np.asarray(arrays['v_template'], np.float32)
        self._has_pose_blendshapes = bool(np.any(arrays['posedirs']))
        regressor = np.asarray(arrays['J_regressor'], np.float64)
        self._rest_joints = regressor @ arrays['v_template']
        self._rest_joints_dirs = np.tensordot(regressor, self._shapedirs, 1)
        self.hand_vertices, self.hand_faces = self._find_hands()
        self.kinematics = self._make_kinematics()

    @classmethod
    def load(cls, path: Path | None = None, device: str | torch.device = 'cpu') -> BodyModel:
        """The open body, or the licensed SMPL-X .npz at `path`.

        The open body is made on first use, some ten seconds, and kept in the user's cache. Raises
        BodyModelError for a file that cannot be used, OpenBodyUnavailable where anny is not installed.
        """
        if path is not None:
            arrays = read_smplx_npz(path)
            return cls('smplx', arrays, fingertip_vertices(arrays, path), device)
        arrays, _ = load_or_build()
        tips = arrays[TIPS_KEY]
        return cls('anny', arrays, {'left': tips[:5], 'right': tips[5:]}, device)

    def __call__(self, global_orient: Tensor | None = None, body_pose: Tensor | None = None,
                 jaw_pose: Tensor | None = None, leye_pose: Tensor | None = None,
                 reye_pose: Tensor | None = None, left_hand_pose: Tensor | None = None,
                 right_hand_pose: Tensor | None = None, betas: Tensor | None = None,
                 expression: Tensor | None = None, transl: Tensor | None = None) -> BodyOutput:
        """Pose a batch of bodies. Differentiable.

        Axis-angle poses (B, n, 3) or (B, 3 n), betas and expression (B, 10), transl (B, 3) m; what is left
        out is zero, and a batch of one serves all. global_orient turns the body about its pelvis.
        """
        poses = dict(zip(_POSE_NAMES, (global_orient, body_pose, jaw_pose, leye_pose, reye_pose,
                                       left_hand_pose, right_hand_pose)))
        sizes = {name: 3 * (span.stop - span.start) for name, span in skeleton.POSE_SLICES.items()}
        given = {**poses, 'betas': betas, 'expression': expression, 'transl': transl}
        sizes.update(betas=NUM_BETAS, expression=NUM_BETAS, transl=3)
        batch = max([len(value) for value in given.values() if value is not None], default=1)
        zero = torch.zeros(1, device=self.device)
        full = {name: (zero if given[name] is None else given[name].reshape(len(given[name]), size)
                       .to(self.device, torch.float32)).expand(batch, size) for name, size in sizes.items()}
        output = self.smplx(**full, return_shaped=False)
        joints = output.joints[:, :skeleton.NUM_JOINTS]
        axis_angles = torch.cat([full[name] for name in _POSE_NAMES], dim=1).reshape(batch, -1, 3)
        _, rotations = forward_kinematics(roma.rotvec_to_rotmat(axis_angles), joints)
        return BodyOutput(joints, output.vertices, rotations)

    def vertices(self, estimate: WholeBodyEstimate) -> Tensor:
        """(V, 3) float32 mesh of one estimate, in its camera frame: what calling the model gives, faster."""
        axis_angles = torch.cat([getattr(estimate, name).reshape(-1, 3) for name in _POSE_NAMES]).double()
        local = Rotation.from_rotvec(axis_angles.numpy()).as_matrix()
        coefficients = torch.cat([estimate.betas, estimate.expression]).numpy()
        rest = self._rest_joints + self._rest_joints_dirs @ coefficients
        placed, turned = _chain(local, rest)
        transforms = np.empty((skeleton.NUM_JOINTS, 3, 4))
        transforms[..., :3] = turned
        transforms[..., 3] = placed - np.einsum('jab,jb->ja', turned, rest) + estimate.transl.numpy()

        shaped = self._v_template + (self._shapedirs.reshape(-1, len(coefficients))
                                     @ coefficients).reshape(-1, 3)
        if self._has_pose_blendshapes:
            features = torch.from_numpy((local[1:] - np.eye(3)).ravel()).to(self.device, torch.float32)
            shaped += (features @ self.smplx.posedirs).cpu().numpy().reshape(-1, 3)
        flat = transforms.reshape(skeleton.NUM_JOINTS, 12).astype(np.float32)
        blend = (self._weights @ flat).reshape(-1, 3, 4)
        posed = np.einsum('vab,vb->va', blend[..., :3], shaped) + blend[..., 3]
        return torch.from_numpy(posed)

    def hand_keypoints(self, side: str, joints: Tensor, joint_rotations: Tensor,
                       betas: Tensor | None = None) -> Tensor:
        """(..., 21, 3) keypoints of one hand, in skeleton.HAND_KEYPOINT_NAMES order.

        joints (..., 55, 3) and joint_rotations (..., 55, 3, 3) as in WholeBodyEstimate, betas (..., 10). The
        finger tips move rigidly with the last joint of their finger.
        """
        half = slice(0, 5) if side == 'left' else slice(5, 10)
        last = _TIP_JOINTS[side]
        bones = joints.new_tensor(self.kinematics.rest_tips[half] - self.kinematics.rest_joints[last])
        if betas is not None:
            directions = self.kinematics.rest_tips_betas[half] - self.kinematics.rest_joints_betas[last]
            bones = bones + torch.einsum('jak,...k->...ja', joints.new_tensor(directions), betas.to(joints))
        tips = joints[..., last, :] + (joint_rotations[..., last, :, :] @ bones[..., None])[..., 0]
        sources = [joints[..., index, :] if index is not None else tips[..., (k - 4) // 4, :]
                   for k, index in enumerate(skeleton.HAND_KEYPOINT_JOINTS[side])]
        return torch.stack(sources, dim=-2)

    @cached_property
    def wrist_rings(self) -> dict[str, np.ndarray]:
        """side -> vertex ids around the wrist where the hand was cut, in order, mirrored left to right."""
        left = boundary_ring(self.faces[self.hand_faces['left']])
        position = {vertex: k for k, vertex in enumerate(self.hand_vertices['left'].tolist())}
        order = [position[vertex] for vertex in left.tolist()]
        return {'left': left, 'right': self.hand_vertices['right'][order]}

    def _find_hands(self):
        vertices, faces = {}, {}
        for side in skeleton.SIDES:
            fingers = self._weights[:, skeleton.HAND_SLICE[side]].sum(axis=1)
            keep = fingers + self._weights[:, skeleton.WRIST[side]] > 0.5
            faces[side] = submesh_faces(self.faces, keep)
            vertices[side] = np.unique(self.faces[faces[side]]).astype(np.int64)
        _, mirror = cKDTree(self._v_template[vertices['right']]).query(
            self._v_template[vertices['left']] * np.float32([-1, 1, 1]))
        if len(vertices['left']) == len(vertices['right']) == len(np.unique(mirror)):
            vertices['right'] = vertices['right'][mirror]
        return vertices, faces

    def _make_kinematics(self):
        tips = np.concatenate([self.fingertips[side] for side in skeleton.SIDES])
        return BodyKinematics(
            rest_joints=self._rest_joints, rest_joints_betas=self._rest_joints_dirs[..., :NUM_BETAS],
            rest_tips=self._v_template[tips].astype(np.float64),
            rest_tips_betas=self._shapedirs[tips, :, :NUM_BETAS].astype(np.float64),
            parents=skeleton.PARENTS, tip_joints=tuple(_TIP_JOINTS['left'] + _TIP_JOINTS['right']))


def _chain(local, rest):
    """forward_kinematics for one person in numpy: (55, 3, 3), (55, 3) -> places, global rotations."""
    turned, placed = local.copy(), rest.copy()
    for joint, parent in enumerate(skeleton.PARENTS):
        if parent >= 0:
            turned[joint] = turned[parent] @ local[joint]
            placed[joint] = placed[parent] + turned[parent] @ (rest[joint] - rest[parent])
    return placed, turned
