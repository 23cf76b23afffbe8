"""Boxes of several people and their hands, with MediaPipe's networks.

One network finds everybody in the picture, and in square pieces of a picture that is much longer than wide: it
sees 224 px, and a wide picture would leave few for each person. Another looks for the landmarks of each; boxes
are made of those, because they follow arms and legs that the first network's do not.
"""

from __future__ import annotations

import numpy as np

from ..geometry.boxes import inside
from . import body_box, mediapipe_library
from .hand_filter import filter_hands
from .mediapipe_holistic import HolisticLandmarks
from .person_boxes import HandPoints, PersonBoxes, check_image
from .person_landmarks import PeopleFinder, PersonDetection, PersonLandmarks

#: Least score of a sighting worth a look for landmarks.
MIN_SCORE = 0.35

#: Least mean visibility of shoulders, elbows, wrists and hips, for a sighting of this score and more; for the
#: others, which are often furniture: of those in 200 empty rendered rooms none had more than 0.64.
CONFIDENT_SCORE, MIN_VISIBLE_LANDMARKS, MIN_VISIBLE_LANDMARKS_UNCERTAIN = 0.6, 0.2, 0.7
_UPPER_BODY = (11, 12, 13, 14, 15, 16, 23, 24)

#: Pictures longer than this, in their short side, are also looked at in square pieces that overlap by half, but
#: not in more than this many.
_MAX_ASPECT, _MAX_TILES = 1.2, 6

#: Sightings whose shoulders are this near, in sides of their regions, are one person; landmarks, in metres.
_MAX_DUPLICATE_DISTANCE, _MAX_PERSON_OVERLAP = 0.1, 0.2
_TRUNK = (0, 11, 12, 23, 24)


class MediaPipePeople:
    """Every picture stands alone. Raises DetectorUnavailable where mediapipe is not installed.

    max_people: how many are given at most, those seen most surely.
    """

    def __init__(self, max_people: int = 4):
        if max_people < 1:
            raise ValueError(f'max_people must be 1 or more, found {max_people}')
        self.max_people = max_people
        self._people_finder = PeopleFinder(MIN_SCORE)
        self._landmarks = PersonLandmarks()

    def detect(self, image: np.ndarray) -> list[PersonBoxes]:
        """People in an RGB image (H, W, 3) uint8, the most certain first; [] when nobody is seen."""
        if min(check_image(image).shape[:2]) < mediapipe_library.MIN_SIDE:
            return []
        small = mediapipe_library.downscale_image(image)
        found = []
        for sighting in self._detect_people(small)[:2 * self.max_people]:
            landmarks = self._landmarks.find(small, sighting.region)
            if landmarks is None or any(_is_same_person(landmarks, other) for other, _ in found):
                continue
            person = person_boxes(landmarks, small.shape[1], small.shape[0])
            needed = MIN_VISIBLE_LANDMARKS if sighting.score >= CONFIDENT_SCORE else MIN_VISIBLE_LANDMARKS_UNCERTAIN
            if person is not None and person.confidence >= needed:
                found.append((landmarks, person))
        people = sorted((person for _, person in found), key=lambda person: -person.confidence)
        zoom = np.array([image.shape[1] / small.shape[1], image.shape[0] / small.shape[0]])
        return [person.scale_boxes(zoom) for person in people[:self.max_people]]

    def _detect_people(self, image) -> list[PersonDetection]:
        """Everybody once, the most certain first."""
        found = self._people_finder.find(image)
        for (x, y), piece in _split_tiles(image):
            found += self._people_finder.find(piece, (x, y))
        kept: list[PersonDetection] = []
        for sighting in sorted(found, key=lambda sighting: -sighting.score):
            reach = [_MAX_DUPLICATE_DISTANCE * min(sighting.region.side, other.region.side) for other in kept]
            if all(np.linalg.norm(sighting.shoulders - other.shoulders) > r for other, r in zip(kept, reach)):
                kept.append(sighting)
        return kept

    def close(self) -> None:
        """Free the networks."""
        self._people_finder.close()
        self._landmarks.close()


def person_boxes(landmarks: HolisticLandmarks, width: int, height: int) -> PersonBoxes | None:
    """Boxes of a person with these landmarks in a picture; None where nothing of the person is in it.

    The confidence is the mean visibility of shoulders, elbows, wrists and hips. Hands are those that hand_gate
    believes; a hand that only the pose network saw is not one.
    """
    hands = hand_points(landmarks, width, height)
    box = body_box.box_from_landmarks(landmarks, [hand.keypoints for hand in hands.values()], width, height)
    if box is None:
        return None
    confidence = float(np.clip(landmarks.visibility[list(_UPPER_BODY)].mean(), 0, 1))
    return PersonBoxes(box, confidence, hands.get('left'), hands.get('right'))


def hand_points(landmarks: HolisticLandmarks, width: int, height: int) -> dict[str, HandPoints]:
    """Side -> points of the hands to believe; points out of the picture have score 0, the others 1."""
    hands = {}
    for side, (points, _) in filter_hands(landmarks, width, height).items():
        keypoints = points[:, :2]
        hands[side] = HandPoints(keypoints, inside(keypoints, width, height).astype(float))
    return hands


def _is_same_person(one, other):
    trunk = list(_TRUNK)
    scale = max(body_box.pixels_per_metre(x.world[:25], x.pose[:25]) for x in (one, other))
    return np.linalg.norm(one.pose[trunk] - other.pose[trunk], axis=1).mean() < _MAX_PERSON_OVERLAP * scale


def _split_tiles(image):
    """Corner (x, y) and picture of the pieces of a long picture; none of others."""
    height, width = image.shape[:2]
    long, short = max(height, width), min(height, width)
    if long <= _MAX_ASPECT * short:
        return
    count = min(int(np.ceil((long - short) / (0.5 * short))) + 1, _MAX_TILES)
    # Where so many squares are too few, pieces are longer.
    side = max(short, int(np.ceil(2 * long / (count + 1))))
    for start in np.linspace(0, long - side, count).round().astype(int):
        if width > height:
            yield (start, 0), image[:, start:start + side]
        else:
            yield (0, start), image[start:start + side]
