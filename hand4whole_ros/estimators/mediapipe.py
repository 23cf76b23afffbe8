"""The open estimator: MediaPipe's landmarks, and a kinematic fit of the body to them.

Nothing here needs a licence form: MediaPipe is Apache-2.0 and the open body CC0. One person per image,
the most prominent. Runs on the CPU.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from threadpoolctl import ThreadpoolController

from ..body.model import BodyModel, BodyModelError, OpenBodyUnavailable
from ..detection import DetectorUnavailable
from ..detection.hand_gate import real_hands
from ..detection.mediapipe_holistic import HolisticLandmarks, MediaPipeHolistic
from ..estimate import HandEstimate, WholeBodyEstimate
from ..geometry.camera import Intrinsics
from ..skeleton import LOST, OK, POSE_SLICES, SIDES
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
        pose, placed = fitted.pose, fitted.placed
        kinematics = self.body.kinematics
        betas = pose.betas[0]
        pelvis = kinematics.rest_joints[0] + kinematics.rest_joints_betas[0] @ betas
        local = _float32(log_so3(pose.rotations[0]))
        parts = {name: local[span] for name, span in POSE_SLICES.items()}
        for name in ('global_orient', 'jaw_pose', 'leye_pose', 'reye_pose'):
            parts[name] = parts[name][0]
        hands = {side: self._hand(fitted, landmarks, side, sure.get(side), intrinsics) for side in SIDES}
        seen = landmarks.visibility > 0.5
        corners = landmarks.pose[seen] if seen.any() else landmarks.pose
        size = np.array([intrinsics.width, intrinsics.height])
        box = np.concatenate([np.clip(corners.min(0), 0, size), np.clip(corners.max(0), 0, size)])
        return WholeBodyEstimate(
            **parts, betas=_float32(betas), expression=torch.zeros(10),
            transl=_float32(pose.root[0] - pelvis), joints=_float32(placed.joints[0]),
            joint_rotations=_float32(placed.rotations[0]), left_hand=hands['left'], right_hand=hands['right'],
            bbox_xyxy=_float32(box), confidence=confidence, stage_times=times)

    def _hand(self, fitted, landmarks, side, confidence, intrinsics):
        keypoints = self._fitter.hand_keypoints(fitted, side)
        box = np.zeros(4)
        if confidence is not None:
            pixels = landmarks.hand(side)[:, :2]
            box = np.concatenate([pixels.min(0), pixels.max(0)])
        in_image = np.nan_to_num(intrinsics.project(keypoints), nan=0.0)
        return HandEstimate(side, LOST if confidence is None else OK, confidence or 0.0, _float32(keypoints),
                            _float32(in_image), torch.zeros(10), _float32(box))


def _float32(array) -> torch.Tensor:
    return torch.from_numpy(np.array(array, np.float32))
