"""Boxes of people from the results of the last image, so that the detector runs only when those are uncertain.

A detector costs as much as a small network, and people move little from one image to the next: the network's result
for the last image gives the boxes for this one. The detector runs when nobody is tracked, at intervals for
newcomers, and whenever a result does not fit the box it was estimated in.
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

#: Images until the detector runs for newcomers; fewer while a hand is missing whose wrist is in the image.
DETECTION_INTERVAL, DETECTION_INTERVAL_WITHOUT_HAND = 15, 5

#: Seconds between two images beyond which people may have walked out of the boxes of the first.
MAX_INTERVAL = 0.4

#: Minimum overlap of a person's new box with the one that the network was given.
MIN_OVERLAP = 0.5

#: Minimum overlap of a detected box with that of a tracked person to match; above the second two people are one.
_MIN_MATCH_OVERLAP, _MAX_DUPLICATE_OVERLAP = 0.3, 0.7

#: Consecutive detections that must miss a tracked person before the person is dropped.
MAX_MISSED_DETECTIONS = 3

#: Minimum side of a box, px.
MIN_BOX_SIDE = 16

#: Maximum distance between two experts' palms, in sizes of the hand; beyond it one of them has the wrong crop.
MAX_MISMATCH = 0.5

#: Share of a hand's last step that is added to predict the next position, and the longest such step, in palms. Half a
#: step keeps quick hands in their boxes; a whole one would more than double the noise of their positions.
_STEP_GAIN, _MAX_STEP = 0.5, 2.0

#: Maximum correction of the box around the joints by the detector's, at each edge, in sizes of the box.
_MAX_CORRECTION = 0.6


@dataclass(frozen=True)
class HandResult:
    """The network's result for one hand."""

    keypoints: np.ndarray   # (21, 2) px in skeleton.HAND_KEYPOINT_NAMES order
    mismatch: float         # distance between the experts' palms, in sizes of the hand


@dataclass(frozen=True)
class PersonResult:
    """The network's result for one person."""

    joints: np.ndarray      # (22, 2) px in skeleton.BODY_JOINT_NAMES order; not finite if it detected nobody
    hands: dict[str, HandResult] = field(default_factory=dict)   # side -> hand, of those that were estimated


@dataclass
class _TrackedHand:
    keypoints: np.ndarray           # (21, 2) px, where it is predicted
    seen: np.ndarray | None = None  # (21, 2) px, the network's last result; None: only detected so far


@dataclass
class _TrackedPerson:
    track_id: int
    box: np.ndarray
    confidence: float
    hands: dict[str, _TrackedHand]
    fresh: bool = True      # the box is the detector's own
    missed: int = 0         # consecutive detections that missed this person
    is_missing_hand: bool = False
    #: Offsets of the detector's edges from those around the joints, in sizes of that box: clothes, legs behind a desk.
    correction: np.ndarray = field(default_factory=lambda: np.zeros(4))


class BoxTracker:
    """Call `find` with every image, then `update` with the results, person by person.

    detector: runs on a whole image. every: maximum number of images from one run to the next; 1 runs on every image
    and tracks nobody, for unrelated images. If images come more slowly than one in MAX_INTERVAL the detector runs on
    each of them. clock: seconds.
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

        Those tracked longest come first, then newcomers, the most certain first; [] for nobody. Newcomers get new track
        ids, which are never used again.
        """
        size = check_image(image).shape[1], image.shape[0]
        # After an image without an update, or of another size, there is nothing to continue from.
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
        """Takes the results for the boxes of the last `find`, in their order.

        Raises ValueError if there is not one for each box.
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
        self._waiting = 0       # number of results that update must receive
        self._size: tuple[int, int] = (0, 0)    # of the last image; (0, 0) before the first
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
        """Match tracked and detected people by the overlap of their boxes."""
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
        """Boxes for the next image, in place; False if there is no box for the person."""
        hands = {side: hand.keypoints for side, hand in now.hands.items() if self._is_reliable(hand)}
        box = self._next_box(person, body_box.box_from_joints(now.joints, list(hands.values()), *self._size))
        if box is None:
            return False
        if box_iou(box, person.box) < MIN_OVERLAP:
            # The result left its box: the person is dropped unless the next detection confirms it.
            self._unsure, person.missed = True, MAX_MISSED_DETECTIONS - 1
        person.box, person.fresh = box, False
        wrists = {side: now.joints[WRIST[side]] for side in SIDES}
        if len(hands) == 2 and is_same_hand(*hands.values()):
            del hands[max(SIDES, key=lambda side: np.linalg.norm(hands[side][0] - wrists[side]))]
        missing = [side for side in SIDES if side not in hands and inside(wrists[side], *self._size)]
        # The loss of a tracked hand triggers the detector at once; that of a hand only detected so far does not.
        self._unsure |= any(side in person.hands and person.hands[side].seen is not None for side in missing)
        person.is_missing_hand = bool(missing)
        person.hands = {side: _predict_hand(points, person.hands.get(side)) for side, points in hands.items()}
        return True

    def _next_box(self, person, box):
        """The box around the joints with the correction by the detector's; None if there is none."""
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
    """Take the detector's box and hands; a hand that it missed is still tracked."""
    person.box, person.confidence, person.fresh = detected.bbox_xywh, detected.confidence, True
    person.hands.update(_hands_from_detection(detected))


def _hands_from_detection(detected):
    return {side: _TrackedHand(detected.hand(side).keypoints) for side in SIDES if detected.hand(side) is not None}


def _predict_hand(points, before: _TrackedHand | None) -> _TrackedHand:
    """The hand, moved to its predicted position in the next image."""
    if before is None or before.seen is None:
        return _TrackedHand(points, points)
    step = _STEP_GAIN * (points - before.seen).mean(0)
    longest = _MAX_STEP * palm_length(points)
    return _TrackedHand(points + step * min(1.0, longest / max(np.linalg.norm(step), 1e-9)), points)
