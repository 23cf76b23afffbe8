"""Boxes of people from a YOLO network of the `ultralytics` library, hands from MediaPipe within them.

ultralytics is AGPL-3.0 and no dependency of this package: it is imported on request only, and brings neither
itself nor its weights.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import DetectorUnavailable, mediapipe_library, pickled_network
from .mediapipe_people import hand_points
from .people import PersonBoxes, checked
from .person_landmarks import PersonLandmarks, Region

#: Least score of a box.
LEAST_SCORE = 0.4

#: Where to begin looking for landmarks: a square this much larger than the box.
_ROOM = 1.25


class UltralyticsPeople:
    """Every picture stands alone.

    weights: a file of a detection or pose network that knows the class 'person'. device: as torch names it. Raises
    DetectorUnavailable, saying what to do, where the library, the file or mediapipe is missing.
    """

    def __init__(self, weights: Path | str | None, max_people: int = 4, device: str = 'cpu'):
        if max_people < 1:
            raise ValueError(f'max_people must be 1 or more, found {max_people}')
        if weights is None:
            raise DetectorUnavailable(
                'the ultralytics detector needs a file of YOLO weights, and none was given; its makers publish '
                'them, such as yolo11n.pt, under AGPL-3.0')
        # A name without a file would make the library download it.
        if not Path(weights).is_file():
            raise DetectorUnavailable(f'there is no file {weights} with YOLO weights for the ultralytics detector')
        _check(Path(weights))
        try:
            from ultralytics import YOLO
        except ImportError as error:
            raise DetectorUnavailable(
                f'the ultralytics detector needs the ultralytics library ({error}); run: pip install ultralytics, '
                f'and mind its licence, AGPL-3.0: who passes on or serves a program with it owes its users the '
                f'source of the whole') from None
        try:
            self._model = YOLO(str(weights))
            self._person = [index for index, name in self._model.names.items() if name == 'person']
        except Exception as error:      # whatever the library raises for a file it cannot read
            reason = str(error).partition('\n')[0] or type(error).__name__
            raise DetectorUnavailable(f'ultralytics cannot read {weights}: {reason}') from None
        if not self._person:
            raise DetectorUnavailable(f"the network in {weights} does not know the class 'person'")
        self.max_people, self._device = max_people, device
        self._landmarks = PersonLandmarks()

    def detect(self, image: np.ndarray) -> list[PersonBoxes]:
        """People in an RGB image (H, W, 3) uint8, the most certain first; [] when nobody is seen."""
        if min(checked(image).shape[:2]) < mediapipe_library.SHORTEST_SIDE:
            return []
        small = mediapipe_library.reduced(image)
        # The library takes pictures as OpenCV has them, BGR.
        result, = self._model.predict(np.ascontiguousarray(small[..., ::-1]), classes=self._person, conf=LEAST_SCORE,
                                      max_det=self.max_people, device=self._device, verbose=False)
        boxes, scores = result.boxes.xyxy.cpu().numpy().astype(float), result.boxes.conf.cpu().numpy()
        zoom = np.array([image.shape[1] / small.shape[1], image.shape[0] / small.shape[0]])
        return [self._person_boxes(small, boxes[index], float(scores[index])).enlarged(zoom)
                for index in np.argsort(-scores, kind='stable')]

    def _person_boxes(self, image, edges, score):
        size = edges[2:] - edges[:2]
        region = Region((edges[:2] + edges[2:]) / 2, _ROOM * size.max(), 0.0)
        landmarks = self._landmarks.find(image, region, looks=2)
        hands = {}
        # The networks may prefer somebody else in the square.
        if landmarks is not None and _within(landmarks.pose[[11, 12]].mean(0), edges):
            hands = hand_points(landmarks, image.shape[1], image.shape[0])
        return PersonBoxes(np.concatenate([edges[:2], size]), score, hands.get('left'), hands.get('right'))

    def close(self) -> None:
        """Free the networks."""
        self._landmarks.close()
        self._model = None


def _check(weights):
    """The library unpickles freely and evaluates what is written in .yaml files: neither before a look at it."""
    if weights.suffix == '.onnx':
        return
    wrong = pickled_network.objection(weights) if weights.suffix == '.pt' else 'it is neither .pt nor .onnx'
    if wrong:
        raise DetectorUnavailable(f'{weights} is not handed to ultralytics: {wrong}; take the file from its makers, or '
                                  f'where you trust it, export it to .onnx')


def _within(point, edges):
    return bool((point >= edges[:2]).all() and (point <= edges[2:]).all())
