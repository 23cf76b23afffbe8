"""MediaPipe's own solutions, Holistic and Hands, unchanged, as a baseline.

Nothing else of this package uses the mediapipe library; its networks run by themselves in `landmarks`.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from ..landmarks.indices import UPPER_BODY
from ..skeleton import SIDES
from ..system.native_stderr import suppress_native_stderr

#: Maximum number of hands in one image.
_MAX_HANDS = 10


def load_solutions() -> SimpleNamespace | None:
    """The classes `Holistic` and `Hands`; None if mediapipe is not installed."""
    os.environ.setdefault('GLOG_minloglevel', '2')
    try:
        from mediapipe.python.solutions import hands, holistic
    except ImportError:
        return None
    return SimpleNamespace(Holistic=holistic.Holistic, Hands=hands.Hands)


@dataclass(frozen=True, eq=False)
class SolutionBody:
    """Output of Holistic for one person."""

    pose: np.ndarray            # (33, 2) px
    world: np.ndarray           # (33, 3) m from the middle of the hips, axes of the camera optical frame
    confidence: float           # 0 to 1: the mean visibility of shoulders, elbows, wrists and hips
    hands: dict[str, bool]      # side -> whether that hand is detected


@dataclass(frozen=True, eq=False)
class SolutionHand:
    """Output of Hands for one hand."""

    side: str                   # the person's own
    points: np.ndarray          # (21, 2) px
    world: np.ndarray           # (21, 3) m


class MediaPipeSolutions:
    """Both, of model complexity 1, for independent images. solutions: of load_solutions."""

    def __init__(self, solutions: SimpleNamespace):
        self._holistic = solutions.Holistic
        self._loaded = None     # a Holistic that is timed
        with suppress_native_stderr():
            self._hands = solutions.Hands(static_image_mode=True, max_num_hands=_MAX_HANDS, model_complexity=1)

    @classmethod
    def create(cls) -> MediaPipeSolutions | None:
        """None if mediapipe is not installed."""
        solutions = load_solutions()
        return None if solutions is None else cls(solutions)

    def body(self, image: np.ndarray) -> SolutionBody | None:
        """The person in an RGB image (H, W, 3) uint8; None if no person is detected."""
        # It keeps hands from image to image even for static images, so each image has an instance of its own.
        with suppress_native_stderr(), self._holistic(static_image_mode=True, model_complexity=1) as solution:
            found = solution.process(np.ascontiguousarray(image))
        if found.pose_landmarks is None or found.pose_world_landmarks is None:
            return None
        visibility = [found.pose_landmarks.landmark[row].visibility for row in UPPER_BODY]
        hands = (found.left_hand_landmarks, found.right_hand_landmarks)
        return SolutionBody(_pixels(found.pose_landmarks, image), _points(found.pose_world_landmarks),
                            float(np.mean(visibility)), {side: hand is not None for side, hand in zip(SIDES, hands)})

    def body_time(self, image: np.ndarray) -> float:
        """Seconds that a loaded Holistic takes for an image; `body` loads one for each."""
        if self._loaded is None:
            with suppress_native_stderr():
                self._loaded = self._holistic(static_image_mode=True, model_complexity=1)
                self._loaded.process(np.ascontiguousarray(image))
        start = time.perf_counter()
        self._loaded.process(np.ascontiguousarray(image))
        return time.perf_counter() - start

    def hands(self, image: np.ndarray) -> list[SolutionHand]:
        """All hands in an RGB image (H, W, 3) uint8."""
        with suppress_native_stderr():
            found = self._hands.process(np.ascontiguousarray(image))
        if found.multi_hand_landmarks is None:
            return []
        # Its sides are mirrored.
        sides = [{'Left': 'right', 'Right': 'left'}[one.classification[0].label] for one in found.multi_handedness]
        return [SolutionHand(side, _pixels(hand, image), _points(world)) for side, hand, world in
                zip(sides, found.multi_hand_landmarks, found.multi_hand_world_landmarks)]

    def close(self) -> None:
        """Free the networks."""
        self._hands.close()
        if self._loaded is not None:
            self._loaded.close()


def _points(landmarks):
    return np.array([(p.x, p.y, p.z) for p in landmarks.landmark])


def _pixels(landmarks, image):
    return _points(landmarks)[:, :2] * image.shape[1::-1] - 0.5
