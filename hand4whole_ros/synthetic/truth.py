"""The ground truth of a drawn person, and its visibility. Camera optical frame, metres and pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from scipy.spatial import KDTree

from .. import keypoints, skeleton
from ..body.open_body import SKIN_KEY, SKIN_NAMES, load_arrays
from ..geometry.boxes import inside
from ..geometry.camera import Intrinsics
from .figure import reference_t_pose
from .scene import Scene

#: The keypoints of body, feet and head, of keypoints.KEYPOINT_NAMES.
NUM_BODY_KEYPOINTS = 25

#: Start and end of the hands' keypoints among joints, hands and body.
_LANDMARK_PARTS = (skeleton.NUM_JOINTS, skeleton.NUM_JOINTS + 2 * skeleton.NUM_HAND_KEYPOINTS)

#: Largest depth of a visible point behind the visible surface, m: under cloth, hair or the skin of a finger.
_SKIN_TOLERANCE, _FINGER_TOLERANCE = 0.04, 0.02


@dataclass(frozen=True, eq=False)
class HandTruth:
    """One hand of a drawn person."""

    keypoints_3d: np.ndarray        # (21, 3) m; a tip is the far end of the last finger bone
    keypoints_2d: np.ndarray        # (21, 2) px
    keypoints_visible: np.ndarray   # (21,) bool
    wrist_rotation: np.ndarray      # (3, 3) SMPL-X's wrist, identity in the T-pose, in the camera frame
    visibility: float               # 0 to 1: visible share of the pixels of the hand alone


@dataclass(frozen=True, eq=False)
class PersonTruth:
    """One person in one image. Left and right are the person's own; pixels are the drawn image's."""

    seed: int
    kind: str                               # 'body' or 'hands'
    intrinsics: Intrinsics                  # of the drawn image
    phenotype: dict[str, float]
    betas: np.ndarray | None                # (10,) of the closest open body, if the scene has them
    local_rotations: np.ndarray             # (55, 3, 3) against the parent; the pelvis in the camera frame
    joint_rotations: np.ndarray             # (55, 3, 3) out of SMPL-X's T-pose, in the camera frame
    joints: np.ndarray                      # (55, 3) m
    joints_2d: np.ndarray                   # (55, 2) px, NaN behind the camera
    joints_visible: np.ndarray              # (55,) bool: in the image, with nothing but the body's own skin in front
    hand_keypoints_3d: np.ndarray           # (2, 21, 3) m, left and right
    hand_keypoints_2d: np.ndarray           # (2, 21, 2) px
    hand_keypoints_visible: np.ndarray      # (2, 21) bool
    hand_visibility: np.ndarray             # (2,) 0 to 1
    body_keypoints_3d: np.ndarray           # (25, 3) m, in keypoints.KEYPOINT_NAMES order
    body_keypoints_2d: np.ndarray           # (25, 2) px
    body_keypoints_visible: np.ndarray      # (25,) bool
    box_xywh: np.ndarray                    # (4,) px, tight around the visible part of the person; zeros if none
    vertices: np.ndarray | None             # (V, 3) m, anny's topology, the skin under the clothes; on request

    @classmethod
    def of(cls, scene: Scene, view: Intrinsics, depth: np.ndarray, *, covered: np.ndarray, seen: np.ndarray,
           hand_visibility: np.ndarray, vertices: np.ndarray | None = None) -> PersonTruth:
        """Gather the truth of a scene for the camera `view`.

        depth (H, W) m of the person, inf where empty; covered (H, W) bool, where something else is in front; seen
        (H, W) bool, the pixels of the person.
        """
        body = body_keypoints(scene)
        depth = np.where(covered, 0.0, depth)

        points = np.concatenate([scene.joints, scene.hand_keypoints.reshape(-1, 3), body])
        pixels = view.project(points)
        shown = inside(pixels, view.width, view.height)
        x, y = np.rint(np.where(shown[:, None], pixels, 0)).astype(int).T
        before = depth[y, x]
        visible = shown & (points[:, 2] <= before + _depth_tolerances())
        joints_2d, hands_2d, body_2d = np.split(pixels, _LANDMARK_PARTS)
        joints_visible, hands_visible, body_visible = np.split(visible, _LANDMARK_PARTS)
        return cls(
            scene.seed, scene.kind, view, scene.phenotype, scene.betas, scene.local_rotations, scene.joint_rotations,
            scene.joints, joints_2d, joints_visible,
            scene.hand_keypoints, hands_2d.reshape(2, -1, 2), hands_visible.reshape(2, -1), hand_visibility,
            body, body_2d, body_visible, _box(seen), vertices)

    def hand(self, side: str) -> HandTruth:
        """The hand of `side`, 'left' or 'right'."""
        k = skeleton.SIDES.index(side)
        return HandTruth(self.hand_keypoints_3d[k], self.hand_keypoints_2d[k], self.hand_keypoints_visible[k],
                         self.joint_rotations[skeleton.WRIST[side]], float(self.hand_visibility[k]))

    @property
    def left_hand(self) -> HandTruth:
        """The left hand."""
        return self.hand('left')

    @property
    def right_hand(self) -> HandTruth:
        """The right hand."""
        return self.hand('right')

    def as_dict(self) -> dict:
        """For JSON: the values to evaluate against, arrays as lists."""
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
                      for side in skeleton.SIDES for hand in (self.hand(side),)}}


def body_keypoints(scene: Scene) -> np.ndarray:
    """(25, 3) m, in keypoints.KEYPOINT_NAMES order."""
    skin = scene.figure.skin(scene.joint_rotations, scene.joints, ids=_skin_ids())
    points = np.concatenate([scene.joints, skin])
    return points[_body_rows()]


@lru_cache(maxsize=1)
def _skin_ids():
    return load_arrays()[SKIN_KEY]


@lru_cache(maxsize=1)
def _body_rows():
    """(25,) rows among the 55 joints and the skin points after them. Eyes are those of the skin, not the joints."""
    rows = {**skeleton.JOINT, **{name: skeleton.NUM_JOINTS + k for k, name in enumerate(SKIN_NAMES)}}
    return np.array([rows[name] for name in keypoints.KEYPOINT_NAMES[:NUM_BODY_KEYPOINTS]])


def _joint_tolerance():
    """(55,) m: depth of a joint beneath the skin, cloth included."""
    vertices, joints = reference_t_pose()
    tolerance = 1.5 * KDTree(vertices).query(joints)[0] + _SKIN_TOLERANCE
    tolerance[np.r_[25:55]] = _FINGER_TOLERANCE
    return tolerance


@lru_cache(maxsize=1)
def _depth_tolerances():
    """(122,) m of joints, both hands' keypoints and the body's."""
    hands = np.full(2 * skeleton.NUM_HAND_KEYPOINTS, _FINGER_TOLERANCE)
    body = np.concatenate([_joint_tolerance(), np.full(len(SKIN_NAMES), _SKIN_TOLERANCE)])[_body_rows()]
    return np.concatenate([_joint_tolerance(), hands, body])


def _box(seen):
    x, y, width, height = cv2.boundingRect(seen.astype(np.uint8))
    # From the outer edges of the outermost pixels, whose centres are at integers.
    return np.array([x - 0.5, y - 0.5, width, height]) if width else np.zeros(4)
