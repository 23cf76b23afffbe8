"""The lifted body of estimator mediapipe with hands of the open model.

Of the hand expert it runs the initial regression alone, from landmarks: with the image hands are no better, on
drawn people or on photographs. The body expert, which is worse than the fit on photographs, has no say either
(docs/concepts/estimator_open.md). Nothing here needs a licence form. Up to `max_people` in an image, the largest. Runs
on the CPU.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from threadpoolctl import ThreadpoolController

from .. import skeleton
from .._vendor_patches.roma_import import roma
from ..body.model import OpenBodyUnavailable
from ..body.open_hands import hand_shape_components, load_open_body
from ..body.posing import ObservedHand, estimate_from_parameters
from ..body.published import PublishedBody
from ..body.smplx_mano_body import SmplxManoBody
from ..checkpoints import CheckpointError
from ..checkpoints.hand4whole_pp import prepare_for_inference
from ..checkpoints.lifting import load_lifting_networks
from ..checkpoints.open_model import load_open_hand_expert, load_open_hand_regressor, load_open_model
from ..config import EstimatorConfig, Expert, WristSource
from ..detection import DetectorUnavailable
from ..estimate import LooseHandEstimate, WholeBodyEstimate
from ..fitting.body_fitter import LandmarkFitter
from ..fitting.hand_lifter import HandLifter
from ..fitting.hand_view import MIRROR
from ..fitting.kinematic_chain import log_so3
from ..fitting.lifter import Lifter
from ..fitting.prior_body_fitter import BodyFit, BodyFitter
from ..geometry.camera import Intrinsics
from ..geometry.crops import cut_patches
from ..networks.fusion_policy import FusionPolicy
from ..networks.hand4whole_pp import Hand4WholePP, HandExpert
from ..networks.prompts import InitialRegressor, concatenate_prompts
from ..networks.wilor import HandCode
from .base import Estimator, EstimatorUnavailable
from .devices import pick_precision, precision_name
from .experts import Experts, NetworkInputs
from .fit_features import FitFeatures, features_of_fit
from .landmark_fit import LandmarkFit, LandmarkPipeline
from .person_face import with_face
from .prompt_builder import PromptBuilder, crop_to_camera_rotations, wrist_rotations

_DEVICE = torch.device('cpu')

#: Measured best, see docs/benchmarks/accuracy.md.
AUTO_WRIST = WristSource.COPY

#: In a video the networks' fit starts from the last image's, at most so many times and for so long, s: from there it
#: does not leave a wrong pose of a hand as easily.
_MAX_FOLLOWED, _MAX_AGE = 4, 0.15


class _Hand(NamedTuple):
    """The output for one hand."""

    wrist: np.ndarray           # (3, 3) in the camera frame
    fingers: np.ndarray         # (15, 3, 3) against the parents
    betas: np.ndarray | None    # (10,) of its own shape


class _Followed(NamedTuple):
    """The fit of one tracked person in the last image, by the fit of the networks' training."""

    fit: BodyFit
    stamp: float    # s, of the image
    images: int     # that this fit has followed from a new one


class OpenEstimator(Estimator):
    """See the module. Raises EstimatorUnavailable, with the remedy, if something is missing."""

    name = 'open'
    #: What takes the image: a Hand4WholePP if the policy uses the body expert. None: nothing does.
    network: HandExpert | None = None

    def __init__(self, config: EstimatorConfig):
        if config.body_model is not None:
            raise EstimatorUnavailable('estimator open supports the open body only: leave the body model out, or use '
                                       'estimator mediapipe, which can be fitted to it')
        self._config = config
        try:
            self._strategy = FusionPolicy.from_config(config, AUTO_WRIST)
            published = load_open_body()
            copied = self._strategy.wrist == WristSource.COPY
            self._regressor = load_open_hand_regressor(config.open_model) if copied else None
            if self._regressor is None:
                self._load_network(load_open_hand_expert if copied else load_open_model, published)
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
        self._followed: dict[int, _Followed] = {}   # by track id
        self._prompt_builder = PromptBuilder(hand_shape_components(self.body, published.arrays))

    @torch.inference_mode()
    def estimate(self, image: np.ndarray, intrinsics: Intrinsics,
                 stamp: float | None = None) -> list[WholeBodyEstimate]:
        """The people in an RGB image (H, W, 3) uint8, the largest first; [] if nobody is detected."""
        self.check_input(image, intrinsics)
        found = []
        for landmark_fit in self._landmark_pipeline.fit_all(image, intrinsics, stamp):
            started = time.perf_counter()
            hands = self._hands(image, landmark_fit, intrinsics, stamp) if landmark_fit.hands else {}
            times = {**landmark_fit.stage_times, 'network': time.perf_counter() - started}
            found.append(self._make_estimate(landmark_fit, hands, intrinsics, times))
        self._followed = {track: followed for track, followed in self._followed.items() if followed.stamp == stamp}
        return self.filter_estimates(found)

    @property
    def experts(self) -> Experts:
        """The whole network, with inputs from landmarks. Parts that `estimate` does not need are loaded now."""
        if not isinstance(self.network, Hand4WholePP):
            self._load_network(load_open_model, load_open_body())
        assert isinstance(self.network, Hand4WholePP)
        return Experts(self.network, in_crop_axes=True, prepare_inputs=self.prepare_inputs)

    def prepare_inputs(self, image: np.ndarray, intrinsics: Intrinsics) -> NetworkInputs | None:
        """The inputs of the network for the largest person in an image; None if nobody is detected."""
        landmark_fit = self._landmark_pipeline.fit(image, intrinsics)
        return None if landmark_fit is None else self._inputs(landmark_fit, intrinsics)

    def _load_network(self, load: Callable[..., HandExpert], published: PublishedBody) -> None:
        precision = pick_precision(self._config.precision, _DEVICE)
        self.network = prepare_for_inference(load(published, self._config.open_model), _DEVICE, precision)
        self.device = f'{_DEVICE} {precision_name(precision)}'

    def _refit(self, landmark_fit: LandmarkFit, intrinsics: Intrinsics, stamp: float | None = None
               ) -> tuple[LandmarkFit, FitFeatures] | None:
        """One person by the fit of the networks' training, and its features; None if it fails."""
        track = landmark_fit.landmarks.track_id
        before = self._followed.pop(track, None)
        if before is not None and (stamp is None or not 0 < stamp - before.stamp <= _MAX_AGE
                                   or before.images >= _MAX_FOLLOWED):
            before = None
        with self._threads.limit(limits=1):
            fitted = self._prompt_fitter.fit(landmark_fit.landmarks, intrinsics, landmark_fit.hands,
                                             None if before is None else before.fit)
        if fitted is None:
            return None
        if stamp is not None and track >= 0:
            self._followed[track] = _Followed(fitted, stamp, 0 if before is None else before.images + 1)
        known = landmark_fit.with_fit(fitted)
        features = features_of_fit(known, intrinsics)
        return None if features is None else (known, features)

    def _inputs(self, landmark_fit: LandmarkFit, intrinsics: Intrinsics, stamp: float | None = None
                ) -> NetworkInputs | None:
        """The inputs of the networks for one person; None if the fit of their training fails."""
        refitted = self._refit(landmark_fit, intrinsics, stamp)
        return None if refitted is None else NetworkInputs(*refitted, *self._prompt_builder(refitted[1]))

    @property
    def loose_hands(self) -> list[LooseHandEstimate]:
        """Hands of the last image that no person's arm has: MediaPipe's landmarks, at config.hand_length."""
        return self._landmark_pipeline.loose_hands

    def reset(self) -> None:
        """Forget the tracked people."""
        self._landmark_pipeline.reset()
        self._followed = {}

    def close(self) -> None:
        """Free the networks."""
        self._landmark_pipeline.close()
        self.network = self._regressor = None

    def _hands(self, image, landmark_fit, intrinsics, stamp) -> dict[str, _Hand]:
        """The hands of one person: side -> _Hand, of those that the fit of the training has as well."""
        if self._regressor is not None:
            refitted = self._refit(landmark_fit, intrinsics, stamp)
            return {} if refitted is None else self._regress_hands(self._regressor, refitted[1])
        inputs = self._inputs(landmark_fit, intrinsics, stamp)
        if inputs is None or not inputs.landmark_fit.hands:
            return {}
        assert self.network is not None     # until `close`, where there is no regressor
        return self._run_network(self.network, image, inputs)

    def _regress_hands(self, regressor: InitialRegressor, features: FitFeatures) -> dict[str, _Hand]:
        """Hands from landmarks and fit alone."""
        boxes, prompts = self._prompt_builder.hands(features)
        sides = [side for side in skeleton.SIDES if bool(boxes[side].exists[0])]
        if not sides:
            return {}
        with self._threads.limit(limits=1):
            code = HandCode.from_flat(regressor(concatenate_prompts(prompts[side] for side in sides)))
        rotations = torch.cat(code.rotations(), dim=1).double().numpy()
        to_camera, found = crop_to_camera_rotations(features)[0].astype(np.float64), {}
        for side, turns, betas in zip(sides, rotations, code.betas.numpy()):
            if side == 'left':      # regressed as a right one
                turns = MIRROR @ turns @ MIRROR
            fingers = turns[1:] if self._strategy.fingers == Expert.HAND else np.tile(np.eye(3), (15, 1, 1))
            found[side] = _Hand(to_camera @ turns[0], fingers,
                                betas if self._strategy.hand_shape == Expert.HAND else None)
        return found

    def _run_network(self, network: HandExpert, image, inputs) -> dict[str, _Hand]:
        """Hands by the networks that take the image."""
        picture = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255
        patches = cut_patches(picture, torch.from_numpy(inputs.evidence.box))
        policy, body = self._strategy, None
        if policy.wrist == WristSource.COPY:
            placed = network.run_hand_expert(patches, inputs.boxes, inputs.prompts)
        else:   # the body expert decides the wrists, and nothing else
            assert isinstance(network, Hand4WholePP)
            outputs = network.run_experts(patches, inputs.boxes, policy, inputs.prompts)
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
            fingers = network.finger_pose(side, placed[side], exists, policy)[0]
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
