"""Hands in OpenXR's form (XR_EXT_hand_tracking), with the names of NVIDIA Isaac Teleop: 25 poses a hand.

A joint's -Z points along its bone away from the wrist, +Y out of the back of the hand, and X completes a right-handed
frame. A tip has the orientation of the last bone; the wrist's -Z points to the middle finger's knuckle. The
roots of the fingers' metacarpals are not among the 21 keypoints: they are placed between wrist and knuckles and flagged
invalid. OpenXR's palm, which Isaac Teleop omits, is omitted here as well.

The rotation about a bone comes from the palm, then from the previous bone by the smallest rotation, which
is that of a hinge. It is therefore defined for straight fingers as well, and continuous.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from .. import skeleton
from .hand_frame import hand_rotation

_FINGER_JOINTS = ('METACARPAL', 'PROXIMAL', 'INTERMEDIATE', 'DISTAL', 'TIP')

#: Joints of one hand, in OpenXR's order but for its palm.
JOINT_NAMES = ('WRIST', *(f'THUMB_{joint}' for joint in ('METACARPAL', 'PROXIMAL', 'DISTAL', 'TIP')),
               *(f'{finger}_{joint}' for finger in ('INDEX', 'MIDDLE', 'RING', 'LITTLE') for joint in _FINGER_JOINTS))

#: The 50 names of two hands, left first.
BOTH_HANDS = tuple(f'{side}_{name}' for side in skeleton.SIDES for name in JOINT_NAMES)

#: Joint -> keypoint; the fingers' metacarpals have none.
_KEYPOINT = dict(zip((name for name in JOINT_NAMES if name.startswith('THUMB') or not name.endswith('METACARPAL')),
                     range(skeleton.NUM_HAND_KEYPOINTS)))

#: Which of the joints are measured.
IS_MEASURED = np.array([name in _KEYPOINT for name in JOINT_NAMES])

#: Where a metacarpal begins between the wrist (0) and its knuckle (1).
_METACARPAL_START = 0.2

#: Axes that fingers and thumb bend about, towards the palm, in a right hand's frame (hand_frame); a left hand's is the
#: mirror image. The thumb's is that of its way from the side of the palm to the little finger's root.
_BEND_FINGER = np.array([0.0, 1.0, 0.0])
_BEND_THUMB = np.array([0.84, 0.38, -0.38]) / np.linalg.norm([0.84, 0.38, -0.38])


#: m. A bone that is shorter has no direction. And the cosine of two bones of which one runs back along the other.
_MIN_LENGTH, _MIN_COSINE = 1e-4, -0.999


@dataclass(frozen=True, eq=False)
class OpenXrHand:
    """The joints of one hand, in the order of JOINT_NAMES, in the frame of its keypoints."""

    positions: np.ndarray       # (25, 3) m
    rotations: np.ndarray       # (25, 3, 3), columns are a joint's axes
    is_valid: np.ndarray        # (25,) bool

    @property
    def quaternions(self) -> np.ndarray:
        """(25, 4) x, y, z, w."""
        return Rotation.from_matrix(self.rotations).as_quat()


def to_openxr(keypoints: np.ndarray, side: str) -> OpenXrHand:
    """(21, 3) m in any right-handed frame -> the joints in that frame. ValueError if the keypoints are no hand."""
    keypoints = np.asarray(keypoints, np.float64)
    palm = hand_rotation(keypoints, side)
    positions = np.empty((len(JOINT_NAMES), 3))
    for k, name in enumerate(JOINT_NAMES):
        if IS_MEASURED[k]:
            positions[k] = keypoints[_KEYPOINT[name]]
    for k in np.flatnonzero(~IS_MEASURED):
        positions[k] = keypoints[0] + _METACARPAL_START * (positions[k + 1] - keypoints[0])
    # An axis of rotation is a pseudovector: mirroring in y negates its x and z.
    to_side = np.array([1.0, 1.0, 1.0]) if side == 'right' else np.array([-1.0, 1.0, -1.0])
    rotations, is_valid = np.empty((len(JOINT_NAMES), 3, 3)), IS_MEASURED.copy()
    for k, name in enumerate(JOINT_NAMES):
        if name.endswith('TIP'):
            rotations[k], is_valid[k] = rotations[k - 1], is_valid[k - 1]
            continue
        bone = (keypoints[_KEYPOINT['MIDDLE_PROXIMAL']] if name == 'WRIST' else positions[k + 1]) - positions[k]
        if name == 'WRIST' or name.endswith('METACARPAL'):
            bend = palm @ (to_side * (_BEND_THUMB if name.startswith('THUMB') else _BEND_FINGER))
            rotation = _root_rotation(bone, bend)
        else:
            rotation = _next_rotation(rotations[k - 1], bone)
        if rotation is None:
            # A bone without a direction takes that of the previous bone and is not valid.
            rotation, is_valid[k] = rotations[k - 1], False
        rotations[k] = rotation
    return OpenXrHand(positions, rotations, is_valid)


def no_hand() -> OpenXrHand:
    """A hand of which no joint is valid, to be sent while no hand is known."""
    count = len(JOINT_NAMES)
    return OpenXrHand(np.zeros((count, 3)), np.tile(np.eye(3), (count, 1, 1)), np.zeros(count, bool))


def _root_rotation(bone, bend):
    """The axes of a bone that bends towards the palm about `bend`; None if it has no length, or is along
    `bend`."""
    back = np.cross(bone, bend)     # opposite to the direction of bending
    length, lever = np.linalg.norm(bone), np.linalg.norm(back)
    if lever < _MIN_LENGTH:
        return None
    y, z = back / lever, -bone / length
    return np.stack([np.cross(y, z), y, z], axis=1)


def _next_rotation(before, bone):
    """The axes of a bone after one with axes `before`, by the least rotation; None if it has no length, or points
    back.
    """
    length = np.linalg.norm(bone)
    if length < _MIN_LENGTH:
        return None
    was, now = -before[:, 2], bone / length
    x, y, z = np.cross(was, now)
    cosine = was @ now
    if cosine < _MIN_COSINE:
        return None
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation = before + (cross + cross @ cross / (1 + cosine)) @ before
    rotation[:, 2] = -now
    return rotation
