"""The distance of a hand from the camera, corrected by the known length of the operator's palm, or the known height.

An image alone does not distinguish a large hand from a near one: an estimate of the person's size that is wrong by a
tenth puts the hand wrong by a tenth of its distance. A hand, or a person, of known length has one distance only.
Scaling all keypoints about the camera's centre leaves their projection as it is. A depth camera is more accurate
than either (tracking.depth_correction): hands with a measured distance, HandObservation.depth_measured, are unchanged.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from .. import skeleton
from .hand_frame import MAX_PALM_LENGTH, MIN_PALM_LENGTH

#: Wrist and the middle finger's knuckle.
_WRIST, _KNUCKLE = skeleton.HAND_KEYPOINT['wrist'], skeleton.HAND_KEYPOINT['middle1']

#: Heights of standing people, m.
MIN_HEIGHT, MAX_HEIGHT = 1.0, 2.3

#: The bones that add up to a height: ankle to hip by the knee, of both legs, and the pelvis along the spine to the
#: head; and the ratio of a person's height to their length, of 40 drawn adults.
_LEGS = tuple(tuple(skeleton.JOINT[f'{side}_{name}'] for name in ('ankle', 'knee', 'hip')) for side in skeleton.SIDES)
_SPINE = tuple(skeleton.JOINT[name] for name in ('pelvis', 'spine1', 'spine2', 'spine3', 'neck', 'head'))
_HEIGHT_OF_BONES = 1.156

#: Images over which the measured length is averaged: its median changes with a new person only.
WINDOW = 150


def palm_length(keypoints: np.ndarray) -> float:
    """From the wrist to the middle finger's knuckle, m; keypoints (21, 3)."""
    return float(np.linalg.norm(keypoints[_KNUCKLE] - keypoints[_WRIST]))


def height(joints: np.ndarray) -> float:
    """Of a person standing upright with these bones, m; joints (55, 3) in any pose."""
    legs, spine = [joints[list(leg)] for leg in _LEGS], joints[list(_SPINE)]
    lengths = [np.linalg.norm(np.diff(chain, axis=0), axis=1).sum() for chain in (*legs, spine)]
    return float(_HEIGHT_OF_BONES * (np.mean(lengths[:2]) + lengths[2]))


class _MeasuredLength:
    """The median of a length of one person over the last images."""

    def __init__(self):
        self._measured, self._person = deque(maxlen=WINDOW), None

    def __call__(self, measured, person):
        if person != self._person:
            self._measured.clear()
            self._person = person
        self._measured.append(measured)
        return float(np.median(self._measured))


class PalmLengthCorrection:
    """Scales the keypoints of one hand, so that the palm has the operator's length. Not thread-safe."""

    def __init__(self, length: float):
        """length: of the operator's palm, m. ValueError if no hand has such a palm."""
        if not MIN_PALM_LENGTH <= length <= MAX_PALM_LENGTH:
            raise ValueError(f'a palm is {MIN_PALM_LENGTH:g} to {MAX_PALM_LENGTH:g} m long from the wrist to the '
                             f"middle finger's knuckle, found {length:g}")
        self._length, self._measured = length, _MeasuredLength()

    def __call__(self, keypoints: np.ndarray, person: int | None = None) -> np.ndarray:
        """(21, 3) m in the camera's optical frame -> the same, scaled about the camera. person: track id.

        Keypoints that are not those of a hand are returned as they are.
        """
        measured = palm_length(keypoints)
        if not MIN_PALM_LENGTH <= measured <= MAX_PALM_LENGTH:      # true for NaN as well
            return keypoints
        return keypoints * (self._length / self._measured(measured, person))


class HeightCorrection:
    """Scales the keypoints of a hand, so that its person has the operator's height. Not thread-safe."""

    def __init__(self, height: float):
        """height: of the operator, standing, m. ValueError for an impossible height."""
        if not MIN_HEIGHT <= height <= MAX_HEIGHT:
            raise ValueError(f'a person is {MIN_HEIGHT:g} to {MAX_HEIGHT:g} m tall, found {height:g}')
        self._height, self._measured = height, _MeasuredLength()

    def __call__(self, keypoints: np.ndarray, joints: np.ndarray, person: int | None = None) -> np.ndarray:
        """(21, 3) m in the camera's optical frame -> the same, scaled about the camera.

        joints (55, 3) m: of the person, in any pose; person: track id. With implausible joints, the keypoints are
        returned as they are.
        """
        measured = height(joints)
        if not MIN_HEIGHT / 2 <= measured <= 2 * MAX_HEIGHT:        # true for NaN as well
            return keypoints
        return keypoints * (self._height / self._measured(measured, person))
