"""The first look alone as an estimator: MediaPipe's landmarks, and a kinematic fit of the body to them."""

from __future__ import annotations

import numpy as np

from ..body.model import BodyModel, BodyModelError, OpenBodyUnavailable
from ..body.posing import SeenHand, estimate_from_parameters
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
            self._looker = LandmarkPipeline(self.body.kinematics, config.static_images, refused=self.refused)
        except (DetectorUnavailable, OpenBodyUnavailable, BodyModelError) as error:
            raise EstimatorUnavailable(str(error)) from error

    def estimate(self, image: np.ndarray, intrinsics: Intrinsics) -> list[WholeBodyEstimate]:
        """The person in an RGB image (H, W, 3) uint8, or []."""
        self.check_input(image, intrinsics)
        look = self._looker.look(image, intrinsics)
        if look is None:
            return []
        return self.accepted([self._describe(look, intrinsics)])

    def reset(self) -> None:
        """Forget the tracked person."""
        self._looker.reset()

    def close(self) -> None:
        """Free MediaPipe's threads."""
        self._looker.close()

    def _describe(self, look: LandmarkFit, intrinsics: Intrinsics) -> WholeBodyEstimate:
        pose = look.fitted.pose
        hands = {side: SeenHand(OK, confidence, bbox_xyxy=look.hand_box(side))
                 for side, confidence in look.hand_confidence.items()}
        return estimate_from_parameters(
            self.body,
            log_so3(pose.rotations[0]),
            pose.betas[0],
            np.zeros(NUM_EXPRESSION),
            intrinsics,
            bbox_xyxy=look.body_box(intrinsics.width, intrinsics.height),
            confidence=look.confidence,
            hands=hands,
            pelvis=pose.root[0],
            stage_times=look.stage_times,
        )
