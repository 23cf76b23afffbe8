"""All hands in an image, by WiLoR's own detector: no bodies, any number of hands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from ..networks.wilor_detector import STRIDES, WiLoRDetector
from .person_boxes import box_ious, check_image

#: Longest side of the network's input image, and the grey around it up to whole strides.
LONGEST_SIDE, PADDING_VALUE = 640, 114
#: Minimum score of a hand; overlap of two boxes above which only the better one is kept.
MIN_SCORE, MAX_OVERLAP = 0.3, 0.7
MAX_HANDS = 300


@dataclass(frozen=True)
class DetectedHand:
    """One hand. Pixel edges are at integer coordinates, as the network was trained."""

    side: str                    #: 'left' or 'right', the person's own
    box_xyxy: np.ndarray         #: (4,) px
    score: float                 #: 0 to 1
    keypoints: np.ndarray        #: (21, 2) px, in the order of the network's training data
    keypoint_scores: np.ndarray  #: (21,) 0 to 1
    side_score: float            #: 0 to 1: confidence in the side


class WiLoRHands:
    """Detects hands in unrelated images.

    network: in evaluation mode. sides: the network's classes. min_score, max_overlap: see the module.
    one_side_a_place: whether boxes of different sides exclude each other; as published each side is treated
    separately, and a hand may be detected twice.
    """

    def __init__(self, network: WiLoRDetector, sides: Sequence[str], *, min_score: float = MIN_SCORE,
                 max_overlap: float = MAX_OVERLAP, one_side_a_place: bool = True, max_hands: int = MAX_HANDS):
        self._network, self.sides = network, tuple(sides)
        self.min_score, self.max_overlap, self.max_hands = min_score, max_overlap, max_hands
        self._one_side_a_place = one_side_a_place

    @torch.inference_mode()
    def detect(self, image: np.ndarray) -> list[DetectedHand]:
        """Hands in an RGB image (H, W, 3) uint8, the most certain first; [] if there are none."""
        picture, scale, corner = letterbox_image(check_image(image))
        assert self._network is not None, 'closed'
        device = next(self._network.parameters()).device
        given = torch.from_numpy(picture).to(device).permute(2, 0, 1)[None].float() / 255
        found = self._network(given)
        score, side = found.scores[0].max(-1)
        side_score = score / found.scores[0].sum(-1).clamp(min=1e-9)
        rows = (score > self.min_score).nonzero()[:, 0]
        rows = rows[score[rows].argsort(descending=True, stable=True)]
        boxes, score, side, points, visible, side_score = (values[rows].float().cpu().numpy() for values in (
            found.boxes[0], score, side, found.keypoints[0], found.keypoint_scores[0], side_score))
        side = side.astype(int)
        groups = np.zeros_like(side) if self._one_side_a_place else side
        kept = non_maximum_suppression(boxes, groups, self.max_overlap, self.max_hands)
        limit = np.array([image.shape[1], image.shape[0]], np.float32)
        boxes = ((boxes.reshape(-1, 2, 2) - corner) / scale).clip(0, limit).reshape(-1, 4)
        points = ((points - corner) / scale).clip(0, limit)
        return [DetectedHand(self.sides[side[k]], boxes[k], float(score[k]), points[k], visible[k],
                             float(side_score[k])) for k in kept]

    def close(self) -> None:
        """Free the network."""
        self._network = None


def letterbox_image(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The image (H, W, 3) with its longest side at MAX_SIDE, in grey to whole strides.

    Also the scale x, y (2,) and the corner x, y (2,) px of the image in it: pixel * scale + corner.
    """
    height, width = image.shape[:2]
    zoom = LONGEST_SIDE / max(height, width)
    size = (max(round(width * zoom), 1), max(round(height * zoom), 1))
    if size != (width, height):
        image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    room = [-length % STRIDES[-1] for length in size]
    left, top = (round(length / 2 - 0.1) for length in room)
    picture = cv2.copyMakeBorder(image, top, room[1] - top, left, room[0] - left, cv2.BORDER_CONSTANT,
                                 value=(PADDING_VALUE, PADDING_VALUE, PADDING_VALUE))
    return picture, np.array([size[0] / width, size[1] / height], np.float32), np.array([left, top], np.float32)


def non_maximum_suppression(boxes: np.ndarray, groups: np.ndarray, max_overlap: float,
                            max_boxes: int = MAX_HANDS) -> list[int]:
    """Rows of boxes xyxy (N, 4), best first, without those that overlap a better one by more than max_overlap.

    Only boxes of the same group (N,) are compared. At most max_boxes rows are returned.
    """
    sizes = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    kept: list[int] = []
    for k, box in enumerate(sizes):
        if len(kept) == max_boxes:
            break
        better = [j for j in kept if groups[j] == groups[k]]
        if (box_ious(sizes[better], box) <= max_overlap).all():
            kept.append(k)
    return kept
