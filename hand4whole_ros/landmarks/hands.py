"""Hands: detection of palms, the 21 landmarks of a hand, and correction of a hand's region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .detection import Detection, Detector
from .indices import POSE_HAND, HandLandmark, PalmKeypoint
from .landmark_values import image_landmarks, world_landmarks
from .model_files import HAND_LANDMARK_FULL, HAND_LANDMARK_LITE, HAND_RECROP, PALM_DETECTION_FULL
from .network import Network
from .regions import DOWN, UP, Region, around_circle, around_rotated_points, rotation_of, square
from .runtime import Runtime

#: px, of the detector's layers.
_STRIDES = (8, 16, 16, 16)

#: Landmarks with a lower presence are not a hand.
MIN_PRESENCE = 0.5

#: The landmarks that define a hand's region: all but the tip of the thumb and the outer halves of the fingers.
_REGION_LANDMARKS = [int(HandLandmark[name]) for name in (
    'WRIST', 'THUMB_CMC', 'THUMB_MCP', 'THUMB_IP', 'INDEX_FINGER_MCP', 'INDEX_FINGER_PIP', 'MIDDLE_FINGER_MCP',
    'MIDDLE_FINGER_PIP', 'RING_FINGER_MCP', 'RING_FINGER_PIP', 'PINKY_MCP', 'PINKY_PIP')]

#: The network's depths are divided by this.
_DEPTH_SCALE = 0.4


class PalmDetector(Detector):
    """Detects palms, at any rotation. Keypoints: indices.PalmKeypoint."""

    def __init__(self, min_score: float = 0.5, runtime: Runtime | None = None):
        super().__init__(PALM_DETECTION_FULL, _STRIDES, min_score, runtime)


def palm_region(palm: Detection) -> Region:
    """The region of a detected hand for HandLandmarker."""
    box, points = palm.box, palm.keypoints
    rotation = rotation_of(points[PalmKeypoint.WRIST], points[PalmKeypoint.MIDDLE_FINGER_MCP], UP)
    return square((box[:2] + box[2:]) / 2, box[2:] - box[:2], rotation, scale=2.6, shift=-0.5)


def pose_hand_region(landmarks: np.ndarray, side: str) -> Region:
    """The region of a hand for HandRecropper, from the landmarks (33, ...) px of a pose; side: 'left' or 'right'."""
    wrist, pinky, index = landmarks[list(POSE_HAND[side]), :2]
    return around_circle((2 * index + pinky) / 3, wrist, DOWN, scale=2.7, shift=-0.1)


@dataclass(frozen=True, eq=False)
class HandLandmarks:
    """One hand. Rows: indices.HandLandmark."""

    landmarks: np.ndarray           # (21, 3) px, px, depth in px from the wrist (smaller is nearer)
    world_landmarks: np.ndarray     # (21, 3) m from about the hand's middle; x right, y down, z away from the camera
    presence: float                 # probability: the region shows a hand; see MIN_PRESENCE
    right_score: float              # probability: it is the person's right hand, in an image that is not mirrored
    region: Region                  # that contains these landmarks

    @property
    def side(self) -> str:
        """'left' or 'right': the person's own, in an image that is not mirrored."""
        return 'right' if self.right_score > 0.5 else 'left'

    @property
    def side_score(self) -> float:
        """The probability of `side`, 0.5 to 1."""
        return max(self.right_score, 1 - self.right_score)

    @cached_property
    def next_region(self) -> Region:
        """The region of the same hand for the next image."""
        points = self.landmarks[:, :2]
        index, middle, ring = points[[HandLandmark.INDEX_FINGER_MCP, HandLandmark.MIDDLE_FINGER_MCP,
                                      HandLandmark.RING_FINGER_MCP]]
        rotation = rotation_of(points[HandLandmark.WRIST], ((index + ring) / 2 + middle) / 2, UP)
        return around_rotated_points(points[_REGION_LANDMARKS], rotation, scale=2.0, shift=-0.1)


class HandLandmarker:
    """Estimates the landmarks of the hand in a region. lite: smaller network, in half the time, less accurate."""

    def __init__(self, lite: bool = False, runtime: Runtime | None = None):
        self._runtime = runtime or Runtime()
        self._network = Network(HAND_LANDMARK_LITE if lite else HAND_LANDMARK_FULL, self._runtime)

    def landmarks(self, image: np.ndarray, region: Region, mirrored: bool = False) -> HandLandmarks:
        """Always returns landmarks for an RGB image (H, W, 3) uint8; `presence` is the probability of a hand.

        mirrored: estimated in the mirror image of the region. Raises ValueError if `image` is not an image.
        """
        values, presence, left_score, world = self._network.run(image, region, mirrored)
        points = values.reshape(-1, 3).astype(float) / self._network.model.input_size / (1, 1, _DEPTH_SCALE)
        world, left = world.reshape(-1, 3).astype(float), float(left_score[0, 0])
        if mirrored:
            points[:, 0], world[:, 0], left = 1 - points[:, 0], -world[:, 0], 1 - left
        # The network's left and right are those of mirrored images: its left hand is the person's right hand here.
        return HandLandmarks(image_landmarks(points, region), world_landmarks(world, region), float(presence[0, 0]),
                             left, region)

    def landmarks_batch(self, image: np.ndarray, regions: Sequence[Region]) -> list[HandLandmarks]:
        """The landmarks of several regions of one image."""
        return self._runtime.map(lambda region: self.landmarks(image, region), regions)


class HandRecropper:
    """Corrects a region of a hand that was computed from a pose."""

    def __init__(self, runtime: Runtime | None = None):
        self._runtime = runtime or Runtime()
        self._network = Network(HAND_RECROP, self._runtime)

    def recrop(self, image: np.ndarray, region: Region) -> Region:
        """A region of pose_hand_region, in an RGB image (H, W, 3) uint8 -> the region for HandLandmarker.

        Raises ValueError if `image` is not an image.
        """
        outputs, = self._network.run(image, region)
        centre, point = region.to_image(outputs.reshape(2, 2).astype(float) / self._network.model.input_size)
        return around_circle(centre, point, DOWN, scale=1.0, shift=-0.1)

    def recrop_batch(self, image: np.ndarray, regions: Sequence[Region]) -> list[Region]:
        """The corrected regions of several regions of one image."""
        return self._runtime.map(lambda region: self.recrop(image, region), regions)
