"""Boxes carried on from the last image, so that the detector runs only when there is reason to.

What the network found in one image says where to look in the next. A detector is asked when nobody is followed,
now and then for newcomers, and whenever what was found casts doubt on the box it was found in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .. import skeleton
from . import body_box
from .hand_gate import LEAST_INSIDE, palm_length
from .people import Detector, HandPoints, PersonBoxes, checked, overlap

#: Of a hand's step from image to image, how much it is expected to go on. All of it would double the noise of the
#: keypoints; see docs/detection.md.
_STEP = 0.5
#: Longest such step, in lengths of the palm.
_LONGEST_STEP = 2.0

#: Left and right hand nearer than this, in palms, are one hand followed twice.
_SAME_HAND = 0.35

#: A box with a side shorter than this holds nobody, px.
_SHORTEST_SIDE = 8.0

#: Most that the detector's box may differ from the network's body at each edge and still correct it, in its size.
_MOST_CORRECTION = 0.6


@dataclass(frozen=True)
class TrackingConfig:
    """When to ask the detector, and whom to believe."""

    #: Images from one detection to the next while all is well.
    every: int = 15
    #: The same while a hand is missing whose wrist is in the picture.
    every_missing: int = 5
    #: Least overlap (intersection over union) of a person's next box with the last; below it the detector is asked.
    least_overlap: float = 0.5
    #: Most doubt of a hand, in the estimator's measure; see palm_gap.
    most_doubt: float = 1.0
    #: Detections in a row that must miss somebody who is followed, until he is dropped.
    patience: int = 3
    #: People followed at most.
    max_people: int = 4

    def __post_init__(self):
        for name in ('every', 'every_missing', 'patience', 'max_people'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} must be 1 or more, found {getattr(self, name)}')
        if not 0 <= self.least_overlap <= 1:
            raise ValueError(f'least_overlap must lie between 0 and 1, found {self.least_overlap}')


@dataclass(frozen=True)
class Found:
    """What the network found of one person. Left and right are the person's own."""

    joints: np.ndarray      # (55, 3) m, SMPL-X's joints in the camera frame
    joints_2d: np.ndarray   # (55, 2) px of the image
    #: side -> keypoints (21, 2) px and doubt, 0 for none, of each hand that was looked at
    hands: dict[str, tuple[np.ndarray, float]] = field(default_factory=dict)


def palm_gap(expert: np.ndarray, body: np.ndarray) -> float:
    """A measure of doubt: how far apart two opinions (21, 2) px about one palm are, in lengths of the first's palm."""
    palm = list(skeleton.PALM_KEYPOINTS)
    gap = np.linalg.norm(expert[palm] - body[palm], axis=1).mean() / max(palm_length(expert), 1e-6)
    return float(gap) if np.isfinite(gap) else float('inf')


@dataclass
class _Hand:
    keypoints: np.ndarray           # (21, 2) px, where it is expected
    last: np.ndarray | None = None  # (21, 2) px, where the network saw it; None: fresh from the detector


@dataclass
class _Person:
    box: np.ndarray
    confidence: float
    hands: dict[str, _Hand]
    #: Edges of the detector's box from the network's, in sizes of that: clothes, legs behind a desk.
    correction: np.ndarray = field(default_factory=lambda: np.zeros(4))
    fresh: bool = True      # the box is the detector's own
    missed: int = 0         # detections in a row that did not find him
    missing_hand: bool = False


class TrackedBoxes:
    """Boxes for a camera or a video: `find` before the network runs on an image, `update` after it.

    Not for pictures that have nothing to do with each other: those are the detector's alone.
    """

    def __init__(self, detector: Detector, config: TrackingConfig | None = None):
        self._detector, self.config = detector, config or TrackingConfig()
        #: How many images the detector has looked at.
        self.detections = 0
        self.reset()

    def reset(self) -> None:
        """Forget everybody: the next image comes from elsewhere."""
        self._people: list[_Person] = []
        self._size = None
        self._since = 0         # images since the last detection
        self._unsure = False
        self._open = False      # find gave boxes and update did not follow yet

    def close(self) -> None:
        """Free the detector."""
        self._detector.close()

    def find(self, image: np.ndarray) -> list[PersonBoxes]:
        """The boxes to look into, in an RGB image (H, W, 3) uint8: those followed longest first; [] for nobody."""
        height, width = checked(image).shape[:2]
        if self._size != (width, height) or self._open:
            self.reset()    # an image without an update leaves nothing to go on from
        self._size = width, height
        self._since += 1
        wait = self.config.every_missing if any(p.missing_hand for p in self._people) else self.config.every
        if not self._people or self._unsure or self._since >= min(wait, self.config.every):
            self._meet(self._detector.detect(image))
            self.detections += 1
            self._since, self._unsure = 0, any(person.missed for person in self._people)
        self._open = bool(self._people)
        return [self._boxes(person) for person in self._people]

    def update(self, found: list[Found | None]) -> None:
        """Tell what the network made of the last find's boxes, in their order; None where it saw no person.

        Raises ValueError where their number is another.
        """
        waiting = len(self._people) if self._open else 0
        if len(found) != waiting:
            raise ValueError(f'update takes one result for each of the {waiting} boxes that the last find gave, '
                             f'found {len(found)}')
        self._open = False
        self._people = [person for person, what in zip(self._people, found)
                        if what is not None and self._follow(person, what)]

    def _boxes(self, person) -> PersonBoxes:
        hands = {}
        for side, hand in person.hands.items():
            hands[f'{side}_hand'] = HandPoints(hand.keypoints, self._inside(hand.keypoints).astype(float))
        return PersonBoxes(person.box, person.confidence, **hands)

    def _meet(self, detected: list[PersonBoxes]) -> None:
        """Bring those who are followed and those who were detected together."""
        pairs = sorted(((overlap(person.box, other.bbox_xywh), p, d) for p, person in enumerate(self._people)
                        for d, other in enumerate(detected)), reverse=True)
        match: dict[int, int] = {}
        for shared, p, d in pairs:
            if shared >= 0.3 and p not in match and d not in match.values():
                match[p] = d
        kept = []
        for p, person in enumerate(self._people):
            if p in match:
                self._refresh(person, detected[match[p]])
            else:
                person.missed += 1
            twice = any(overlap(person.box, other.box) > 0.7 for other in kept)
            if p in match or (person.missed < self.config.patience and not twice):
                kept.append(person)
        for d, other in enumerate(detected):
            if d not in match.values():
                kept.append(_Person(other.bbox_xywh, other.confidence, _fresh_hands(other)))
        self._people = kept[:self.config.max_people]

    @staticmethod
    def _refresh(person, detected):
        """Take the detector's word; a hand that it missed is followed on."""
        person.box, person.confidence = detected.bbox_xywh, detected.confidence
        person.hands.update(_fresh_hands(detected))
        person.fresh, person.missed = True, 0

    def _follow(self, person, found) -> bool:
        """From what was found to the next image's boxes; False where nothing is left to follow."""
        hands = {side: points for side, (points, doubt) in found.hands.items()
                 if self._is_hand(points) and doubt <= self.config.most_doubt}
        box = body_box.of_joints(found.joints, found.joints_2d, list(hands.values()), *self._size)
        if box is None or box[2:].min() < _SHORTEST_SIDE:
            return False
        if person.fresh:
            person.correction = np.clip((_edges(person.box) - _edges(box)) / np.tile(box[2:], 2),
                                        -_MOST_CORRECTION, _MOST_CORRECTION)
        edges = np.clip(_edges(box) + person.correction * np.tile(box[2:], 2), 0, np.tile(self._size, 2))
        box = np.concatenate([edges[:2], edges[2:] - edges[:2]])
        if box[2:].min() < _SHORTEST_SIDE:
            return False
        self._unsure |= overlap(box, person.box) < self.config.least_overlap
        person.box, person.fresh = box, False
        wrists = {side: found.joints_2d[skeleton.WRIST[side]] for side in skeleton.SIDES}
        # A hand that was followed and is lost is worth asking for at once; one the detector itself got wrong is not.
        lost = [side for side, hand in person.hands.items() if hand.last is not None and side not in hands
                and self._inside(wrists[side][None]).all()]
        if len(hands) == 2 and _one_hand(*hands.values()):
            far = max(skeleton.SIDES, key=lambda side: np.linalg.norm(hands[side][0] - wrists[side]))
            del hands[far]
            lost.append(far)
        self._unsure |= bool(lost)
        person.hands = {side: _stepped(points, person.hands.get(side)) for side, points in hands.items()}
        person.missing_hand = any(side not in hands and self._inside(wrists[side][None]).all()
                                  for side in skeleton.SIDES)
        return True

    def _inside(self, points):
        return ((points >= 0) & (points <= np.array(self._size) - 1)).all(-1)

    def _is_hand(self, points) -> bool:
        return bool(np.isfinite(points).all() and palm_length(points) > 1
                    and self._inside(points).sum() >= LEAST_INSIDE)


def _edges(box):
    return np.concatenate([box[:2], box[:2] + box[2:]])


def _fresh_hands(detected):
    return {side: _Hand(detected.hand(side).keypoints) for side in skeleton.SIDES if detected.hand(side) is not None}


def _one_hand(left, right):
    apart = np.linalg.norm(left - right, axis=1).mean()
    return apart < _SAME_HAND * max(palm_length(left), palm_length(right))


def _stepped(points, before: _Hand | None) -> _Hand:
    """The hand, moved to where it is expected in the next image."""
    if before is None or before.last is None:
        return _Hand(points, points)
    step = (points - before.last).mean(0)
    longest = _LONGEST_STEP * palm_length(points)
    step *= _STEP * min(1.0, longest / max(np.linalg.norm(step), 1e-9))
    return _Hand(points + step, points)
