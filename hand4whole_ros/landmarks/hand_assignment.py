"""Assignment of hands to arms; a hand may belong to none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..geometry.assignment import assign_pairs
from ..geometry.directions import cosine
from .hand_detection import HandFound
from .hand_evidence import MIN_WRIST_VISIBILITY, is_shown
from .hands import HandLandmarks
from .indices import ARM, POSE_HAND, HandLandmark
from .measures import hand_direction, palm_length, torso_length
from .pose import PoseLandmarks

#: Maximum distance of the hand's wrist from the arm's: in torsos, and in palms of the hand. Of good hands on rendered
#: people it is below 0.13 torsos in 99 %.
MAX_GAP_TORSOS, MAX_GAP_PALMS = 0.22, 1.0

#: Lengths of a palm in torsos: of good hands on rendered people 0.12 to 0.27 in 98 %. Near hands appear larger.
PALM_LENGTHS = (0.06, 0.6)

#: Cost, in maximum distances, of a hand that is certainly of the other side, and of one at a wrist that is not visible;
#: pairs that cost more are rejected.
_WRONG_SIDE, _UNSEEN_WRIST, _MAX_COST = 0.8, 0.4, 1.0


def assign(hands: Sequence[HandFound], poses: Sequence[PoseLandmarks]) -> dict[tuple[int, str], int]:
    """(number of the pose, side) -> number of the hand, for each arm that has one; every hand is given once at most.

    Each hand is assigned to the arm that fits best among those of all people: by the distance of the wrists, the size
    of the hand, and the side that the network estimates. The sum of costs over all people is minimal.
    """
    arms = [(number, side) for number in range(len(poses)) for side in POSE_HAND]
    if not arms or not hands:
        return {}
    costs = np.array([[cost(hand, poses[number], side) for hand in hands] for number, side in arms])
    return {arms[row]: column for row, column in assign_pairs(costs, _MAX_COST)}


def cost(found: HandFound, pose: PoseLandmarks, side: str) -> float:
    """Cost of assigning a hand to an arm, at least 0; inf if the hand cannot belong to the arm."""
    wrist = POSE_HAND[side][0]
    torso, palm = torso_length(pose.landmarks), palm_length(found.hand.landmarks)
    if not PALM_LENGTHS[0] <= palm / torso <= PALM_LENGTHS[1] or not is_shown(found, pose, side):
        return np.inf
    unseen = pose.visibility[wrist] < MIN_WRIST_VISIBILITY
    gap = np.linalg.norm(found.hand.landmarks[HandLandmark.WRIST, :2] - pose.landmarks[wrist, :2])
    # Hands bend back by a right angle at most: beyond that the hand points up the arm and is another person's.
    forearm = pose.landmarks[wrist, :2] - pose.landmarks[ARM[side][1], :2]
    back = cosine(forearm, hand_direction(found.hand.landmarks)) < -0.7 and np.linalg.norm(forearm) > palm
    wrong = found.hand.right_score if side == 'left' else 1 - found.hand.right_score
    return float(gap / min(MAX_GAP_TORSOS * torso, MAX_GAP_PALMS * palm)
                 + _WRONG_SIDE * max(2 * wrong - 1, 0) ** 2 + 0.5 * back + _UNSEEN_WRIST * unseen)


def with_wrist_of(hand: HandLandmarks, pose: PoseLandmarks, side: str, confidence: float) -> PoseLandmarks:
    """The pose with the hand that it was assigned: a wrist that was not visible is where the hand's is, and is visible.

    A hand that is seen shows its wrist, whatever the pose network takes it for. confidence: of the hand, 0 to 1.
    """
    rows = list(POSE_HAND[side])
    if pose.visibility[rows[0]] >= MIN_WRIST_VISIBILITY:
        return pose
    landmarks, visibility, score = pose.landmarks.copy(), pose.visibility.copy(), pose.keypoint_score.copy()
    landmarks[rows, :2] += hand.landmarks[HandLandmark.WRIST, :2] - landmarks[rows[0], :2]
    visibility[rows], score[rows] = np.maximum(visibility[rows], confidence), np.maximum(score[rows], confidence)
    return replace(pose, landmarks=landmarks, visibility=visibility, keypoint_score=score)
