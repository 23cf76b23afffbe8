"""A body with separate hand shapes: SMPL-X with MANO hands aligned to it (Hand4Whole++, CVPR 2026).

The same result as networks.hand4whole_pp, from parameters alone, so that joints, keypoints and mesh follow parameters
that were filtered, averaged or held.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from .. import skeleton
from ..estimate import WholeBodyEstimate
from ..geometry.alignment import apply_alignment, rigid_alignment
from .mano import Mano
from .model import BodyModel, BodySkeleton
from .published import PublishedBody
from .skinning import PosedSkeletons, SkinnedMesh, SurfacePoints

_PALM = list(skeleton.PALM_KEYPOINTS)
_PALM_JOINTS = {side: [joint for k in _PALM if (joint := skeleton.HAND_KEYPOINT_JOINTS[side][k]) is not None]
                for side in skeleton.SIDES}

#: side -> the keypoints that are finger joints, and those joints. The wrist remains the body's.
_FINGER_KEYPOINTS = [k for k, joint in enumerate(skeleton.HAND_KEYPOINT_JOINTS['left']) if k and joint is not None]
_FINGER_JOINTS = {side: [skeleton.HAND_KEYPOINT_JOINTS[side][k] for k in _FINGER_KEYPOINTS]
                  for side in skeleton.SIDES}

#: A left hand is a right one mirrored in x, as for the hand expert, whose input is always a right hand.
_MIRROR = {'left': np.array([-1.0, 1.0, 1.0]), 'right': np.ones(3)}


class SmplxManoBody(BodyModel):
    """SMPL-X with the hand shapes of an estimate, if it has them (HandEstimate.has_own_shape).

    Such a hand is MANO with its betas and the estimate's finger pose, rigidly aligned to the wrist and the four
    knuckles of SMPL-X; its keypoints and finger joints are MANO's, the wrist joint remains the body's. In the mesh it
    replaces SMPL-X's hand, and the seam is smoothed. `hand_keypoints` and calling the model use SMPL-X's own hands
    only.
    """

    def __init__(self, published: PublishedBody):
        super().__init__(published.name, published.arrays, published.fingertips)
        right = published.mano['right']
        transfer = published.transfer()
        self._places = {
            side: _HandRegion(*(getattr(transfer, f'{side}_{name}').numpy() for name in _HandRegion._fields))
            for side in skeleton.SIDES
        }
        self._hand = _make_skinned_mesh(right)
        each_vertex = torch.eye(right.num_vertices, device=right.J_regressor.device)[None]
        self._hand_points = SurfacePoints(self._hand, right.regress_keypoints(each_vertex)[0].cpu().numpy())

    def skeleton(self, local_rotations: ArrayLike, betas: ArrayLike, expression: ArrayLike | None = None, *,
                 pelvis: ArrayLike | None = None, transl: ArrayLike | None = None,
                 hand_betas: Mapping[str, np.ndarray] | None = None) -> BodySkeleton:
        """See BodyModel.skeleton; hands in `hand_betas` have that MANO shape."""
        own = super().skeleton(local_rotations, betas, expression, pelvis=pelvis, transl=transl)
        if not hand_betas:
            return own
        aligned = self._align_hands(own.joints, np.asarray(local_rotations, np.float64), hand_betas)
        joints, keypoints = own.joints.copy(), dict(own.hand_keypoints)
        for side, points in zip(aligned.sides, aligned.keypoints):
            keypoints[side] = points
            joints[_FINGER_JOINTS[side]] = points[_FINGER_KEYPOINTS]
        return replace(own, joints=joints, hand_keypoints=keypoints)

    def vertices(self, estimate: WholeBodyEstimate) -> np.ndarray:
        """(V, 3) float32 mesh of one estimate, in its camera frame."""
        body = self._pose_estimate(estimate)
        vertices, hand_betas = self._skin.vertices(body)[0], estimate.hand_betas
        if hand_betas:
            aligned = self._align_hands(body.joints[0], estimate.local_rotations.astype(np.float64), hand_betas)
            for side, mesh in zip(aligned.sides, aligned.place(self._hand.vertices(aligned.chain))):
                place = self._places[side]
                vertices[place.vertices] = mesh
                vertices[place.band] = place.operator @ vertices[place.around]
        return vertices

    def _align_hands(
        self, joints: np.ndarray, local_rotations: np.ndarray, hand_betas: Mapping[str, np.ndarray]
    ) -> _AlignedHands:
        """Hands aligned to SMPL-X's joints (55, 3); local_rotations (55, 3) axis-angle; side -> betas (10,)."""
        sides = list(hand_betas)
        mirror = np.stack([_MIRROR[side] for side in sides])
        # Mirrored in x, an axis-angle keeps its x and changes the sign of y and z.
        axis_angles = np.stack([local_rotations[skeleton.HAND_SLICE[side]] * _MIRROR[side].prod() * _MIRROR[side]
                          for side in sides])
        local = np.concatenate([np.zeros((len(sides), 1, 3)), axis_angles], axis=1)
        local = Rotation.from_rotvec(local.reshape(-1, 3)).as_matrix().reshape(*local.shape, 3)
        chain = self._hand.pose(local, np.stack([np.asarray(hand_betas[side], np.float64) for side in sides]))
        keypoints = self._hand_points(chain) * mirror[:, None]
        palms = np.stack([joints[_PALM_JOINTS[side]] for side in sides])
        rotations, translations = rigid_alignment(keypoints[:, _PALM], palms)
        keypoints = apply_alignment(keypoints, rotations, translations)
        return _AlignedHands(sides, chain, keypoints, mirror, rotations, translations)


class _HandRegion(NamedTuple):
    """The place of a hand in SMPL-X's mesh, and the seam around it: HandTransfer's topology."""

    vertices: np.ndarray  # (778,) ids of its vertices
    band: np.ndarray      # (S,) ids of the smoothed vertices
    around: np.ndarray    # (T,) ids of the vertices they are computed from ...
    operator: np.ndarray  # (S, T) ... with this matrix


@dataclass(frozen=True)
class _AlignedHands:
    """N hands, posed by MANO as right hands, and their alignment to the body."""

    sides: list[str]
    chain: PosedSkeletons
    keypoints: np.ndarray     # (N, 21, 3) m, in the body's frame
    mirror: np.ndarray        # (N, 3) -1 in x for left hands
    rotations: np.ndarray     # (N, 3, 3)
    translations: np.ndarray  # (N, 3)

    def place(self, points: np.ndarray) -> np.ndarray:
        """(N, K, 3) in MANO's own frame, of right hands -> the body's. float32."""
        turn = np.swapaxes(self.rotations, -1, -2) * self.mirror[..., None]
        return (points @ turn + self.translations[:, None]).astype(np.float32)


def _make_skinned_mesh(mano: Mano) -> SkinnedMesh:
    arrays = {name: getattr(mano, name).cpu().numpy() for name in ('v_template', 'shapedirs', 'J_regressor', 'weights')}
    posedirs = mano.posedirs.T.reshape(mano.num_vertices, 3, -1).cpu().numpy()
    return SkinnedMesh(posedirs=posedirs, parents=mano.parents.tolist(), **arrays)
