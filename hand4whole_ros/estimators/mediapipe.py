"""The first look alone as an estimator: MediaPipe's landmarks, and a kinematic fit of the body to them."""

from __future__ import annotations

import numpy as np

from ..body.model import BodyModel, BodyModelError, OpenBodyUnavailable
from ..body.posing import ObservedHand, estimate_from_parameters
from ..body.smplx_file import NUM_EXPRESSION
from ..detection import DetectorUnavailable
from ..estimate import WholeBodyEstimate
from ..fitting.kinematic_chain import log_so3
from ..geometry.camera import Intrinsics
from ..skeleton import OK
from .base import Estimator, EstimatorConfig, EstimatorUnavailable
from .landmark_fit import LandmarkFit, LandmarkPipeline


class MediaPipeEstimator(Estimator):
    """See the module, and landmark_fit. Raises EstimatorUnavailable where a library is missing."""

    name = 'mediapipe'

    def __init__(self, config: EstimatorConfig):
        try:
            self.body = BodyModel.load(config.body_model)
            self._landmark_pipeline = LandmarkPipeline(self.body.kinematics, config.static_images, refused=self.refused)
        except (DetectorUnavailable, OpenBodyUnavailable, BodyModelError) as error:
            raise EstimatorUnavailable(str(error)) from error

    def estimate(self, image: np.ndarray, intrinsics: Intrinsics) -> list[WholeBodyEstimate]:
        """The person in an RGB image (H, W, 3) uint8, or []."""
        self.check_input(image, intrinsics)
        landmark_fit = self._landmark_pipeline.look(image, intrinsics)
        if landmark_fit is None:
            return []
        return self.filter_estimates([self._make_estimate(landmark_fit, intrinsics)])

    def reset(self) -> None:
        """Forget the tracked person."""
        self._landmark_pipeline.reset()

    def close(self) -> None:
        """Free MediaPipe's threads."""
        self._landmark_pipeline.close()

    def _make_estimate(self, landmark_fit: LandmarkFit, intrinsics: Intrinsics) -> WholeBodyEstimate:
        pose = landmark_fit.fitted.pose
        hands = {side: ObservedHand(OK, confidence, bbox_xyxy=landmark_fit.hand_box(side))
                 for side, confidence in landmark_fit.hand_confidence.items()}
        return estimate_from_parameters(
            self.body,
            log_so3(pose.rotations[0]),
            pose.betas[0],
            np.zeros(NUM_EXPRESSION),
            intrinsics,
            bbox_xyxy=landmark_fit.body_box(intrinsics.width, intrinsics.height),
            confidence=landmark_fit.confidence,
            hands=hands,
            pelvis=pose.root[0],
            stage_times=landmark_fit.stage_times,
        )
