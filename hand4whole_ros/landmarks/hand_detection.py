"""Every hand in an image, once: from the arms of people and from palms that a detector finds.

The pose of an arm gives the approximate place of its hand; the palm detector detects hands at any rotation, with or
without a person. A hand is returned if the landmarks of two successive regions agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .detection import Detection
from .hand_evidence import hand_evidence
from .hands import (
    MIN_PRESENCE,
    HandLandmarker,
    HandLandmarks,
    HandRecropper,
    PalmDetector,
    palm_region,
    pose_hand_region,
)
from .indices import ARM, POSE_HAND, HandLandmark, PalmKeypoint
from .measures import hand_distance, is_hand_inside, palm_length, torso_length
from .pose import PoseLandmarks
from .regions import UP, Region, rotation_of
from .runtime import Runtime
from .tiles import tiles

#: Palms with a lower score are no candidates. The landmarks decide.
MIN_SCORE = 0.3

#: Scales of the squares in which palms are detected: those of hands that fill the image in one larger than the image.
SCALES = (1.0, 1.6, 0.5)

#: The hand of an arm is searched only if the pose's wrist has a higher visibility.
MIN_WRIST_VISIBILITY = 0.1

#: Regions at the end of a forearm, beside that of the pose's hand: the middle from the wrist and the side, in torsos;
#: the rotation from the forearm's. They show hands that the pose's fingers, or the network for regions, missed.
_FOREARM_REGIONS = ((0.2, 0.5, np.radians(-40)), (0.2, 0.5, np.radians(40)), (0.2, 0.7, 0.0))

#: Regions in which the hand of an arm is searched.
ARM_REGIONS = 1 + len(_FOREARM_REGIONS)

#: A new hand of an arm needs more evidence.
_MIN_EVIDENCE = -0.5

#: The side of the square around a wrist in which palms are searched, in sides of the region from a pose.
_AROUND_WRIST = 1.8

#: Two hands whose landmarks are nearer than this share of a palm, on average, are one hand.
_SAME_HAND = 0.4

#: The landmarks at the keypoints of a detected palm.
_PALM_LANDMARKS = [int(HandLandmark[keypoint.name]) for keypoint in PalmKeypoint]

#: A palm this near to a hand's landmarks, in palms, is that of the hand. The detector errs by up to half a palm.
_SAME_PALM = 0.6

#: Two hands of the same side are one hand if more than this share of the landmarks of one is in the other's box.
_SHARE_IN_OTHER = 0.5

#: A hand is the folded fingers of a more certain one if its palm is shorter than so many palms of that hand, and more
#: than this share of its landmarks is in that hand's box.
_FINGERS_PALMS, _SHARE_OF_FINGERS = 0.65, 0.9

#: Mean distance of successive landmarks of a hand, in palms, above which it is rejected.
_MAX_DISAGREEMENT = 0.35

#: Landmarks of a hand and of its mirror image are of one hand if they differ by less than this, in palms.
_MAX_MIRROR_DISTANCE = 0.3

#: Mean presence of a hand and of its mirror image below which a palm is rejected.
_MIN_BOTH_PRESENCE = 0.7


@dataclass(frozen=True, eq=False)
class HandFound:
    """A hand in an image."""

    hand: HandLandmarks
    disagreement: float                     # mean distance between the landmarks of the last two regions, in palms
    palm_score: float                       # the palm detector's, 0 to 1; 0 for regions of arms
    mirrored_presence: float | None = None  # in the mirror image of the region; None: not estimated

    @property
    def presences(self) -> list[float]:
        """In the region and, where that was estimated, in its mirror image."""
        return [self.hand.presence, *([] if self.mirrored_presence is None else [self.mirrored_presence])]

    @property
    def confidence(self) -> float:
        """0 to 1: that it is a hand. That it is the hand of an arm: see hand_evidence."""
        return self.hand.presence * float(np.exp(-self.disagreement))


class HandsDetector:
    """Detects all hands of an image. lite: uses the smaller network, in half the time, less accurate."""

    def __init__(self, lite: bool = False, runtime: Runtime | None = None, scales: Sequence[float] = SCALES):
        self._runtime = runtime or Runtime(workers=2)
        self.scales = tuple(scales)
        self._palms = PalmDetector(MIN_SCORE, self._runtime)
        self.recropper = HandRecropper(self._runtime)
        self.landmarker = HandLandmarker(lite, self._runtime)

    def detect(self, image: np.ndarray, poses: Sequence[PoseLandmarks] = ()) -> list[HandFound]:
        """All hands of an RGB image (H, W, 3) uint8, each once, the most certain first.

        Raises ValueError if `image` is not an image.
        """
        return distinct_hands(self.of_arms(image, poses) + self.of_palms(image, tiles(image, self.scales)))

    def of_arms(self, image: np.ndarray, poses: Sequence[PoseLandmarks]) -> list[HandFound]:
        """The hands at the ends of the poses' arms, with duplicates."""
        arms = [(pose, side) for pose in poses for side in POSE_HAND]
        return [hand for hand in self._runtime.map(lambda arm: self._anywhere_at(image, *arm), arms)
                if hand is not None]

    def of_arm(self, image: np.ndarray, pose: PoseLandmarks, side: str, regions: Iterable[int] = (0,)
               ) -> HandFound | None:
        """The hand at the end of the arm of `side`; None if there is none or the pose's wrist is not visible.

        regions: the numbers, below ARM_REGIONS, of those in which it is searched, until one shows it.
        """
        if pose.visibility[POSE_HAND[side][0]] <= MIN_WRIST_VISIBILITY:
            return None
        found = (self._in_arm_region(image, pose, side, region) for region in regions)
        return next((hand for hand in found if hand is not None), None)

    def _in_arm_region(self, image, pose: PoseLandmarks, side: str, region: int) -> HandFound | None:
        place = (_forearm_region(pose.landmarks, side, _FOREARM_REGIONS[region - 1]) if region else
                 self.recropper.recrop(image, pose_hand_region(pose.landmarks, side)))
        found = self.hand(image, place)
        if found is None:
            return None
        found = self._with_mirror_image(image, found)
        return found if hand_evidence(found, pose, side) > _MIN_EVIDENCE else None

    def _anywhere_at(self, image, pose: PoseLandmarks, side: str) -> HandFound | None:
        """The hand of an arm in the first of its regions that shows it, else near its wrist.

        Around the wrist the palm detector searches: it sees a smaller hand there than in an image.
        """
        found, wrist = self.of_arm(image, pose, side, range(ARM_REGIONS)), POSE_HAND[side][0]
        if found is not None or pose.visibility[wrist] <= MIN_WRIST_VISIBILITY:
            return found
        around, place = pose_hand_region(pose.landmarks, side), pose.landmarks[wrist, :2]
        near = self.of_palms(image, [replace(around, centre=place, side=_AROUND_WRIST * around.side)])
        return min(near, default=None,
                   key=lambda one: float(np.linalg.norm(one.hand.landmarks[HandLandmark.WRIST, :2] - place)))

    def of_palms(self, image: np.ndarray, regions: Iterable[Region]) -> list[HandFound]:
        """The hands whose palms the detector finds in regions of an image, with duplicates."""
        found = self._runtime.map(lambda palm: self.of_palm(image, palm), self.palms(image, regions))
        return [hand for hand in found if hand is not None]

    def palms(self, image: np.ndarray, regions: Iterable[Region]) -> list[Detection]:
        """The palms that the detector finds in regions of an image, each once, the highest score first."""
        palms = [palm for some in self._runtime.map(lambda region: self._palms.detect(image, region), regions)
                 for palm in some]
        kept: list[Detection] = []
        for palm in sorted(palms, key=lambda one: -one.score):
            size = max(palm.box[2] - palm.box[0], 1.0)
            if all(np.abs(palm.keypoints - other.keypoints).mean() > 0.15 * size for other in kept):
                kept.append(palm)
        return kept

    def of_palm(self, image: np.ndarray, palm: Detection) -> HandFound | None:
        """The hand of a detected palm; None if the region and its mirror image together do not show one.

        Elbows, paws and bellies resemble hands in at most one of the two.
        """
        found = self.hand(image, palm_region(palm), palm.score)
        if found is None:
            return None
        found = self._with_mirror_image(image, found)
        return found if np.mean(found.presences) > _MIN_BOTH_PRESENCE else None

    def _with_mirror_image(self, image, found: HandFound) -> HandFound:
        """A hand with the mean of its landmarks and those of the mirror image, if they are near each other."""
        hand, mirrored = found.hand, self.landmarker.landmarks(image, found.hand.region, mirrored=True)
        if hand_distance(hand.landmarks, mirrored.landmarks) < _MAX_MIRROR_DISTANCE:
            hand = replace(hand, landmarks=(hand.landmarks + mirrored.landmarks) / 2)
        return replace(found, hand=hand, mirrored_presence=mirrored.presence)

    def hand(self, image: np.ndarray, region: Region, palm_score: float = 0.0) -> HandFound | None:
        """The hand in a region, estimated again in the region of its landmarks; None if there is none."""
        first = self.landmarker.landmarks(image, region)
        if first.presence < MIN_PRESENCE:
            return None
        second = self.landmarker.landmarks(image, first.next_region)
        if second.presence < MIN_PRESENCE or not is_hand_inside(second.landmarks, image):
            return None
        disagreement = hand_distance(first.landmarks, second.landmarks)
        return HandFound(second, disagreement, palm_score) if disagreement < _MAX_DISAGREEMENT else None


def _forearm_region(landmarks, side, place):
    """A region at the end of a forearm; place: a row of _FOREARM_REGIONS."""
    _, elbow, wrist = landmarks[list(ARM[side]), :2]
    offset, length, rotation = place
    along, torso = wrist - elbow, torso_length(landmarks)
    direction = along / max(float(np.linalg.norm(along)), 1e-6)
    return Region(wrist + offset * torso * direction, length * torso, rotation_of(elbow, wrist, UP) + rotation)


def distinct_hands(hands: Iterable[HandFound]) -> list[HandFound]:
    """Each hand once, the most certain first: of duplicates the most certain, with their best palm score."""
    kept: list[HandFound] = []
    for hand in sorted(hands, key=lambda one: -one.confidence):
        same = next((k for k, other in enumerate(kept) if same_hand(hand.hand, other.hand)), None)
        if same is None:
            kept.append(hand)
        else:
            kept[same] = replace(kept[same], palm_score=max(kept[same].palm_score, hand.palm_score))
    return [hand for k, hand in enumerate(kept) if not any(is_folded_fingers(hand, other) for other in kept[:k])]


def same_hand(one: HandLandmarks, other: HandLandmarks) -> bool:
    """Whether two detections in one image are of the same hand."""
    # The wrist and the knuckles alone, too: two detections of one hand may differ in its fingers.
    palm = [HandLandmark.WRIST, HandLandmark.INDEX_FINGER_MCP, HandLandmark.MIDDLE_FINGER_MCP, HandLandmark.PINKY_MCP]
    if min(hand_distance(one.landmarks, other.landmarks, rows) for rows in (palm, None)) < _SAME_HAND:
        return True
    # Two hands that overlap are a left and a right one.
    return one.side == other.side and max(_share_in(one, other), _share_in(other, one)) > _SHARE_IN_OTHER


def is_folded_fingers(hand: HandFound, other: HandFound) -> bool:
    """Whether a hand is a false detection of the folded fingers of another one, which resemble a small hand."""
    one, larger = hand.hand, other.hand
    return (hand.confidence < other.confidence and _share_in(one, larger) > _SHARE_OF_FINGERS
            and palm_length(one.landmarks) < _FINGERS_PALMS * palm_length(larger.landmarks))


def other_palms(palms: Iterable[Detection], hands: Iterable[HandLandmarks]) -> list[Detection]:
    """Those detected palms that are not of these hands of the same image; each hand has one palm, the nearest."""
    others = list(palms)
    for hand in hands:
        apart = [_palm_distance(palm, hand) for palm in others]
        if apart and min(apart) < _SAME_PALM:
            del others[int(np.argmin(apart))]
    return others


def _palm_distance(palm, hand):
    """The mean distance of a palm's keypoints from a hand's landmarks, in palms of the hand."""
    apart = np.linalg.norm(palm.keypoints - hand.landmarks[_PALM_LANDMARKS, :2], axis=1)
    return apart.mean() / palm_length(hand.landmarks)


def _share_in(one, other):
    """Share of the landmarks of one hand that are in the box of the other's."""
    points, low, high = one.landmarks[:, :2], other.landmarks[:, :2].min(0), other.landmarks[:, :2].max(0)
    return ((points >= low) & (points <= high)).all(1).mean()
