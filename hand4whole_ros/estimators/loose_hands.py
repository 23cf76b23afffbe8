"""Hands without a person, in metres: the landmarks of a hand network, scaled to a hand's length."""

from __future__ import annotations

import numpy as np

from ..estimate import LooseHandEstimate
from ..geometry.camera import Intrinsics
from ..geometry.keypoint_agreement import measure_agreement
from ..geometry.placement import place_in_camera
from ..landmarks.people import LooseHand
from ..skeleton import MIDDLE_FINGER_KEYPOINTS, OK


def place_loose_hand(loose: LooseHand, intrinsics: Intrinsics, hand_length: float) -> LooseHandEstimate:
    """A hand in the camera's optical frame.

    intrinsics: of the image that the landmarks are in. hand_length: m, from the wrist along the joints of the middle
    finger to its tip. The distance of the hand follows from it: a hand of half that size is half as far.
    """
    hand = loose.hand
    points, pixels = hand.world_landmarks, hand.landmarks[:, :2]
    finger = points[list(MIDDLE_FINGER_KEYPOINTS)]
    points = points * (hand_length / max(np.linalg.norm(np.diff(finger, axis=0), axis=1).sum(), 1e-6))
    turn, moved = place_in_camera(points, pixels, hand.region.centre, intrinsics)
    keypoints = np.asarray(points @ turn.T + moved, np.float32)
    low, high = (np.clip(corner, 0, (intrinsics.width, intrinsics.height)) for corner in (pixels.min(0), pixels.max(0)))
    return LooseHandEstimate(
        hand.side, OK, float(loose.confidence), keypoints, pixels.astype(np.float32), None,
        np.concatenate([low, high]).astype(np.float32), track_id=loose.track_id,
        side_confidence=float(hand.side_score), agreement=measure_agreement(pixels, keypoints, intrinsics))
