"""All that is known about a rendered person, in the camera optical frame, metres and pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import skeleton
from ..geometry.camera import Intrinsics
from .figure import PosedBody


@dataclass(frozen=True)
class HandTruth:
    """One hand of a rendered person."""

    keypoints_3d: np.ndarray    # (21, 3) m; a tip is the far end of the last finger bone
    keypoints_2d: np.ndarray    # (21, 2) px
    wrist_rotation: np.ndarray  # (3, 3) SMPL-X's wrist, identity in the T-pose, in the camera frame
    visibility: float           # 0 to 1: how much of what the hand alone would show is seen


@dataclass(frozen=True)
class PersonTruth:
    """One person in one picture. Left and right are the person's own."""

    joints: np.ndarray              # (55, 3) m
    joints_2d: np.ndarray           # (55, 2) px
    joint_rotations: np.ndarray     # (55, 3, 3) out of SMPL-X's T-pose, in the camera frame
    local_rotations: np.ndarray     # (55, 3, 3) against the parent; the pelvis in the camera frame
    left_hand: HandTruth
    right_hand: HandTruth
    vertices: np.ndarray            # (V, 3) m, anny's topology
    phenotype: dict[str, float]
    intrinsics: Intrinsics

    def hand(self, side: str) -> HandTruth:
        """The hand of `side`, 'left' or 'right'."""
        return self.left_hand if side == 'left' else self.right_hand

    @classmethod
    def of(cls, posed: PosedBody, local_rotations: np.ndarray, phenotype: dict[str, float],
           intrinsics: Intrinsics, visibility: dict[str, float]) -> PersonTruth:
        """Gather the truth of a posed body that is already in the camera frame."""
        hands = {}
        for side in skeleton.SIDES:
            keypoints = posed.hand_keypoints(side)
            hands[side] = HandTruth(keypoints, intrinsics.project(keypoints),
                                    posed.rotations[skeleton.WRIST[side]], visibility[side])
        return cls(posed.joints, intrinsics.project(posed.joints), posed.rotations, local_rotations,
                   hands['left'], hands['right'], posed.vertices, phenotype, intrinsics)

    def as_dict(self) -> dict:
        """For JSON: everything but the vertices, arrays as lists."""
        k = self.intrinsics
        return {
            'intrinsics': {name: getattr(k, name) for name in ('fx', 'fy', 'cx', 'cy', 'width', 'height')},
            'phenotype': self.phenotype,
            'joints_3d': dict(zip(skeleton.JOINT_NAMES, self.joints.tolist())),
            'joints_2d': dict(zip(skeleton.JOINT_NAMES, self.joints_2d.tolist())),
            'joint_rotations': self.joint_rotations.tolist(),
            'local_rotations': self.local_rotations.tolist(),
            'hands': {side: {'keypoints_3d': hand.keypoints_3d.tolist(),
                             'keypoints_2d': hand.keypoints_2d.tolist(),
                             'wrist_rotation': hand.wrist_rotation.tolist(), 'visibility': hand.visibility}
                      for side, hand in (('left', self.left_hand), ('right', self.right_hand))}}
