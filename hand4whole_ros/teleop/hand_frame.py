"""The frame of a hand that retargeting libraries expect, made from 21 keypoints.

Origin at the wrist; z from the wrist to the middle finger's knuckle; x out of the palm; y = z x x, which on a right
hand points to the thumb's side and on a left hand away from it. Fingers of either hand flex towards positive x, and
the left hand is the mirror image of the right one with y negated, so that one description of a robot hand serves both
sides.

The palm is the plane of wrist and knuckles of index and middle finger. Neither fingers nor thumb
move them, so that the frame stays where it is when the hand closes.
"""

from __future__ import annotations

import numpy as np

from .. import skeleton

#: Wrist, knuckles of the index and the middle finger.
_WRIST, _INDEX, _MIDDLE = (skeleton.HAND_KEYPOINT[name] for name in ('wrist', 'index1', 'middle1'))

#: Limits of the distance from the wrist to the middle finger's knuckle, m: 95 mm in adults, half of that in small
#: children; twice that is implausible.
MIN_PALM_LENGTH, MAX_PALM_LENGTH = 0.045, 0.19

#: The farthest a keypoint can be from its own wrist, in palm lengths: a stretched middle finger is at 1.9.
MAX_REACH = 3.0

#: Sine of the least angle between the two knuckles as seen from the wrist; 0.28 in adults. Below it a palm has no
#: plane.
MIN_PALM_ANGLE = 0.05

#: y of a point and of its mirror image.
MIRROR_Y = np.array([1.0, -1.0, 1.0])


def rejection_reason(keypoints: np.ndarray) -> str:
    """Why keypoints (21, 3), m in any frame, are not those of a hand; '' if they are plausible."""
    keypoints = np.asarray(keypoints)
    expected = (skeleton.NUM_HAND_KEYPOINTS, 3)
    if keypoints.shape != expected:
        return f'keypoints have shape {keypoints.shape}, expected {expected}'
    if not np.isfinite(keypoints).all():
        return 'keypoints are not finite'
    from_wrist = keypoints - keypoints[_WRIST]
    distances = np.linalg.norm(from_wrist, axis=1)
    length = distances[_MIDDLE]
    if not MIN_PALM_LENGTH <= length <= MAX_PALM_LENGTH:
        return f'the palm is {1000 * length:.0f} mm long, expected {1000 * MIN_PALM_LENGTH:.0f} to ' \
               f'{1000 * MAX_PALM_LENGTH:.0f}'
    if distances.max() > MAX_REACH * length:
        return f'a keypoint is {1000 * distances.max():.0f} mm from the wrist, expected at most ' \
               f'{1000 * MAX_REACH * length:.0f}'
    area = np.linalg.norm(np.cross(from_wrist[_INDEX], from_wrist[_MIDDLE]))
    if area < MIN_PALM_ANGLE * distances[_INDEX] * length:
        return 'wrist and knuckles lie on one line'
    return ''


def hand_rotation(keypoints: np.ndarray, side: str) -> np.ndarray:
    """(3, 3): columns are the hand's x, y and z axes in the frame of `keypoints` (21, 3).

    side: 'left' or 'right', the person's own. ValueError if the keypoints are not those of a hand.
    """
    reason = rejection_reason(keypoints)
    if reason:
        raise ValueError(reason)
    wrist, index, middle = (np.asarray(keypoints[k], np.float64) for k in (_WRIST, _INDEX, _MIDDLE))
    z = _unit(middle - wrist)
    # Three points define the plane exactly, and the index finger is on the thumb's side of the middle one.
    to_thumb = _unit((index - wrist) - ((index - wrist) @ z) * z)
    y = to_thumb if side == 'right' else -to_thumb
    return np.stack([np.cross(y, z), y, z], axis=1)


def to_hand_frame(keypoints: np.ndarray, side: str) -> np.ndarray:
    """(21, 3) m of any right-handed frame -> (21, 3) m in the frame of the hand. Errors as hand_rotation."""
    keypoints = np.asarray(keypoints, np.float64)
    return (keypoints - keypoints[_WRIST]) @ hand_rotation(keypoints, side)


def mirrored(points: np.ndarray) -> np.ndarray:
    """(..., 3) in the frame of one hand -> the mirror image, in the frame of the other hand."""
    return points * MIRROR_Y


def _unit(vector):
    return vector / np.linalg.norm(vector)
