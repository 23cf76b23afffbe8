"""The output of a person detector: a box around each person, and the hands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class HandPoints:
    """The keypoints of one hand in the image, from which its box is computed."""

    keypoints: np.ndarray   # (21, 2) px in skeleton.HAND_KEYPOINT_NAMES order
    scores: np.ndarray      # (21,) 0 to 1: confidence that each point is in the image


@dataclass(frozen=True)
class PersonBoxes:
    """One person. Pixel centres are at integer coordinates; left and right are the person's own."""

    bbox_xywh: np.ndarray   # (4,) px, tight around the visible part of the person; within the image
    confidence: float       # 0 to 1
    left_hand: HandPoints | None = None     # None: not detected
    right_hand: HandPoints | None = None
    track_id: int = -1                      # the same in all images of a video; -1 in an unrelated image

    def hand(self, side: str) -> HandPoints | None:
        """The hand of `side`, 'left' or 'right'."""
        return self.left_hand if side == 'left' else self.right_hand


class PersonDetector(Protocol):
    """Detects people. Not thread-safe: one thread calls one detector."""

    #: Maximum number of people.
    max_people: int

    def detect(self, image: np.ndarray) -> list[PersonBoxes]:
        """People in an RGB image (H, W, 3) uint8, the most certain first; [] if nobody is detected."""
        ...

    def close(self) -> None:
        """Free threads and memory. The detector cannot be used afterwards."""


def box_iou(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes xywh (4,); 0 if one has no area or is not finite."""
    return float(box_ious(one[None], other)[0])


def box_ious(boxes: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Intersection over union (N,) of boxes xywh (N, 4) with another (4,); 0 if one has no area or is not finite."""
    low = np.maximum(boxes[:, :2], other[:2])
    high = np.minimum(boxes[:, :2] + boxes[:, 2:], other[:2] + other[2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    both = np.prod(boxes[:, 2:], axis=1) + np.prod(other[2:]) - shared
    valid = (both > 0) & np.isfinite(both)
    return np.where(valid, shared / np.where(valid, both, 1), 0.0)


def check_image(image: np.ndarray) -> np.ndarray:
    """Returns the image. Raises ValueError if it is not an RGB image (H, W, 3) uint8."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f'an RGB image (H, W, 3) of uint8 is expected, found {image.shape} of {image.dtype}')
    return image
