"""Everybody in an image, by the package's own landmark networks, in the form that estimators take.

People in images that stand alone are seen in a mirror, too, and both poses averaged where they are of the same person:
their errors are in part independent.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..landmarks import LandmarksUnavailable
from ..landmarks.hands import HandLandmarks
from ..landmarks.indices import MIRRORED_POSE
from ..landmarks.measures import hand_distance
from ..landmarks.people import LooseHand, PeopleLandmarker, PersonLandmarks
from ..landmarks.people_tracking import PeopleTracker
from ..landmarks.person_evidence import SAME_PERSON, similarity
from ..landmarks.pose import PoseLandmarker, PoseLandmarks
from ..landmarks.runtime import Runtime
from . import DetectorUnavailable
from .mediapipe_holistic import HolisticLandmarks

#: px; smaller images show nobody.
_MIN_SIZE = 16

#: Landmarks of a hand and of its mirror image are of one hand if they differ by less, in palms.
_MAX_MIRROR_DISTANCE = 0.3


class LandmarkPeople:
    """Gives the landmarks of people. Raises DetectorUnavailable where the networks cannot be run.

    static_images: every image stands alone; otherwise people are tracked. mirror: see the module. max_people: how many
    are given at most, the largest. lite_hands: the smaller network for hands.
    """

    def __init__(self, static_images: bool = False, mirror: bool = True, max_people: int = 1, lite_hands: bool = False):
        runtime = Runtime(workers=2)
        #: Hands of the last image that belong to nobody.
        self.loose_hands: list[LooseHand] = []
        try:
            self._static = PeopleLandmarker(max_people, lite_hands=lite_hands, runtime=runtime) if static_images \
                else None
            self._tracker = None if static_images else PeopleTracker(max_people, lite_hands=lite_hands, runtime=runtime)
            self._mirror = PoseLandmarker(runtime) if mirror and static_images else None
        except LandmarksUnavailable as error:
            raise DetectorUnavailable(str(error)) from error

    def detect(self, image: np.ndarray) -> list[HolisticLandmarks]:
        """The people in an RGB image (H, W, 3) uint8, the largest first."""
        self.loose_hands = []
        if min(image.shape[:2]) < _MIN_SIZE:
            return []
        found = (self._tracker.track if self._static is None else self._static.detect)(image)
        people, self.loose_hands = found.people, found.hands
        if self._mirror is not None and people:
            mirrored = np.ascontiguousarray(image[:, ::-1])
            people = [self._averaged(person, mirrored) for person in people]
        return [_holistic(person) for person in people]

    def _averaged(self, person: PersonLandmarks, mirrored: np.ndarray) -> PersonLandmarks:
        width = mirrored.shape[1]
        seen = _unmirrored(self._mirror.landmarks(mirrored, person.pose.region.mirrored(width)), width)
        hands = {}
        for side in ('left', 'right'):
            hand = person.hand(side)
            if hand is not None:
                other = self._static.hands.landmarker.landmarks(mirrored, hand.region.mirrored(width))
                other = replace(hand, landmarks=other.landmarks * (-1, 1, 1) + (width - 1, 0, 0))
                hands[f'{side}_hand'] = _mean_hand(hand, other)
        return replace(person, pose=_mean_pose(person.pose, seen), **hands)

    def reset(self) -> None:
        """Forget the people who are tracked."""
        self.loose_hands = []
        if self._tracker is not None:
            self._tracker.restart()

    def close(self) -> None:
        """Free the networks."""
        self._static = self._tracker = self._mirror = None


def _unmirrored(pose: PoseLandmarks, width: int) -> PoseLandmarks:
    order = list(MIRRORED_POSE)
    return replace(pose, landmarks=pose.landmarks[order] * (-1, 1, 1) + (width - 1, 0, 0),
                   world_landmarks=pose.world_landmarks[order] * (-1, 1, 1), visibility=pose.visibility[order],
                   landmark_presence=pose.landmark_presence[order])


def _mean_pose(one: PoseLandmarks, other: PoseLandmarks) -> PoseLandmarks:
    """The mean of two poses of one person; the first if the other is somebody else's."""
    if similarity(one, other) < SAME_PERSON:
        return one
    return replace(one, **{name: (getattr(one, name) + getattr(other, name)) / 2 for name in (
        'landmarks', 'world_landmarks', 'visibility', 'landmark_presence')})


def _mean_hand(one: HandLandmarks, other: HandLandmarks) -> HandLandmarks:
    """Likewise of a hand's landmarks in the image."""
    if hand_distance(one.landmarks, other.landmarks) > _MAX_MIRROR_DISTANCE:
        return one
    return replace(one, landmarks=(one.landmarks + other.landmarks) / 2)


def _holistic(person: PersonLandmarks) -> HolisticLandmarks:
    pose = person.pose
    hands = (None if hand is None else hand.landmarks for hand in (person.left_hand, person.right_hand))
    return HolisticLandmarks(pose.landmarks[:, :2], pose.visibility, pose.world_landmarks, *hands, face=False,
                             track_id=person.track_id)
