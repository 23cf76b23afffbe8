"""Rejection of false hands: a detected hand must agree with the arm it was assigned to.

A hand network returns 21 points for any crop. If the hand is hidden or outside the image these are
invented, and an invented hand is worse than none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..geometry.boxes import inside
from ..landmarks.hand_assignment import MAX_GAP_TORSOS, PALM_LENGTHS
from ..landmarks.hand_evidence import MIN_WRIST_VISIBILITY
from ..landmarks.indices import WRIST
from ..landmarks.measures import MIN_HAND_LANDMARKS_INSIDE, hand_distance, palm_length, torso_length
from ..skeleton import SIDES

if TYPE_CHECKING:
    from .holistic_landmarks import HolisticLandmarks

#: Two hands whose points are closer than this part of a palm, on average, are one hand detected twice.
_MAX_DUPLICATE_HAND_DISTANCE = 0.35


def filter_hands(landmarks: HolisticLandmarks, width: int, height: int) -> dict[str, tuple[np.ndarray, float]]:
    """The accepted hands: side -> ((21, 3) px as in HolisticLandmarks, confidence 0 to 1)."""
    pose = landmarks.pose
    torso = torso_length(pose)
    found = {}
    for side in SIDES:
        points = landmarks.hand(side)
        if points is None or not np.isfinite(points).all():
            continue
        pixels = points[:, :2]
        visible = float(landmarks.visibility[WRIST[side]])
        gap = np.linalg.norm(pixels[0] - pose[WRIST[side]]) / torso
        palm = palm_length(pixels) / torso
        shown = inside(pixels, width, height).sum()
        if (visible >= MIN_WRIST_VISIBILITY and gap <= MAX_GAP_TORSOS
                and PALM_LENGTHS[0] <= palm <= PALM_LENGTHS[1] and shown >= MIN_HAND_LANDMARKS_INSIDE):
            found[side] = points, landmarks.hand_confidence.get(side, 1.0) * float(shown) / len(points), gap
    if len(found) == 2:
        (left, _, left_gap), (right, _, right_gap) = found['left'], found['right']
        if is_same_hand(left, right):
            del found['left' if left_gap > right_gap else 'right']
    return {side: (points, confidence) for side, (points, confidence, _) in found.items()}


def is_same_hand(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether the landmarks (21, 2+) px of a left and a right hand are of one hand detected twice."""
    return hand_distance(one, other) < _MAX_DUPLICATE_HAND_DISTANCE
