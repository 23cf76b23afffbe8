"""The open estimator: MediaPipe's landmarks, and a kinematic fit of the body to them.

Nothing here needs a licence form: MediaPipe is Apache-2.0 and the open body CC0. One person per image,
the most prominent. Runs on the CPU.
"""

from __future__ import annotations

import time

import numpy as np
from threadpoolctl import ThreadpoolController

from ..body.model import BodyModel, BodyModelError, OpenBodyUnavailable
from ..body.posing import SeenHand, described
from ..body.smplx_file import NUM_EXPRESSION
from ..detection import DetectorUnavailable
from ..detection.hand_gate import real_hands
from ..detection.mediapipe_holistic import HolisticLandmarks, MediaPipeHolistic
from ..estimate import WholeBodyEstimate
from ..geometry.camera import Intrinsics
from ..skeleton import OK
from .base import Estimator, EstimatorConfig, EstimatorUnavailable
from .kinematic_fit.body_fit import BodyFitter, Fitted
from .kinematic_fit.chain import log_so3

#: Pose landmarks of shoulders, elbows, wrists and hips: how surely they are seen is the confidence.
_UPPER_BODY = (11, 12, 13, 14, 15, 16, 23, 24)

#: Below this a person is not reported.
LEAST_CONFIDENCE = 0.2


class MediaPipeEstimator(Estimator):
    """See the module. Raises EstimatorUnavailable where a library is missing."""

    name = 'mediapipe'

    def __init__(self, config: EstimatorConfig):
        try:
            self.body = BodyModel.load(config.body_model)
            self._detector = MediaPipeHolistic(config.static_images)
        except (DetectorUnavailable, OpenBodyUnavailable, BodyModelError) as error:
            raise EstimatorUnavailable(str(error)) from error
        self._fitter = BodyFitter(self.body.kinematics)
        self._threads = ThreadpoolController()

    def estimate(self, image: np.ndarray, intrinsics: Intrinsics) -> list[WholeBodyEstimate]:
        """The person in an RGB image (H, W, 3) uint8, or []."""
        self.check_input(image, intrinsics)
        height, width = image.shape[:2]
        start = time.perf_counter()
        landmarks = self._detector.detect(image)
        detected = time.perf_counter()
        if landmarks is None:
            return []
        confidence = float(np.clip(landmarks.visibility[list(_UPPER_BODY)].mean(), 0, 1))
        if confidence < LEAST_CONFIDENCE:
            return []
        hands = real_hands(landmarks, width, height)
        # The matrices are small: a second BLAS thread costs more than it gives, here twice the time.
        with self._threads.limit(limits=1, user_api='blas'):
            fitted = self._fitter.fit(landmarks, intrinsics,
                                      {side: points for side, (points, _) in hands.items()})
        if fitted is None:
            return []
        times = {'detector': detected - start, 'fit': time.perf_counter() - detected}
        sure = {side: hands[side][1] for side in fitted.hands}
        estimate = self._describe(fitted, landmarks, sure, intrinsics, confidence, times)
        return [estimate] if estimate.is_finite() else []

    def reset(self) -> None:
        """Forget the tracked person."""
        self._detector.reset()

    def close(self) -> None:
        """Free MediaPipe's threads."""
        self._detector.close()

    def _describe(self, fitted: Fitted, landmarks: HolisticLandmarks, sure: dict[str, float],
                  intrinsics: Intrinsics, confidence: float, times: dict[str, float]) -> WholeBodyEstimate:
        pose = fitted.pose
        hands = {}
        for side, confidence_of_hand in sure.items():
            pixels = landmarks.hand(side)[:, :2]
            hands[side] = SeenHand(OK, confidence_of_hand, bbox_xyxy=np.concatenate([pixels.min(0), pixels.max(0)]))
        seen = landmarks.visibility > 0.5
        corners = landmarks.pose[seen] if seen.any() else landmarks.pose
        size = np.array([intrinsics.width, intrinsics.height])
        box = np.concatenate([np.clip(corners.min(0), 0, size), np.clip(corners.max(0), 0, size)])
        return described(self.body, log_so3(pose.rotations[0]), pose.betas[0], np.zeros(NUM_EXPRESSION), intrinsics,
                         bbox_xyxy=box, confidence=confidence, hands=hands, pelvis=pose.root[0], stage_times=times)
