"""All people in an image, by the package's own landmark networks, in the form that estimators take."""

from __future__ import annotations

import numpy as np

from ..landmarks import LandmarksUnavailable
from ..landmarks.people import LooseHand, PeopleLandmarker, PersonLandmarks
from ..landmarks.people_tracking import PeopleTracker
from ..landmarks.runtime import Runtime
from . import DetectorUnavailable
from .holistic_landmarks import HolisticLandmarks

#: px; smaller images are skipped.
_MIN_SIZE = 16


class LandmarkPeople:
    """Estimates the landmarks of people. Raises DetectorUnavailable if the networks cannot be run.

    static_images: images are unrelated; otherwise people are tracked. mirror: poses are estimated in mirror images,
    too. max_people: maximum number of people, the largest are kept. people: whether people are detected, or only hands.
    lite_hands: the smaller network for hands.
    """

    def __init__(self, static_images: bool = False, *, mirror: bool = True, max_people: int = 1, people: bool = True,
                 lite_hands: bool = False):
        runtime = Runtime(workers=2)
        #: People of the last image in the networks' form, in the order of the results.
        self.people: list[PersonLandmarks] = []
        #: Hands of the last image that were assigned to no person.
        self.loose_hands: list[LooseHand] = []
        try:
            options = {'max_people': max_people, 'people': people, 'lite_hands': lite_hands, 'both_ways': mirror,
                       'runtime': runtime}
            self._static = PeopleLandmarker(**options) if static_images else None
            self._tracker = None if static_images else PeopleTracker(**options)
        except LandmarksUnavailable as error:
            raise DetectorUnavailable(str(error)) from error

    def detect(self, image: np.ndarray) -> list[HolisticLandmarks]:
        """The people in an RGB image (H, W, 3) uint8, the largest first."""
        self.people, self.loose_hands = [], []
        if min(image.shape[:2]) < _MIN_SIZE:
            return []
        if self._tracker is not None:
            found = self._tracker.track(image)
        else:
            assert self._static is not None     # one of the two is set until `close`
            found = self._static.detect(image)
        self.people, self.loose_hands = found.people, found.hands
        return [as_holistic(person) for person in self.people]

    def reset(self) -> None:
        """Forget the tracked people."""
        self.people, self.loose_hands = [], []
        if self._tracker is not None:
            self._tracker.restart()

    def close(self) -> None:
        """Free the networks."""
        self._static = self._tracker = None


def as_holistic(person: PersonLandmarks) -> HolisticLandmarks:
    """A person in the form that estimators take."""
    pose = person.pose_with_hands()
    hands = (None if hand is None else hand.landmarks for hand in (person.left_hand, person.right_hand))
    return HolisticLandmarks(pose.landmarks[:, :2], pose.visibility, pose.world_landmarks, *hands, face=False,
                             disagreement=pose.disagreement, keypoint_score=pose.keypoint_score,
                             person=person.confidence, hand_confidence=person.hand_confidence, track_id=person.track_id)
