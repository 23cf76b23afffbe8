"""Everybody in an image, by the package's own landmark networks, in the form that estimators take.

People in images that stand alone are seen in a mirror, too, and both poses averaged where they are of the same person:
their errors are in part independent. Both are taken in the region that the two of them make.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..landmarks import LandmarksUnavailable
from ..landmarks.hands import HandLandmarks
from ..landmarks.indices import MIRRORED_POSE, NUM_POSE_LANDMARKS
from ..landmarks.measures import hand_distance, torso_length
from ..landmarks.people import LooseHand, PeopleLandmarker, PersonLandmarks
from ..landmarks.people_tracking import PeopleTracker
from ..landmarks.person_evidence import SAME_PERSON, similarity
from ..landmarks.pose import PoseLandmarker, PoseLandmarks
from ..landmarks.runtime import Runtime
from . import DetectorUnavailable
from .holistic_landmarks import HolisticLandmarks

#: px; smaller images show nobody.
_MIN_SIZE = 16

#: In so many regions is a person seen both ways.
_REGIONS = 2

#: Landmarks of a hand and of its mirror image are of one hand if they differ by less, in palms.
_MAX_MIRROR_DISTANCE = 0.3


class LandmarkPeople:
    """Gives the landmarks of people. Raises DetectorUnavailable where the networks cannot be run.

    static_images: every image stands alone; otherwise people are tracked. mirror: see the module. max_people: how many
    are given at most, the largest. people: whether people are looked for at all, or only hands. lite_hands: the smaller
    network for hands.
    """

    def __init__(self, static_images: bool = False, mirror: bool = True, max_people: int = 1, people: bool = True,
                 lite_hands: bool = False):
        runtime = Runtime(workers=2)
        #: People of the last image as the networks have them, in the order in which they were given.
        self.people: list[PersonLandmarks] = []
        #: Hands of the last image that belong to nobody.
        self.loose_hands: list[LooseHand] = []
        try:
            options = {'max_people': max_people, 'people': people, 'lite_hands': lite_hands, 'runtime': runtime}
            self._static = PeopleLandmarker(**options) if static_images else None
            self._tracker = None if static_images else PeopleTracker(**options)
            self._pose = PoseLandmarker(runtime) if mirror and static_images and people else None
        except LandmarksUnavailable as error:
            raise DetectorUnavailable(str(error)) from error

    def detect(self, image: np.ndarray) -> list[HolisticLandmarks]:
        """The people in an RGB image (H, W, 3) uint8, the largest first."""
        self.people, self.loose_hands = [], []
        if min(image.shape[:2]) < _MIN_SIZE:
            return []
        found = (self._tracker.track if self._static is None else self._static.detect)(image)
        people, self.loose_hands = found.people, found.hands
        if self._pose is not None and people:
            mirrored = np.ascontiguousarray(image[:, ::-1])
            averaged = [self._averaged(person, image, mirrored) for person in people]
            self.people = [person for person, _ in averaged]
            return [_holistic(person, disagreement) for person, disagreement in averaged]
        self.people = people
        return [_holistic(person) for person in people]

    def _averaged(self, person: PersonLandmarks, image: np.ndarray, mirrored: np.ndarray
                  ) -> tuple[PersonLandmarks, np.ndarray]:
        width = mirrored.shape[1]
        hands = {}
        for side in ('left', 'right'):
            hand = person.hand(side)
            if hand is not None:
                other = self._static.hands.landmarker.landmarks(mirrored, hand.region.mirrored(width))
                other = replace(hand, landmarks=other.landmarks * (-1, 1, 1) + (width - 1, 0, 0))
                hands[f'{side}_hand'] = _mean_hand(hand, other)
        pose, disagreement = self._averaged_pose(person.pose, image, mirrored)
        return replace(person, pose=pose, **hands), disagreement

    def _averaged_pose(self, pose: PoseLandmarks, image: np.ndarray, mirrored: np.ndarray
                       ) -> tuple[PoseLandmarks, np.ndarray]:
        """The mean of a pose and of its mirror image, in a region that such a mean makes; how far it is from both."""
        mean, disagreement, region = pose, np.zeros(NUM_POSE_LANDMARKS), pose.next_region
        for _ in range(_REGIONS):
            one = self._pose.landmarks(image, region)
            other = _unmirrored(self._pose.landmarks(mirrored, region.mirrored(image.shape[1])), image.shape[1])
            apart = np.linalg.norm(one.landmarks[:, :2] - other.landmarks[:, :2], axis=1) / 2
            if min(similarity(pose, one), similarity(one, other)) < SAME_PERSON:
                return mean, np.maximum(disagreement, apart / torso_length(pose.landmarks))
            mean = _mean_pose(one, other)
            disagreement, region = apart / torso_length(mean.landmarks), mean.next_region
        return mean, disagreement

    def reset(self) -> None:
        """Forget the people who are tracked."""
        self.people, self.loose_hands = [], []
        if self._tracker is not None:
            self._tracker.restart()

    def close(self) -> None:
        """Free the networks."""
        self._static = self._tracker = self._pose = None


def _unmirrored(pose: PoseLandmarks, width: int) -> PoseLandmarks:
    order = list(MIRRORED_POSE)
    return replace(pose, region=pose.region.mirrored(width), auxiliary=pose.auxiliary * (-1, 1) + (width - 1, 0),
                   landmarks=pose.landmarks[order] * (-1, 1, 1) + (width - 1, 0, 0),
                   world_landmarks=pose.world_landmarks[order] * (-1, 1, 1), visibility=pose.visibility[order],
                   landmark_presence=pose.landmark_presence[order])


def _mean_pose(one: PoseLandmarks, other: PoseLandmarks) -> PoseLandmarks:
    """The mean of two poses of one person in one region."""
    return replace(one, **{name: (getattr(one, name) + getattr(other, name)) / 2 for name in (
        'landmarks', 'world_landmarks', 'visibility', 'landmark_presence', 'auxiliary')})


def _mean_hand(one: HandLandmarks, other: HandLandmarks) -> HandLandmarks:
    """Likewise of a hand's landmarks in the image."""
    if hand_distance(one.landmarks, other.landmarks) > _MAX_MIRROR_DISTANCE:
        return one
    return replace(one, landmarks=(one.landmarks + other.landmarks) / 2)


def _holistic(person: PersonLandmarks, disagreement: np.ndarray | None = None) -> HolisticLandmarks:
    pose = person.pose
    hands = (None if hand is None else hand.landmarks for hand in (person.left_hand, person.right_hand))
    return HolisticLandmarks(pose.landmarks[:, :2], pose.visibility, pose.world_landmarks, *hands, face=False,
                             track_id=person.track_id, disagreement=disagreement)
