"""The lifted body of estimator mediapipe with hands of the open model's hand expert, which takes the image.

The open model's body expert was better than the fit on drawn people and worse on photographs, so it does not affect
bodies here (docs/concepts/estimator_open.md). Nothing here needs a licence form. Up to `max_people` in an image, the
largest. Runs on the CPU.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
import torch
from threadpoolctl import ThreadpoolController

from .. import skeleton
from .._vendor_patches.roma_import import roma
from ..body.model import OpenBodyUnavailable
from ..body.open_hands import hand_shape_components, load_open_body
from ..body.posing import ObservedHand, estimate_from_parameters
from ..body.smplx_mano_body import SmplxManoBody
from ..checkpoints import CheckpointError
from ..checkpoints.hand4whole_pp import prepare_for_inference
from ..checkpoints.lifting import load_lifting_networks
from ..checkpoints.open_model import load_open_hand_expert, load_open_model
from ..config import EstimatorConfig, Expert, WristSource
from ..detection import DetectorUnavailable
from ..estimate import LooseHandEstimate, WholeBodyEstimate
from ..fitting.body_fitter import LandmarkFitter
from ..fitting.hand_lifter import HandLifter
from ..fitting.kinematic_chain import log_so3
from ..fitting.lifter import Lifter
from ..fitting.prior_body_fitter import BodyFitter
from ..geometry.camera import Intrinsics
from ..geometry.crops import cut_patches
from ..networks.fusion_policy import FusionPolicy
from ..networks.hand4whole_pp import Hand4WholePP, HandExpert
from .base import Estimator, EstimatorUnavailable
from .devices import pick_precision, precision_name
from .experts import Experts, NetworkInputs
from .fit_features import features_of_fit
from .landmark_fit import LandmarkFit, LandmarkPipeline
from .person_face import with_face
from .prompt_builder import PromptBuilder, crop_to_camera_rotations, wrist_rotations

_DEVICE = torch.device('cpu')

#: Measured best, see docs/benchmarks/accuracy.md.
AUTO_WRIST = WristSource.COPY


class _Hand(NamedTuple):
    """The networks' output for one hand."""

    wrist: np.ndarray           # (3, 3) in the camera frame
    fingers: np.ndarray         # (15, 3, 3) against the parents
    betas: np.ndarray | None    # (10,) of its own shape


class OpenEstimator(Estimator):
    """See the module. Raises EstimatorUnavailable, with the remedy, if something is missing."""

    name = 'open'
    network: HandExpert     # a Hand4WholePP if the policy uses the body expert

    def __init__(self, config: EstimatorConfig):
        if config.body_model is not None:
            raise EstimatorUnavailable('estimator open supports the open body only: leave the body model out, or use '
                                       'estimator mediapipe, which can be fitted to it')
        self._weights = config.open_model
        try:
            self._strategy = FusionPolicy.from_config(config, AUTO_WRIST)
            published = load_open_body()
            precision = self._precision = pick_precision(config.precision, _DEVICE)
            load = load_open_hand_expert if self._strategy.wrist == WristSource.COPY else load_open_model
            self.network = prepare_for_inference(load(published, config.open_model), _DEVICE, precision)
            self.body = SmplxManoBody(published)
            networks = load_lifting_networks(config.lifting_model)
            fitter = LandmarkFitter(self.body.kinematics, Lifter(networks.body), HandLifter(networks.hand))
            self._landmark_pipeline = LandmarkPipeline.from_config(
                config, fitter, refused=self.refused, refused_hands=self.refused_hands, body=self.body)
            # The networks were trained with another fit, which is their input.
            self._prompt_fitter = BodyFitter(self.body.kinematics)
            self._threads = ThreadpoolController()
        except (CheckpointError, DetectorUnavailable, OpenBodyUnavailable, ValueError) as error:
            raise EstimatorUnavailable(str(error)) from error
        self.precision = precision_name(precision)
        self.device = f'{_DEVICE} {self.precision}'
        self._prompt_builder = PromptBuilder(hand_shape_components(self.body, published.arrays))

    @torch.inference_mode()
    def estimate(self, image: np.ndarray, intrinsics: Intrinsics,
                 stamp: float | None = None) -> list[WholeBodyEstimate]:
        """The people in an RGB image (H, W, 3) uint8, the largest first; [] if nobody is detected."""
        self.check_input(image, intrinsics)
        found = []
        for landmark_fit in self._landmark_pipeline.fit_all(image, intrinsics, stamp):
            started = time.perf_counter()
            inputs, hands = self._inputs(landmark_fit, intrinsics), {}
            if inputs is not None and inputs.landmark_fit.hands:
                hands = self._hands(image, inputs)
            times = {**landmark_fit.stage_times, 'network': time.perf_counter() - started}
            found.append(self._make_estimate(landmark_fit, hands, intrinsics, times))
        return self.filter_estimates(found)

    @property
    def experts(self) -> Experts:
        """The whole network, with inputs from landmarks. Parts that `estimate` does not need are loaded now."""
        if not isinstance(self.network, Hand4WholePP):
            whole = load_open_model(load_open_body(), self._weights)
            self.network = prepare_for_inference(whole, _DEVICE, self._precision)
        return Experts(self.network, in_crop_axes=True, prepare_inputs=self.prepare_inputs)

    def prepare_inputs(self, image: np.ndarray, intrinsics: Intrinsics) -> NetworkInputs | None:
        """The inputs of the network for the largest person in an image; None if nobody is detected."""
        landmark_fit = self._landmark_pipeline.fit(image, intrinsics)
        return None if landmark_fit is None else self._inputs(landmark_fit, intrinsics)

    def _inputs(self, landmark_fit: LandmarkFit, intrinsics: Intrinsics) -> NetworkInputs | None:
        """The inputs of the networks for one person; None if the fit of their training fails."""
        with self._threads.limit(limits=1):
            fitted = self._prompt_fitter.fit(landmark_fit.landmarks, intrinsics, landmark_fit.hands)
        if fitted is None:
            return None
        known = landmark_fit.with_fit(fitted)
        evidence = features_of_fit(known, intrinsics)
        return None if evidence is None else NetworkInputs(known, evidence, *self._prompt_builder(evidence))

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
        self.network = None     # pyright: ignore[reportAttributeAccessIssue]  # not used afterwards

    def _hands(self, image, inputs) -> dict[str, _Hand]:
        """The networks' output for the visible hands: side -> _Hand."""
        picture = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255
        patches = cut_patches(picture, torch.from_numpy(inputs.evidence.box))
        policy, body = self._strategy, None
        if policy.wrist == WristSource.COPY:
            placed = self.network.run_hand_expert(patches, inputs.boxes, inputs.prompts)
        else:   # the body expert decides the wrists, and nothing else
            assert isinstance(self.network, Hand4WholePP)
            outputs = self.network.run_experts(patches, inputs.boxes, policy, inputs.prompts)
            placed, body = outputs.hands, outputs.body.local_rotations[:1].double().numpy()
        rotation, found = crop_to_camera_rotations(inputs.evidence).astype(np.float64), {}
        for number, side in enumerate(skeleton.SIDES):
            exists = inputs.boxes[side].exists
            if not bool(exists[0]):
                continue
            if body is None:
                wrist = roma.rotvec_to_rotmat(placed[side].global_orient[0].double()).numpy()
            else:
                wrist = wrist_rotations(body, np.eye(3)[None])[0, number]
            fingers = self.network.finger_pose(side, placed[side], exists, policy)[0]
            own_shape = placed[side].betas[0].float().numpy() if policy.hand_shape == Expert.HAND else None
            found[side] = _Hand(rotation[0] @ wrist, roma.rotvec_to_rotmat(fingers.double()).numpy(), own_shape)
        return found

    def _make_estimate(self, landmark_fit: LandmarkFit, hands: dict[str, _Hand], intrinsics,
                       times) -> WholeBodyEstimate:
        """The fitted body with the hand expert's hands."""
        fitted = landmark_fit.fitted
        whole = fitted.placed.rotations[0]
        local, seen = with_face(fitted.pose.rotations[0], fitted, landmark_fit.face), {}
        for side in fitted.hands:
            hand = hands.get(side)
            if hand is not None:
                wrist = skeleton.WRIST[side]
                local[wrist] = whole[skeleton.PARENTS[wrist]].T @ hand.wrist
                local[skeleton.HAND_SLICE[side]] = hand.fingers
            seen[side] = ObservedHand(
                skeleton.OK,
                landmark_fit.hand_confidence[side],
                None if hand is None else hand.betas,
                landmark_fit.hands[side][:, :2],
                landmark_fit.hand_box(side),
                landmark_fit.hands[side][:, :2],
            )
        return estimate_from_parameters(
            self.body,
            log_so3(local),
            fitted.pose.betas[0],
            landmark_fit.expression,
            intrinsics=intrinsics,
            bbox_xyxy=landmark_fit.body_box(intrinsics.width, intrinsics.height),
            confidence=landmark_fit.confidence,
            hands=seen,
            pelvis=fitted.pose.root[0],
            stage_times=times,
            track_id=landmark_fit.landmarks.track_id,
            joint_confidence=landmark_fit.joint_confidence,
        )
