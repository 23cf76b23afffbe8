"""Measures of landmarks: the lengths of a torso and a palm, the distance of two hands, the part inside the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..geometry.boxes import inside
from .indices import HIPS, LIMBS, SHOULDERS, HandLandmark

#: Wrist to the MCPs of index, middle and little finger, and across them.
_PALM = np.array([(HandLandmark.WRIST, HandLandmark.INDEX_FINGER_MCP),
                  (HandLandmark.WRIST, HandLandmark.MIDDLE_FINGER_MCP),
                  (HandLandmark.WRIST, HandLandmark.PINKY_MCP),
                  (HandLandmark.INDEX_FINGER_MCP, HandLandmark.PINKY_MCP)])

#: Minimum diagonal of a trunk, in extents of the limbs: a trunk is foreshortened if the person bends to the camera.
_MIN_DIAGONAL = 0.2

#: Number of the 21 landmarks of a hand that must lie in the image.
MIN_HAND_LANDMARKS_INSIDE = 11


def torso_length(landmarks: np.ndarray) -> float:
    """From shoulders to hips, or across the shoulders where that is longer, of landmarks (33, 2+) px; at least 1 px."""
    points = landmarks[:, :2]
    shoulders, hips = points[list(SHOULDERS)], points[list(HIPS)]
    return max(float(np.linalg.norm(shoulders.mean(0) - hips.mean(0))),
               float(np.linalg.norm(shoulders[0] - shoulders[1])), 1.0)


def trunk_diagonal(landmarks: np.ndarray) -> float:
    """The mean distance from a shoulder to the opposite hip, or a fifth of the limbs' extent where that is longer.

    Of landmarks (33, 2+) in any unit; always positive. Errors on annotated people are measured in this length.
    """
    points = landmarks[:, :2]
    diagonals = np.linalg.norm(points[list(SHOULDERS)] - points[list(HIPS)][::-1], axis=1)
    return max(float(diagonals.mean()), _MIN_DIAGONAL * float(np.ptp(points[list(LIMBS)], axis=0).max()), 1e-9)


def palm_length(landmarks: np.ndarray) -> float:
    """The longest of wrist to index, middle and little finger's MCP, and across them, of landmarks (21, 2+) px."""
    points = landmarks[:, :2]
    return max(float(np.linalg.norm(points[_PALM[:, 0]] - points[_PALM[:, 1]], axis=1).max()), 1e-6)


def hand_direction(landmarks: np.ndarray) -> np.ndarray:
    """(2,) px from the wrist to the middle finger's MCP, of landmarks (21, 2+) px."""
    return landmarks[HandLandmark.MIDDLE_FINGER_MCP, :2] - landmarks[HandLandmark.WRIST, :2]


def hand_distance(one: np.ndarray, other: np.ndarray, rows: Sequence[int] | None = None) -> float:
    """The mean distance of two hands' landmarks (21, 2+) px, or of those `rows`, in the longer of both palms."""
    points = slice(None) if rows is None else list(rows)
    apart = np.linalg.norm(one[points, :2] - other[points, :2], axis=1).mean()
    return float(apart) / max(palm_length(one), palm_length(other))


def is_hand_inside(landmarks: np.ndarray, image: np.ndarray) -> bool:
    """Whether enough of a hand's landmarks (21, 2+) px lie in an image (H, W, ...)."""
    return bool(inside(landmarks[:, :2], *image.shape[1::-1]).sum() >= MIN_HAND_LANDMARKS_INSIDE)
