"""MediaPipe's own 3D landmarks, as it gives them: what an estimator has to beat."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import numpy as np

from ..detection import DetectorUnavailable
from ..detection.mediapipe_holistic import MediaPipeHolistic
from ..landmarks.indices import UPPER_BODY


@dataclass(frozen=True)
class BaselineLandmarks:
    """One picture. Axes of the camera optical frame, metres; body from the middle of the hips."""

    body: np.ndarray | None         # (8, 3) left and right shoulder, elbow, wrist, hip; None: nobody found
    holistic_hands: dict[str, bool]         # side -> Holistic gave that hand
    hands: list[tuple[np.ndarray, np.ndarray]]      # of the Hands solution: (21, 2) px, (21, 3) world m
    seconds: float                  # what Holistic took


class MediaPipeBaseline:
    """Holistic for the body and Hands for the hands, both for unrelated pictures, complexity 1."""

    def __init__(self):
        self._holistic = MediaPipeHolistic(static_images=True, hand_redetection=False)
        try:
            os.environ.setdefault('GLOG_minloglevel', '2')
            from mediapipe.python.solutions import hands
        except ImportError as error:
            raise DetectorUnavailable(f'the baseline needs the mediapipe library ({error})') from None
        self._hands = hands.Hands(static_image_mode=True, max_num_hands=2, model_complexity=1)

    def landmarks(self, image: np.ndarray) -> BaselineLandmarks:
        """Of an RGB image (H, W, 3) uint8."""
        start = time.perf_counter()
        found = self._holistic.detect(image)
        seconds = time.perf_counter() - start
        result = self._hands.process(np.ascontiguousarray(image))
        height, width = image.shape[:2]
        hands = [(_to_points(flat, 2) * (width, height) - 0.5, _to_points(world, 3)) for flat, world in
                 zip(result.multi_hand_landmarks or (), result.multi_hand_world_landmarks or ())]
        return BaselineLandmarks(
            None if found is None else found.world[list(UPPER_BODY)],
            {side: found is not None and found.hand(side) is not None for side in ('left', 'right')},
            hands, seconds)

    def close(self) -> None:
        """Free the networks."""
        self._holistic.close()
        self._hands.close()


def _to_points(landmarks, dimensions):
    return np.array([(p.x, p.y, p.z)[:dimensions] for p in landmarks.landmark])


def assign_hands(hands: list[tuple[np.ndarray, np.ndarray]],
             true: dict[str, tuple[np.ndarray, float]]) -> dict[str, np.ndarray]:
    """Give each found hand to the true hand it lies on: side -> (21, 3) world landmarks.

    true: side -> (21, 2) px and the hand's size in px. A find whose mean distance from every true hand
    exceeds that size is nobody's; where two lie on one hand, the nearer one counts.
    """
    best = {}
    for pixels, world in hands:
        distances = {side: np.linalg.norm(pixels - keypoints, axis=1).mean() / size
                     for side, (keypoints, size) in true.items()}
        side = min(distances, key=distances.__getitem__)
        if distances[side] < min(1.0, best.get(side, (np.inf,))[0]):
            best[side] = distances[side], world
    return {side: world for side, (_, world) in best.items()}
