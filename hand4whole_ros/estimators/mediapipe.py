"""MediaPipe's landmarks, lifted to a body by a network and a kinematic fit: the fastest estimator.

Up to `max_people` in an image, the largest. Runs on the CPU.
"""

from __future__ import annotations

import numpy as np

from ..body.model import BodyModel, BodyModelError, OpenBodyUnavailable
from ..body.posing import ObservedHand, estimate_from_parameters
from ..checkpoints import CheckpointError
from ..checkpoints.lifting import load_lifting_networks
from ..config import EstimatorConfig
from ..detection import DetectorUnavailable
from ..estimate import LooseHandEstimate, WholeBodyEstimate
from ..fitting.body_fitter import LandmarkFitter
from ..fitting.hand_lifter import HandLifter
from ..fitting.kinematic_chain import log_so3
from ..fitting.lifter import Lifter
from ..geometry.camera import Intrinsics
from ..skeleton import OK
from .base import Estimator, EstimatorUnavailable
from .landmark_fit import LandmarkFit, LandmarkPipeline
from .person_face import with_face


class MediaPipeEstimator(Estimator):
    """See the module, and landmark_fit. Raises EstimatorUnavailable if a library is missing."""

    name = 'mediapipe'

    def __init__(self, config: EstimatorConfig):
        try:
            self.body = BodyModel.load(config.body_model)
            networks = load_lifting_networks(config.lifting_model)
            # The network's shape parameters are those of the open body.
            fitter = LandmarkFitter(self.body.kinematics, Lifter(networks.body), HandLifter(networks.hand),
                                    lifted_shape=config.body_model is None)
            self._landmark_pipeline = LandmarkPipeline.from_config(
                config, fitter, refused=self.refused, refused_hands=self.refused_hands, body=self.body)
        except (CheckpointError, DetectorUnavailable, OpenBodyUnavailable, BodyModelError) as error:
            raise EstimatorUnavailable(str(error)) from error

    def estimate(self, image: np.ndarray, intrinsics: Intrinsics,
                 stamp: float | None = None) -> list[WholeBodyEstimate]:
        """The people in an RGB image (H, W, 3) uint8, the largest first; [] if nobody is detected."""
        self.check_input(image, intrinsics)
        return self.filter_estimates(
            self._make_estimate(fit, intrinsics) for fit in self._landmark_pipeline.fit_all(image, intrinsics, stamp)
        )

    @property
    def loose_hands(self) -> list[LooseHandEstimate]:
        """Hands of the last image that no person's arm has: MediaPipe's landmarks, at config.hand_length."""
        return self._landmark_pipeline.loose_hands

    def reset(self) -> None:
        """Forget the tracked people."""
        self._landmark_pipeline.reset()

    def close(self) -> None:
        """Free the networks."""
        self._landmark_pipeline.close()

    def _make_estimate(self, landmark_fit: LandmarkFit, intrinsics: Intrinsics) -> WholeBodyEstimate:
        pose = landmark_fit.fitted.pose
        hands = {side: ObservedHand(OK, confidence, bbox_xyxy=landmark_fit.hand_box(side),
                                    detected_2d=landmark_fit.hands[side][:, :2])
                 for side, confidence in landmark_fit.hand_confidence.items()}
        return estimate_from_parameters(
            self.body,
            log_so3(with_face(pose.rotations[0], landmark_fit.fitted, landmark_fit.face)),
            pose.betas[0],
            landmark_fit.expression,
            intrinsics=intrinsics,
            bbox_xyxy=landmark_fit.body_box(intrinsics.width, intrinsics.height),
            confidence=landmark_fit.confidence,
            hands=hands,
            pelvis=pose.root[0],
            stage_times=landmark_fit.stage_times,
            track_id=landmark_fit.landmarks.track_id,
            joint_confidence=landmark_fit.joint_confidence,
        )
