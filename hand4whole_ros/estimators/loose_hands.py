"""Hands without a person, in metres: the landmarks of a hand network at the distance that a hand's length gives."""

from __future__ import annotations

import numpy as np

from ..estimate import LooseHandEstimate
from ..geometry.camera import Intrinsics
from ..geometry.directions import ray_directions
from ..geometry.keypoint_agreement import measure_agreement
from ..geometry.placement import place_in_camera
from ..landmarks.people import LooseHand
from ..skeleton import MIDDLE_FINGER_KEYPOINTS, OK

#: Minimum depth of a keypoint, in depths of the hand's middle.
_NEAREST = 0.2


def place_loose_hand(loose: LooseHand, intrinsics: Intrinsics, hand_length: float) -> LooseHandEstimate:
    """A hand in the camera's optical frame. Its keypoints project to its landmarks.

    intrinsics: of the image that the landmarks are in. hand_length: m, from the wrist along the joints of the middle
    finger to its tip. The distance of the hand follows from it: a hand of half that size is half as far. The agreement
    is that of the network's hand in metres with the landmarks.
    """
    hand = loose.hand
    pixels = hand.landmarks[:, :2]
    points = _of_length(hand.world_landmarks, hand_length)
    turn, moved = place_in_camera(points, pixels, hand.region.centre, intrinsics)
    rigid = points @ turn.T + moved
    keypoints = _of_length(_along_rays(hand, intrinsics, rigid, axis=turn[:, 2]), hand_length)
    low, high = (np.clip(corner, 0, (intrinsics.width, intrinsics.height)) for corner in (pixels.min(0), pixels.max(0)))
    return LooseHandEstimate(
        hand.side, OK, float(loose.confidence), keypoints.astype(np.float32), pixels.astype(np.float32), None,
        np.concatenate([low, high]).astype(np.float32), track_id=loose.track_id,
        side_confidence=float(hand.side_score),
        agreement=measure_agreement(pixels, rigid, intrinsics))


def _along_rays(hand, intrinsics, rigid, *, axis):
    """Keypoints (21, 3) on the rays of their landmarks, at the mean of the network's two estimates of depth.

    rigid: the hand in metres, in the camera, has one of them; the landmarks have the other. Their errors differ. axis:
    (3,) of the camera directed at the hand that depths are along.
    """
    pixels, rays = hand.landmarks[:, :2], ray_directions(intrinsics.normalize(hand.landmarks[:, :2]))
    flat = rays / (rays @ axis)[:, None]        # of depth one
    extent, extent_px = (np.linalg.norm(points - points.mean(axis=0)) for points in (flat, pixels))
    in_image, in_metres = hand.landmarks[:, 2] * (extent / max(extent_px, 1e-6)), rigid @ axis
    middle = in_metres.mean()
    depths = (middle * (1 + in_image - in_image.mean()) + in_metres) / 2
    return flat * np.maximum(depths, _NEAREST * middle)[:, None]


def _of_length(points, hand_length):
    """Points (21, 3) of a hand, scaled so that its middle finger and palm have a length."""
    finger = points[list(MIDDLE_FINGER_KEYPOINTS)]
    return points * (hand_length / max(np.linalg.norm(np.diff(finger, axis=0), axis=1).sum(), 1e-6))
