"""The evidence that the landmarks of a hand are those of the hand of an arm, with wrist and fingers in their places.

The hand network gives landmarks of anything, and of hands whose fingers it does not see. Where its presence is high in
a region and in the mirror image of that, the wrist is that of the arm and the size is that of a hand, they mostly are
right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .indices import POSE_HAND, HandLandmark
from .measures import palm_length, torso_length
from .pose import PoseLandmarks

if TYPE_CHECKING:
    from .hand_detection import HandFound

#: An arm's own wrist counts as seen from this visibility on. On rendered people 99 % of good hands have 0.78 or more.
MIN_WRIST_VISIBILITY = 0.6

#: The hand of an arm needs more evidence, and is lost in a video where it has not; at a wrist that is not seen it needs
#: more than the second, or a palm that the detector found.
MIN_HAND_EVIDENCE, _MIN_EVIDENCE_UNSEEN = -2.0, 0.5

#: A logistic regression on 739 sets of landmarks at the arms of people in photographs and films, 412 of them right:
#: weights of the log-odds of presence, of the distance of the wrists in torsos, and of the square of the logarithm of
#: the palm's length over the usual one, torsos.
_PRESENCE, _GAP, _SIZE, _BIAS, _PALM = 1.35, -10.4, -2.6, -0.55, 0.165

#: Presences beyond this and 1 minus this count as these.
_LEAST_PRESENCE = 1e-3


def hand_evidence(found: HandFound, pose: PoseLandmarks, side: str) -> float:
    """Log-odds that a hand in an image is that of the arm of `side` of the pose, and its landmarks are right.

    Presence is that of the region, or the mean log-odds of it and of the mirror image where that was estimated. A hand
    that a palm has confirmed shows its wrist better than an arm of which that is not seen.
    """
    shares = np.clip(found.presences, _LEAST_PRESENCE, 1 - _LEAST_PRESENCE)
    torso, wrist = torso_length(pose.landmarks), POSE_HAND[side][0]
    gap = np.linalg.norm(found.hand.landmarks[HandLandmark.WRIST, :2] - pose.landmarks[wrist, :2]) / torso
    counts = pose.visibility[wrist] >= MIN_WRIST_VISIBILITY or not found.palm_score
    size = np.log(palm_length(found.hand.landmarks) / torso / _PALM)
    return float(_PRESENCE * np.log(shares / (1 - shares)).mean() + _GAP * gap * counts + _SIZE * size ** 2 + _BIAS)


def is_shown(found: HandFound, pose: PoseLandmarks, side: str) -> bool:
    """Whether there is evidence enough that a hand may be that of an arm, whose own wrist is seen or not."""
    wrist_known = found.palm_score > 0 or pose.visibility[POSE_HAND[side][0]] >= MIN_WRIST_VISIBILITY
    return hand_evidence(found, pose, side) > (MIN_HAND_EVIDENCE if wrist_known else _MIN_EVIDENCE_UNSEEN)
