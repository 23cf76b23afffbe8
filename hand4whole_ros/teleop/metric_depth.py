"""The distance of a hand from the camera, corrected by the known length of the operator's palm.

An image alone does not distinguish a large hand from a near one: an estimate of the person's size that is wrong by a
tenth puts the hand wrong by a tenth of its distance. A hand of known length has one distance only. Scaling all
keypoints about the camera's centre leaves their projection as it is.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from .. import skeleton
from .hand_frame import MAX_PALM_LENGTH, MIN_PALM_LENGTH

#: Wrist and the middle finger's knuckle.
_WRIST, _KNUCKLE = skeleton.HAND_KEYPOINT['wrist'], skeleton.HAND_KEYPOINT['middle1']

#: Images over which the measured length is averaged: its median changes with a new person only.
WINDOW = 150


def palm_length(keypoints: np.ndarray) -> float:
    """From the wrist to the middle finger's knuckle, m; keypoints (21, 3)."""
    return float(np.linalg.norm(keypoints[_KNUCKLE] - keypoints[_WRIST]))


class PalmLengthCorrection:
    """Scales the keypoints of one hand, so that the palm has the operator's length. Not thread-safe."""

    def __init__(self, length: float):
        """length: of the operator's palm, m. ValueError if no hand has such a palm."""
        if not MIN_PALM_LENGTH <= length <= MAX_PALM_LENGTH:
            raise ValueError(f'a palm is {MIN_PALM_LENGTH:g} to {MAX_PALM_LENGTH:g} m long from the wrist to the '
                             f"middle finger's knuckle, found {length:g}")
        self._length = length
        self._measured, self._person = deque(maxlen=WINDOW), None

    def __call__(self, keypoints: np.ndarray, person: int | None = None) -> np.ndarray:
        """(21, 3) m in the camera's optical frame -> the same, scaled about the camera. person: track id.

        Keypoints that are not those of a hand are returned as they are.
        """
        measured = palm_length(keypoints)
        if not MIN_PALM_LENGTH <= measured <= MAX_PALM_LENGTH:      # true for NaN as well
            return keypoints
        if person != self._person:
            self._measured.clear()
            self._person = person
        self._measured.append(measured)
        return keypoints * (self._length / float(np.median(self._measured)))
