"""All people in an unrelated image: whole people with their hands, and loose hands.

`people_tracking` does the same for the images of a video.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import expit

from ..geometry.directions import cosine
from .hand_assignment import assign, with_wrist_of
from .hand_detection import HandFound, HandsDetector
from .hand_evidence import hand_evidence
from .hands import HandLandmarks
from .indices import LOWER_LEG, PoseLandmark
from .measures import hand_direction, palm_length
from .people_detection import PeopleDetector, PersonPose
from .pose import PoseLandmarks
from .pose_consensus import consensus_of_regions
from .runtime import Runtime

#: A pose is a false detection of a hand if its torso is shorter than so many palms of that hand and this share of its
#: arms and trunk lies on it.
_HAND_PALMS, _SHARE_ON_HAND = 1.6, 0.4

#: The same of a slightly larger pose, or one that is only partly on the hand, if its evidence is below this. People's
#: torsos have some five palms, fewer with a hand before them.
_DOUBTFUL_PALMS, _DOUBTFUL_SHARE, _MIN_EVIDENCE = 3.0, 0.1, 3.3

#: A hand of no arm is a false detection of a foot, of at least this visibility, if the middles of both are nearer than
#: so many palms and the hand points as the foot or the shank does, by this cosine or more.
_MIN_FOOT_VISIBILITY, _FOOT_PALMS, _AS_FOOT = 0.3, 1.0, 0.9

#: Rows of a pose: from the shoulders to the hips, with arms and hands.
_ARMS_AND_TRUNK = slice(PoseLandmark.LEFT_SHOULDER, PoseLandmark.LEFT_KNEE)


@dataclass(frozen=True, eq=False)
class PersonLandmarks:
    """One person. The hands are those of the person's own left and right arm; None: not detected."""

    pose: PoseLandmarks             # 33 landmarks px, visibility, presence, world landmarks m
    left_hand: HandLandmarks | None
    right_hand: HandLandmarks | None
    confidence: float               # 0 to 1: that it is a person
    hand_confidence: dict[str, float]   # side -> 0 to 1, of the detected hands: that their landmarks are right
    track_id: int = -1              # the same in all images of a video; -1 in an unrelated image
    #: side -> 0 to 1, of those hands that the palm detector has confirmed: that it is a hand, whosever
    palms: dict[str, float] = field(default_factory=dict)

    def hands_without(self, sides: Container[str]) -> list[LooseHand]:
        """The hands with a detected palm, except those of `sides`, as loose hands; they do not depend on the person."""
        hands = ((self.hand(side), confidence) for side, confidence in self.palms.items() if side not in sides)
        return [LooseHand(hand, confidence) for hand, confidence in hands if hand is not None]

    def pose_with_hands(self) -> PoseLandmarks:
        """The pose with the wrists of the hands where it has not seen its own: see hand_assignment.with_wrist_of."""
        pose = self.pose
        for side, confidence in self.hand_confidence.items():
            hand = self.hand(side)
            assert hand is not None     # confidence is that of the hands
            pose = with_wrist_of(hand, pose, side, confidence)
        return pose

    def hand(self, side: str) -> HandLandmarks | None:
        """The hand of `side`, 'left' or 'right'."""
        return {'left': self.left_hand, 'right': self.right_hand}[side]


@dataclass(frozen=True, eq=False)
class LooseHand:
    """A hand that was assigned to no arm. The network estimates its side: HandLandmarks.side."""

    hand: HandLandmarks             # 21 landmarks px, world landmarks m
    confidence: float               # 0 to 1
    track_id: int = -1              # as in PersonLandmarks


@dataclass(frozen=True, eq=False)
class ImageLandmarks:
    """All people and hands in an image."""

    people: list[PersonLandmarks]   # the largest first
    hands: list[LooseHand]          # the most certain first


class PeopleLandmarker:
    """Detects all people and hands of unrelated images.

    max_people: maximum number of people, the largest are kept. people: whether people are detected, or only hands.
    hands: whether loose hands are detected. lite_hands: see HandLandmarker. both_ways: poses are the consensus of two
    regions and their mirror images, whose errors are in part independent: four more runs of the network a person.
    Raises ValueError if max_people is below 1, LandmarksUnavailable as the networks do.
    """

    def __init__(self, max_people: int = 10, *, people: bool = True, hands: bool = True, lite_hands: bool = False,
                 both_ways: bool = False, runtime: Runtime | None = None):
        if max_people < 1:
            raise ValueError(f'max_people must be 1 or more, found {max_people}')
        self.max_people = max_people
        runtime = runtime or Runtime(workers=2)
        self.people = PeopleDetector(runtime) if people else None
        self.hands = HandsDetector(lite_hands, runtime)
        self._loose_hands, self._both_ways = hands, both_ways

    def detect(self, image: np.ndarray) -> ImageLandmarks:
        """All people and hands of an RGB image (H, W, 3) uint8. Raises ValueError if `image` is not an image."""
        poses = [] if self.people is None else self.people.detect(image)
        if self.people is not None and self._both_ways:
            poses = sorted(poses, key=lambda person: -person.size)
            poses[:self.max_people] = [
                replace(person, pose=consensus_of_regions(self.people.landmarker, image, person.pose))
                for person in poses[:self.max_people]]
        hands = self.hands.detect(image, [person.pose for person in poses])
        return assembled(poses, hands, self.max_people, loose_hands=self._loose_hands)


def assembled(poses: Sequence[PersonPose], hands: Sequence[HandFound], max_people: int, *, loose_hands: bool = True,
              ids: Sequence[int] | None = None, hand_ids: Sequence[int] | None = None) -> ImageLandmarks:
    """People with the hands of their arms, the largest first, and the loose hands.

    ids, hand_ids: track ids of poses and hands. Poses that are false detections of a hand are left out.
    """
    palms = [found.hand for found in hands if found.palm_score > 0]
    rows = [k for k, person in enumerate(poses) if not any(is_hand(person, hand) for hand in palms)]
    # Assigned among all people, so that nobody gets a hand of a person beyond max_people.
    given = assign(hands, [poses[k].pose for k in rows])
    evidence = {arm: hand_evidence(hands[number], poses[rows[arm[0]]].pose, arm[1]) for arm, number in given.items()}
    largest = sorted(range(len(rows)), key=lambda k: -poses[rows[k]].size)[:max_people]
    people = []
    for k in largest:
        person = poses[rows[k]]
        found = {side: hands[given[k, side]] for side in ('left', 'right') if (k, side) in given}
        people.append(PersonLandmarks(
            person.pose, *(found[side].hand if side in found else None for side in ('left', 'right')),
            confidence=float(expit(person.evidence)),
            hand_confidence={side: float(expit(evidence[k, side])) for side in found},
            track_id=-1 if ids is None else ids[rows[k]],
            palms={side: one.confidence for side, one in found.items() if one.palm_score > 0}))
    taken = set(given.values())
    # A hand without a palm that was assigned to no arm is a duplicate.
    hand_ids = [-1] * len(hands) if hand_ids is None else hand_ids
    loose = [LooseHand(found.hand, found.confidence, hand_ids[k]) for k, found in enumerate(hands)
             if k not in taken and found.palm_score > 0
             and not any(is_foot(found.hand, poses[row].pose) for row in rows)]
    return ImageLandmarks(people, loose if loose_hands else [])


def is_hand(person: PersonPose, hand: HandLandmarks) -> bool:
    """Whether a pose is a false detection of a hand: its body is hardly larger than that hand and lies on it."""
    size = person.size / palm_length(hand.landmarks)
    on_hand = (np.abs(hand.next_region.from_image(person.pose.landmarks[_ARMS_AND_TRUNK, :2]) - 0.5) < 0.6).all(1)
    if person.evidence < _MIN_EVIDENCE:
        return bool(size <= _DOUBTFUL_PALMS and on_hand.mean() > _DOUBTFUL_SHARE)
    return bool(size <= _HAND_PALMS and on_hand.mean() > _SHARE_ON_HAND)


def is_foot(hand: HandLandmarks, pose: PoseLandmarks) -> bool:
    """Whether a hand that belongs to no arm is a false detection of a foot of this person.

    Palms are detected on feet, bare or in shoes, and the networks of hands are certain of them. Another person's hand
    in front of a foot mostly points elsewhere.
    """
    fingers, palm = hand_direction(hand.landmarks), palm_length(hand.landmarks)
    middle = hand.landmarks[:, :2].mean(axis=0)
    for knee, *foot in LOWER_LEG.values():
        ankle, heel, toe = pose.landmarks[foot, :2]
        apart = np.linalg.norm(middle - (ankle + heel + toe) / 3)
        if pose.visibility[foot].min() >= _MIN_FOOT_VISIBILITY and apart < _FOOT_PALMS * palm and max(
                cosine(fingers, toe - heel), cosine(fingers, ankle - pose.landmarks[knee, :2])) >= _AS_FOOT:
            return True
    return False
