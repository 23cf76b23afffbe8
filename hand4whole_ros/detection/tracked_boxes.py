"""Boxes from where people were a moment ago, so that the detector runs only when that is unsure.

A detector costs as much as a small network, and people move little from one image to the next: what the network
found in the last image says where to look in this one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..skeleton import SIDES
from .people import Detector, HandPoints, PersonBoxes, overlap

#: Images until the detector looks for newcomers, and sooner while somebody's hand is not seen.
EVERY, EVERY_WITHOUT_HAND = 15, 5

#: Least overlap of a person's new box with the one that was looked at.
LEAST_OVERLAP = 0.5

#: The joints end before the skull, the fingers and the toes do: this much is left around them, of the longer side.
MARGIN = 0.1

#: Least side of a box worth looking at, px.
SMALLEST = 16

#: Two experts may disagree about a palm by this much of the hand's size; else one looks in the wrong place.
MOST_MISMATCH = 0.5


@dataclass(frozen=True)
class FoundHand:
    """What the network found of one hand."""

    keypoints: np.ndarray   # (21, 2) px in skeleton.HAND_KEYPOINT_NAMES order
    mismatch: float         # distance between the experts' palms, in sizes of the hand


@dataclass(frozen=True)
class FoundPerson:
    """What the network found of one person."""

    joints: np.ndarray                                          # (J, 2) px of the body
    hands: dict[str, FoundHand] = field(default_factory=dict)   # side -> hand, of those that were looked at


class TrackedBoxes:
    """Call `find` with every image, then `update` with what was found there, person by person.

    detector: looks at a whole image. every: images from one look to the next at most; 1 looks at every image.
    """

    def __init__(self, detector: Detector, every: int = EVERY):
        if every < 1:
            raise ValueError(f'every must be 1 or more, found {every}')
        self.detector = detector
        self._every = every
        self.reset()

    def find(self, image: np.ndarray) -> list[PersonBoxes]:
        """Boxes of the people in an RGB image (H, W, 3) uint8, from the last image or from the detector."""
        size = image.shape[1], image.shape[0]
        wait = self._every if all(p.left_hand and p.right_hand for p in self._next) else EVERY_WITHOUT_HAND
        self._age += 1
        if size != self._size or not self._next or self._unsure or self._age >= min(wait, self._every):
            followed = self._next if size == self._size else []
            self._next = [_with_hands_of(person, followed) for person in self.detector.detect(image)]
            self._age = 0
        self._size, self._looked_at, self._unsure = size, self._next, False
        return self._looked_at

    def update(self, found: list[FoundPerson]) -> None:
        """What was found at the boxes that `find` gave last, in their order."""
        self._next = []
        for person, now in zip(self._looked_at, found):
            followed = self._followed(person, now)
            if followed is None:
                self._unsure = True
            else:
                self._next.append(followed)

    def _followed(self, person, now):
        """Boxes for the next image; None where the person is not where the box was."""
        points = np.concatenate([now.joints, *(hand.keypoints for hand in now.hands.values())])
        if not np.isfinite(points).all():
            return None
        low, high = points.min(0), points.max(0)
        room = MARGIN * (high - low).max()
        low, high = (np.clip(corner, 0, self._size) for corner in (low - room, high + room))
        box = np.concatenate([low, high - low])
        if box[2:].min() < SMALLEST or overlap(box, person.bbox_xywh) < LEAST_OVERLAP:
            return None
        return replace(person, bbox_xywh=box, **{f'{side}_hand': self._hand(now.hands.get(side)) for side in SIDES})

    def _hand(self, hand):
        """A followed hand; None, and the detector is asked, where it is not to be trusted."""
        if hand is None:
            return None
        if not hand.mismatch < MOST_MISMATCH:
            self._unsure = True
            return None
        inside = ((hand.keypoints >= 0) & (hand.keypoints <= np.array(self._size) - 1)).all(1)
        return HandPoints(hand.keypoints, inside.astype(float))

    def reset(self) -> None:
        """Forget everybody: the next image comes from elsewhere."""
        self._next: list[PersonBoxes] = []
        self._looked_at: list[PersonBoxes] = []
        self._size, self._age, self._unsure = None, 0, False

    def close(self) -> None:
        """Free the detector."""
        self.detector.close()


def _with_hands_of(person, followed):
    """A detected person, with the hands of who was followed there where the detector saw none."""
    best = max(followed, key=lambda other: overlap(person.bbox_xywh, other.bbox_xywh), default=None)
    if best is None or overlap(person.bbox_xywh, best.bbox_xywh) < LEAST_OVERLAP:
        return person
    return replace(person, **{f'{side}_hand': person.hand(side) or best.hand(side) for side in SIDES})
