"""Boxes of several people and their hands from landmarks, which enclose arms and legs better than detected boxes."""

from __future__ import annotations

import numpy as np

from ..geometry.boxes import inside
from . import body_box
from .hand_filter import filter_hands
from .holistic_landmarks import HolisticLandmarks
from .landmark_people import LandmarkPeople
from .person_boxes import HandPoints, PersonBoxes, check_image


class MediaPipePeople:
    """Detects people in unrelated images. Raises DetectorUnavailable if the landmark networks cannot be run.

    max_people: maximum number of people, the largest are kept.
    """

    def __init__(self, max_people: int = 4):
        self.max_people = max_people
        self._people = LandmarkPeople(static_images=True, mirror=False, max_people=max_people)

    def detect(self, image: np.ndarray) -> list[PersonBoxes]:
        """People in an RGB image (H, W, 3) uint8, the most certain first; [] if nobody is detected."""
        height, width = check_image(image).shape[:2]
        found = (person_boxes(landmarks, width, height) for landmarks in self._people.detect(image))
        return sorted((person for person in found if person is not None), key=lambda person: -person.confidence)

    def close(self) -> None:
        """Free the networks."""
        self._people.close()


def person_boxes(landmarks: HolisticLandmarks, width: int, height: int) -> PersonBoxes | None:
    """Boxes of a person with these landmarks in an image; None if no part of the person is in it.

    Hands are those that hand_filter accepts, not those of the pose network alone.
    """
    hands = hand_points(landmarks, width, height)
    box = body_box.box_from_landmarks(landmarks, [hand.keypoints for hand in hands.values()], width, height)
    if box is None:
        return None
    return PersonBoxes(box, landmarks.confidence, hands.get('left'), hands.get('right'))


def hand_points(landmarks: HolisticLandmarks, width: int, height: int) -> dict[str, HandPoints]:
    """Side -> points of the accepted hands; points outside the image have score 0, the others 1."""
    hands = {}
    for side, (points, _) in filter_hands(landmarks, width, height).items():
        keypoints = points[:, :2]
        hands[side] = HandPoints(keypoints, inside(keypoints, width, height).astype(float))
    return hands
