"""Boxes from where people were a moment ago, so that the detector runs only when that is unsure.

A detector costs as much as a small network, and people move little from one image to the next: what the network
found in the last image says where to look in this one. The detector is asked when nobody is followed, now and then
for newcomers, and whenever what was found casts doubt on the box it was found in.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..geometry.assignment import assign_pairs
from ..geometry.boxes import inside
from ..landmarks.measures import MIN_HAND_LANDMARKS_INSIDE, palm_length
from ..skeleton import SIDES, WRIST
from . import body_box
from .hand_filter import is_same_hand
from .person_boxes import HandPoints, PersonBoxes, PersonDetector, box_iou, check_image

#: Images until the detector looks for newcomers, and sooner while a hand is not seen whose wrist is in the picture.
DETECTION_INTERVAL, DETECTION_INTERVAL_WITHOUT_HAND = 15, 5

#: Seconds between two images beyond which people may have walked out of the boxes of the first.
MAX_INTERVAL = 0.4

#: Least overlap of a person's new box with the one that was looked at.
MIN_OVERLAP = 0.5

#: Least overlap of a detected box with that of somebody followed, to be his; more than the second, and two are one.
_MIN_MATCH_OVERLAP, _MAX_DUPLICATE_OVERLAP = 0.3, 0.7

#: Detections in a row that must miss somebody who is followed until he is given up.
MAX_MISSED_DETECTIONS = 3

#: Least side of a box worth looking at, px.
MIN_BOX_SIDE = 16

#: Two experts may disagree about a palm by this much of the hand's size; else one looks in the wrong place.
MAX_MISMATCH = 0.5

#: Of a hand's last step, how much it is expected to go on, and the longest such step, in palms. Half a step keeps
#: quick hands in their boxes; a whole one would more than double the noise of where they were seen.
_STEP_GAIN, _MAX_STEP = 0.5, 2.0

#: Most that the detector's box may differ from that around the joints, at each edge, in its size, to correct it.
_MAX_CORRECTION = 0.6


@dataclass(frozen=True)
class HandResult:
    """What the network found of one hand."""

    keypoints: np.ndarray   # (21, 2) px in skeleton.HAND_KEYPOINT_NAMES order
    mismatch: float         # distance between the experts' palms, in sizes of the hand


@dataclass(frozen=True)
class PersonResult:
    """What the network found of one person."""

    joints: np.ndarray      # (22, 2) px in skeleton.BODY_JOINT_NAMES order; not finite where it found nobody
    hands: dict[str, HandResult] = field(default_factory=dict)   # side -> hand, of those that were looked at


@dataclass
class _TrackedHand:
    keypoints: np.ndarray           # (21, 2) px, where it is expected
    seen: np.ndarray | None = None  # (21, 2) px, where the network saw it last; None: fresh from the detector


@dataclass
class _TrackedPerson:
    track_id: int
    box: np.ndarray
    confidence: float
    hands: dict[str, _TrackedHand]
    fresh: bool = True      # the box is the detector's own
    missed: int = 0         # detections in a row that did not find this person
    is_missing_hand: bool = False
    #: The detector's edges from those around the joints, in sizes of that box: clothes, legs behind a desk.
    correction: np.ndarray = field(default_factory=lambda: np.zeros(4))


class BoxTracker:
    """Call `find` with every image, then `update` with what was found there, person by person.

    detector: looks at a whole image. every: images from one look to the next at most; 1 looks at every image and
    follows nobody, for pictures that have nothing to do with each other. Where images come more slowly than one in
    MAX_INTERVAL the detector looks at each of them. clock: seconds.
    """

    def __init__(
        self, detector: PersonDetector, every: int = DETECTION_INTERVAL, clock: Callable[[], float] = time.monotonic
    ):
        self.clock = clock
        self._last = -math.inf      # when the last image came
        if every < 1:
            raise ValueError(f'every must be 1 or more, found {every}')
        self.detector = detector
        self._every = every
        self.reset()

    def find(self, image: np.ndarray) -> list[PersonBoxes]:
        """Boxes of the people in an RGB image (H, W, 3) uint8, from the last image or from the detector.

        Those followed longest come first, then newcomers, the most certain first; [] for nobody. Their track ids are
        new for newcomers and never used again.
        """
        size = check_image(image).shape[1], image.shape[0]
        # An image without an update, or of another size, leaves nothing to go on from.
        if size != self._size or self._waiting or self._every == 1:
            self._forget()
        self._size = size
        self._age += 1
        now = self.clock()
        slow, self._last = now - self._last > MAX_INTERVAL, now
        wait = (
            DETECTION_INTERVAL_WITHOUT_HAND if any(person.is_missing_hand for person in self._people) else self._every
        )
        if not self._people or self._unsure or slow or self._age >= min(wait, self._every):
            self._match_detections(self.detector.detect(image))
            self._age, self._unsure = 0, any(person.missed for person in self._people)
        self._waiting = len(self._people)
        return [self._boxes(person) for person in self._people]

    def update(self, found: list[PersonResult]) -> None:
        """What was found at the boxes that `find` gave last, in their order.

        Raises ValueError where it is not one for each.
        """
        if len(found) != self._waiting:
            raise ValueError(f'update takes one result for each of the {self._waiting} boxes that the last find gave, '
                             f'found {len(found)}')
        self._waiting = 0
        followed = [person for person, now in zip(self._people, found) if self._update_person(person, now)]
        self._unsure |= len(followed) < len(self._people)
        self._people = followed

    def reset(self) -> None:
        """Forget all people: the next image is unrelated, and ids restart at 0."""
        self._ids = itertools.count()
        self._forget()

    def _forget(self):
        self._people: list[_TrackedPerson] = []
        self._waiting = 0       # results that update will have to take
        self._size: tuple[int, int] = (0, 0)    # of the last image; nobody is followed before one
        self._age, self._unsure = 0, False

    def close(self) -> None:
        """Free the detector."""
        self.detector.close()

    def _boxes(self, person) -> PersonBoxes:
        hands = {f'{side}_hand': HandPoints(hand.keypoints, inside(hand.keypoints, *self._size).astype(float))
                 for side, hand in person.hands.items()}
        alone = self._every == 1
        return PersonBoxes(person.box, person.confidence, **hands, track_id=-1 if alone else person.track_id)

    def _match_detections(self, detected: list[PersonBoxes]) -> None:
        """Bring those who are followed and those who were detected together, by how much their boxes share."""
        apart = [[1 - box_iou(person.box, other.bbox_xywh) for other in detected] for person in self._people]
        match = dict(assign_pairs(np.reshape(apart, (len(self._people), len(detected))), 1 - _MIN_MATCH_OVERLAP))
        for p, d in match.items():
            _apply_detection(self._people[p], detected[d])
        met = [self._people[p] for p in match]
        kept = []
        for p, person in enumerate(self._people):
            person.missed = 0 if p in match else person.missed + 1
            twice = any(box_iou(person.box, other.box) > _MAX_DUPLICATE_OVERLAP for other in met)
            if p in match or (person.missed < MAX_MISSED_DETECTIONS and not twice):
                kept.append(person)
        kept += [_TrackedPerson(next(self._ids), other.bbox_xywh, other.confidence, _hands_from_detection(other))
                 for d, other in enumerate(detected) if d not in match.values()]
        self._people = kept[:self.detector.max_people]

    def _update_person(self, person, now) -> bool:
        """Boxes for the next image, in place; False where the person is not where the box was."""
        hands = {side: hand.keypoints for side, hand in now.hands.items() if self._is_reliable(hand)}
        box = self._next_box(person, body_box.box_from_joints(now.joints, list(hands.values()), *self._size))
        if box is None:
            return False
        if box_iou(box, person.box) < MIN_OVERLAP:
            # Wherever the network went, it was not sent there: the detector must know this person, or it is none.
            self._unsure, person.missed = True, MAX_MISSED_DETECTIONS - 1
        person.box, person.fresh = box, False
        wrists = {side: now.joints[WRIST[side]] for side in SIDES}
        if len(hands) == 2 and is_same_hand(*hands.values()):
            del hands[max(SIDES, key=lambda side: np.linalg.norm(hands[side][0] - wrists[side]))]
        missing = [side for side in SIDES if side not in hands and inside(wrists[side], *self._size)]
        # A hand that was followed and is lost is worth a look at once; one that the detector gave just now is not.
        self._unsure |= any(side in person.hands and person.hands[side].seen is not None for side in missing)
        person.is_missing_hand = bool(missing)
        person.hands = {side: _predict_hand(points, person.hands.get(side)) for side, points in hands.items()}
        return True

    def _next_box(self, person, box):
        """The box around the joints, corrected as the detector's differed from it; None where there is none."""
        if box is None or box[2:].min() < MIN_BOX_SIDE:
            return None
        size = np.tile(box[2:], 2)
        if person.fresh:
            person.correction = np.clip((_edges(person.box) - _edges(box)) / size, -_MAX_CORRECTION, _MAX_CORRECTION)
        edges = np.clip(_edges(box) + person.correction * size, 0, np.tile(self._size, 2))
        box = np.concatenate([edges[:2], edges[2:] - edges[:2]])
        return box if box[2:].min() >= MIN_BOX_SIDE else None

    def _is_reliable(self, hand) -> bool:
        points = hand.keypoints
        return bool(hand.mismatch < MAX_MISMATCH and np.isfinite(points).all() and palm_length(points) > 1
                    and inside(points, *self._size).sum() >= MIN_HAND_LANDMARKS_INSIDE)


def _edges(box):
    return np.concatenate([box[:2], box[:2] + box[2:]])


def _apply_detection(person, detected):
    """Take the detector's word; a hand that it missed is followed on."""
    person.box, person.confidence, person.fresh = detected.bbox_xywh, detected.confidence, True
    person.hands.update(_hands_from_detection(detected))


def _hands_from_detection(detected):
    return {side: _TrackedHand(detected.hand(side).keypoints) for side in SIDES if detected.hand(side) is not None}


def _predict_hand(points, before: _TrackedHand | None) -> _TrackedHand:
    """The hand, moved to where it is expected in the next image."""
    if before is None or before.seen is None:
        return _TrackedHand(points, points)
    step = _STEP_GAIN * (points - before.seen).mean(0)
    longest = _MAX_STEP * palm_length(points)
    return _TrackedHand(points + step * min(1.0, longest / max(np.linalg.norm(step), 1e-9)), points)
