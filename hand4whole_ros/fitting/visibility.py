"""Standard deviations of MediaPipe's pose landmarks, by their visibility and by how regions disagree on them."""

from __future__ import annotations

import numpy as np

from ..detection.holistic_landmarks import HolisticLandmarks
from ..landmarks.indices import PoseLandmark

#: Visibility, and standard deviation of a landmark across the view on either axis, m: of 2,400 drawn people in every
#: posture. It is constant beyond 0.99.
_VISIBILITY = np.array([0.05, 0.2, 0.4, 0.6, 0.8, 0.93, 0.98, 0.994])
_FACE = np.array([0.12, 0.11, 0.09, 0.075, 0.055, 0.036, 0.033, 0.022])
_TRUNK = np.array([0.12, 0.11, 0.09, 0.08, 0.07, 0.05, 0.04, 0.027])
_ELBOW = np.array([0.085, 0.064, 0.046, 0.04, 0.032, 0.024, 0.02, 0.0175])
_HAND = np.array([0.115, 0.076, 0.038, 0.028, 0.021, 0.0155, 0.014, 0.0125])
_KNEE = np.array([0.185, 0.113, 0.076, 0.063, 0.041, 0.028, 0.021, 0.019])
_FOOT = np.array([0.29, 0.2, 0.12, 0.066, 0.034, 0.022, 0.018, 0.0165])

_LIMBS = {'SHOULDER': _TRUNK, 'ELBOW': _ELBOW, 'WRIST': _HAND, 'PINKY': _HAND, 'INDEX': _HAND, 'THUMB': _HAND,
          'HIP': _TRUNK, 'KNEE': _KNEE, 'ANKLE': _FOOT, 'HEEL': _FOOT, 'FOOT_INDEX': _FOOT}
_PARTS = [_LIMBS.get(landmark.name.partition('_')[2], _FACE) for landmark in PoseLandmark]
#: Each table of _PARTS once, and the landmarks that it is of.
_TABLES = [(table, [row for row, part in enumerate(_PARTS) if part is table])
           for table in {id(part): part for part in _PARTS}.values()]

#: Of landmarks beyond the edge of the image, which are invented.
_OUTSIDE = 1.5

#: Of a person estimated in several ways: the share of those standard deviations, and m for each torso by which the
#: estimates disagree on a landmark. On photographs and on drawn people, in the image and in space, better than either
#: alone.
_AGREED, _DISAGREED = 0.8, 0.9


def logit(visibility: np.ndarray) -> np.ndarray:
    """Of a visibility 0 to 1, within 0.001 and 0.999."""
    clipped = np.clip(visibility, 1e-3, 1 - 1e-3)
    return np.log(clipped / (1 - clipped))


def landmark_sigma(landmarks: HolisticLandmarks, inside: np.ndarray) -> np.ndarray:
    """(33,) m across the view; inside (33,) bool: within the image."""
    at, knots, sigma = logit(landmarks.visibility), logit(_VISIBILITY), np.empty(len(landmarks.visibility))
    for table, rows in _TABLES:
        sigma[rows] = np.exp(np.interp(at[rows], knots, np.log(table)))
    sigma = np.where(inside, sigma, _OUTSIDE * sigma)
    if landmarks.disagreement is None:
        return sigma
    return np.hypot(_AGREED * sigma, _DISAGREED * landmarks.disagreement)
