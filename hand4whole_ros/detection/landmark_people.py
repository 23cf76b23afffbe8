"""All people in an image, by the package's own landmark networks, in the form that estimators take.

Poses are estimated in the mirror image, too, and averaged if both are of the same person: their errors are in part
independent. In unrelated images so are hands, and the pose is estimated so in a second, smaller region.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..landmarks import LandmarksUnavailable
from ..landmarks.hands import HandLandmarks
from ..landmarks.measures import hand_distance
from ..landmarks.people import LooseHand, PeopleLandmarker, PersonLandmarks
from ..landmarks.people_tracking import PeopleTracker
from ..landmarks.pose import PoseLandmarks, disagreement
from ..landmarks.pose_consensus import consensus, is_near
from ..landmarks.runtime import Runtime
from . import DetectorUnavailable
from .holistic_landmarks import HolisticLandmarks

#: px; smaller images are skipped.
_MIN_SIZE = 16

#: Sides of the regions in which a person is estimated both ways, in those of the network's own region.
_REGION_SCALES = (1.0, 0.85)

#: Landmarks of a hand and of its mirror image are of one hand if they differ by less than this, in palms.
_MAX_MIRROR_DISTANCE = 0.3


class LandmarkPeople:
    """Estimates the landmarks of people. Raises DetectorUnavailable if the networks cannot be run.

    static_images: images are unrelated; otherwise people are tracked. mirror: see the module. max_people: maximum
    number of people, the largest are kept. people: whether people are detected, or only hands. lite_hands: the smaller
    network for hands.
    """

    def __init__(self, static_images: bool = False, *, mirror: bool = True, max_people: int = 1, people: bool = True,
                 lite_hands: bool = False):
        runtime = Runtime(workers=2)
        #: People of the last image in the networks' form, in the order of the results.
        self.people: list[PersonLandmarks] = []
        #: Hands of the last image that were assigned to no person.
        self.loose_hands: list[LooseHand] = []
        try:
            options = {'max_people': max_people, 'people': people, 'lite_hands': lite_hands, 'runtime': runtime}
            self._static = PeopleLandmarker(**options) if static_images else None
            self._tracker = None if static_images else PeopleTracker(**options, both_ways=mirror)
            self._both_ways = self._static if mirror else None
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
        if self._both_ways is not None:
            self.people = [self._averaged(person, image) for person in found.people]
        return [_holistic(person) for person in self.people]

    def _averaged(self, person: PersonLandmarks, image: np.ndarray) -> PersonLandmarks:
        """A person of an unrelated image, estimated both ways."""
        assert self._both_ways is not None
        hands = {}
        for side in ('left', 'right'):
            hand = person.hand(side)
            if hand is not None:
                other = self._both_ways.hands.landmarker.landmarks(image, hand.region, mirrored=True)
                hands[f'{side}_hand'] = _mean_hand(hand, other)
        return replace(person, pose=self._averaged_pose(person.pose, image), **hands)

    def _averaged_pose(self, pose: PoseLandmarks, image: np.ndarray) -> PoseLandmarks:
        """The consensus of poses in two regions and their mirror images."""
        assert self._both_ways is not None and self._both_ways.people is not None
        poses: list[PoseLandmarks] = []
        mean = pose
        for scale in _REGION_SCALES:
            region = mean.next_region
            poses += self._both_ways.people.landmarker.landmarks_both_ways(
                image, replace(region, side=scale * region.side))
            if not all(is_near(other, pose) for other in poses):
                return replace(mean, disagreement=disagreement(poses, mean))
            mean = consensus(poses)
        return mean

    def reset(self) -> None:
        """Forget the tracked people."""
        self.people, self.loose_hands = [], []
        if self._tracker is not None:
            self._tracker.restart()

    def close(self) -> None:
        """Free the networks."""
        self._static = self._tracker = self._both_ways = None


def _mean_hand(one: HandLandmarks, other: HandLandmarks) -> HandLandmarks:
    """The first hand with the mean of both landmarks in the image; unchanged if the other is a different hand."""
    if hand_distance(one.landmarks, other.landmarks) > _MAX_MIRROR_DISTANCE:
        return one
    return replace(one, landmarks=(one.landmarks + other.landmarks) / 2)


def _holistic(person: PersonLandmarks) -> HolisticLandmarks:
    pose = person.pose_with_hands()
    hands = (None if hand is None else hand.landmarks for hand in (person.left_hand, person.right_hand))
    return HolisticLandmarks(pose.landmarks[:, :2], pose.visibility, pose.world_landmarks, *hands, face=False,
                             disagreement=pose.disagreement, keypoint_score=pose.keypoint_score,
                             person=person.confidence, track_id=person.track_id)
