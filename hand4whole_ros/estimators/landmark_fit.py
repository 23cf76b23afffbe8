"""The first look at a person, for all that the open estimators say: MediaPipe's landmarks, and a body fitted to them.

Nothing here needs a licence form: MediaPipe is Apache-2.0 and the open body CC0. One person per image, the most
prominent. Runs on the CPU.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

import numpy as np
from threadpoolctl import ThreadpoolController

from ..detection.hand_filter import filter_hands
from ..detection.mediapipe_holistic import HolisticLandmarks, MediaPipeHolistic
from ..estimate import NO_FIT
from ..fitting.prior_body_fitter import BodyFit, BodyFitter
from ..geometry.camera import Intrinsics

#: Pose landmarks of shoulders, elbows, wrists and hips: how surely they are seen is the confidence.
_UPPER_BODY = (11, 12, 13, 14, 15, 16, 23, 24)

#: Below this a person is not reported.
MIN_CONFIDENCE = 0.2


@dataclass(frozen=True)
class LandmarkFit:
    """One person in one image."""

    landmarks: HolisticLandmarks
    hands: dict[str, np.ndarray]        # side -> (21, 3) px as in HolisticLandmarks, of the hands to believe
    hand_confidence: dict[str, float]   # side -> 0 to 1, of the same hands
    fitted: BodyFit
    confidence: float                   # 0 to 1
    stage_times: dict[str, float]       # seconds

    def hand_box(self, side: str) -> np.ndarray:
        """xyxy (4,) px around the landmarks of a hand."""
        points = self.hands[side][:, :2]
        return np.concatenate([points.min(0), points.max(0)])

    def body_box(self, width: int, height: int) -> np.ndarray:
        """xyxy (4,) px around the pose landmarks that are seen, within the image."""
        seen = self.landmarks.visibility > 0.5
        corners = self.landmarks.pose[seen] if seen.any() else self.landmarks.pose
        return np.concatenate([np.clip(corner, 0, (width, height)) for corner in (corners.min(0), corners.max(0))])


class LandmarkPipeline:
    """Looks at image after image. Raises DetectorUnavailable where MediaPipe is not installed.

    kinematics: of the body that is fitted (BodyModel.kinematics). static_images, mirror: as MediaPipeHolistic.
    refused: counts people who have landmarks that no body fits, as Estimator.refused.
    """

    def __init__(self, kinematics, static_images: bool, mirror: bool = True, refused: Counter | None = None):
        self._refused = Counter() if refused is None else refused
        self._detector = MediaPipeHolistic(static_images, mirror=mirror)
        self._fitter = BodyFitter(kinematics)
        self._threads = ThreadpoolController()

    def look(self, image: np.ndarray, intrinsics: Intrinsics) -> LandmarkFit | None:
        """The person in an RGB image (H, W, 3) uint8; None where nobody is seen, or nobody could be fitted."""
        start = time.perf_counter()
        landmarks = self._detector.detect(image)
        detected = time.perf_counter()
        if landmarks is None:
            return None
        confidence = float(np.clip(landmarks.visibility[list(_UPPER_BODY)].mean(), 0, 1))
        if confidence < MIN_CONFIDENCE:
            return None
        hands = filter_hands(landmarks, image.shape[1], image.shape[0])
        # The matrices are small: a second BLAS thread costs more than it gives, here twice the time.
        with self._threads.limit(limits=1, user_api='blas'):
            fitted = self._fitter.fit(landmarks, intrinsics, {side: points for side, (points, _) in hands.items()})
        if fitted is None:
            self._refused[NO_FIT] += 1
            return None
        return LandmarkFit(
            landmarks, {side: hands[side][0] for side in fitted.hands}, {side: hands[side][1] for side in fitted.hands},
            fitted, confidence, {'detector': detected - start, 'fit': time.perf_counter() - detected})

    def reset(self) -> None:
        """Forget the person who is followed."""
        self._detector.reset()

    def close(self) -> None:
        """Free MediaPipe's threads."""
        self._detector.close()
