"""The open model as an estimator: Hand4Whole++ at a small size, trained on people that this package draws.

It begins with what the first look knows, a body fitted to MediaPipe's landmarks, and corrects it. Nothing here needs a
licence form. One person per image, the most prominent. Runs on the CPU.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
import torch

from .. import skeleton
from .._vendor_patches.roma_import import roma
from ..body.model import OpenBodyUnavailable
from ..body.open_hands import hand_shape_components, load_open_body
from ..body.posing import ObservedHand, estimate_from_parameters
from ..body.smplx_file import NUM_EXPRESSION
from ..body.smplx_mano_body import SmplxManoBody
from ..checkpoints import CheckpointError
from ..checkpoints.hand4whole_pp import prepare_for_inference
from ..checkpoints.open_model import load_open_model
from ..detection import DetectorUnavailable
from ..estimate import BEHIND, WholeBodyEstimate
from ..geometry.arm_aiming import aim_arms
from ..geometry.boxes import inside
from ..geometry.camera import Intrinsics
from ..geometry.crops import cut_patches
from ..geometry.kinematics import local_from_global
from ..geometry.placement import MIN_DEPTH, place_in_camera
from ..networks.hand4whole_pp import ExpertOutputs, HandBoxes
from ..networks.prompts import Prompts
from .base import Estimator, EstimatorConfig, EstimatorUnavailable
from .devices import pick_precision, precision_name
from .fit_features import FitFeatures, features_of_fit
from .landmark_fit import LandmarkFit, LandmarkPipeline
from .prompt_builder import PromptBuilder

NUM_BODY = skeleton.NUM_BODY_JOINTS

_DEVICE = torch.device('cpu')

#: Joints in the picture that are enough to say where a person stands.
_MIN_POINTS = 4

#: Least depth that arms are turned to, m: a hand's length and some more behind the nearest that anything may be.
_MIN_DEPTH = MIN_DEPTH + 0.25


#: Measured best, see docs/benchmarks/accuracy.md.
AUTO_WRIST = 'copy'

#: How far arms are turned from where the network has them to where they are seen. In space it makes no difference, on
#: the whole; in the picture wrists come nearer to where they are.
OBSERVATION_WEIGHT = 0.5


class NetworkInputs(NamedTuple):
    """What the network is told of one person in one image."""

    look: LandmarkFit
    evidence: FitFeatures
    boxes: dict[str, HandBoxes]     #: in pixels of the body picture
    prompts: Prompts


class OpenEstimator(Estimator):
    """See the module. Raises EstimatorUnavailable, saying what to do, where something is missing."""

    name = 'open'

    def __init__(self, config: EstimatorConfig):
        if config.body_model is not None:
            raise EstimatorUnavailable('estimator open speaks of the open body alone: leave the body model out, or use '
                                       'estimator mediapipe, which can be fitted to it')
        try:
            self._strategy = config.strategy(AUTO_WRIST)
            published = load_open_body()
            precision = pick_precision(config.precision, _DEVICE)
            self.network = prepare_for_inference(load_open_model(published, config.open_model), _DEVICE, precision)
            self.body = SmplxManoBody(published)
            self._landmark_pipeline = LandmarkPipeline(self.body.kinematics, config.static_images, refused=self.refused)
        except (CheckpointError, DetectorUnavailable, OpenBodyUnavailable, ValueError) as error:
            raise EstimatorUnavailable(str(error)) from error
        self.precision = precision_name(precision)
        self.device = f'{_DEVICE} {self.precision}'
        self._prompt_builder = PromptBuilder(hand_shape_components(self.body, published.arrays))

    @torch.inference_mode()
    def estimate(self, image: np.ndarray, intrinsics: Intrinsics) -> list[WholeBodyEstimate]:
        """The person in an RGB image (H, W, 3) uint8, or []."""
        self.check_input(image, intrinsics)
        inputs = self.tell(image, intrinsics)
        if inputs is None:
            return []
        started = time.perf_counter()
        picture = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255
        patches = cut_patches(picture, torch.from_numpy(inputs.evidence.box))
        outputs = self.network.say(patches, inputs.boxes, self._strategy, inputs.prompts)
        times = {**inputs.look.stage_times, 'network': time.perf_counter() - started}
        estimate = self._make_estimate(outputs, inputs, intrinsics, times)
        if estimate is None:
            self.refused[BEHIND] += 1
            return []
        return self.filter_estimates([estimate])

    def tell(self, image: np.ndarray, intrinsics: Intrinsics) -> NetworkInputs | None:
        """What the network is told of the person in an image; None where nobody is seen."""
        landmark_fit = self._landmark_pipeline.look(image, intrinsics)
        evidence = None if landmark_fit is None else features_of_fit(landmark_fit, intrinsics)
        return None if evidence is None else NetworkInputs(landmark_fit, evidence, *self._prompt_builder(evidence))

    def reset(self) -> None:
        """Forget the tracked person."""
        self._landmark_pipeline.reset()

    def close(self) -> None:
        """Free MediaPipe's threads and the network."""
        self._landmark_pipeline.close()
        self.network = None

    def _make_estimate(
        self, outputs: ExpertOutputs, inputs: NetworkInputs, intrinsics, times
    ) -> WholeBodyEstimate | None:
        """What was said of one person -> the estimate, standing where the fitted body is seen; None where it is not."""
        landmark_fit, box = inputs.look, inputs.evidence.box[0]
        local = np.zeros((skeleton.NUM_JOINTS, 3))
        local[0] = _to_rotvec(outputs.body.global_orient[0])
        local[1:NUM_BODY] = _to_rotvec(outputs.body.body_pose[0])
        hands = {}
        for side in skeleton.SIDES:
            exists = inputs.boxes[side].exists
            local[skeleton.HAND_SLICE[side]] = self.network.finger_pose(side, outputs.hands[side], exists,
                                                                        self._strategy)[0]
            if side in landmark_fit.hands:
                own_shape = self._strategy.hand_shape == 'hand' and bool(exists[0])
                hands[side] = ObservedHand(
                    skeleton.OK,
                    landmark_fit.hand_confidence[side],
                    outputs.hands[side].betas[0] if own_shape else None,
                    landmark_fit.hands[side][:, :2],
                    landmark_fit.hand_box(side),
                )
        betas = outputs.body.betas[0].double()
        posed = self.body.skeleton(torch.from_numpy(local), betas, pelvis=torch.zeros(3))
        joints, rotations = posed.joints[:NUM_BODY], posed.joint_rotations[:NUM_BODY]
        fitted = inputs.evidence.joints[0, :NUM_BODY].astype(np.float64)
        pixels = intrinsics.project(fitted)
        ahead = fitted[:, 2] > MIN_DEPTH
        # What is beyond the picture was made up by the fit, and says nothing of where the person stands.
        shown = ahead & inside(pixels, intrinsics.width, intrinsics.height)
        if shown.sum() < _MIN_POINTS:
            shown = ahead
        if shown.sum() < _MIN_POINTS:
            return None
        rotation, transl = place_in_camera(joints[shown], pixels[shown], box[:2] + box[2:] / 2, intrinsics)
        joints = joints @ rotation.T + transl
        # As far away as the network says, where it is seen.
        seen = fitted / np.maximum(fitted[:, 2:], MIN_DEPTH) * joints[:, 2:]
        trust = OBSERVATION_WEIGHT * shown[:, None]
        targets = joints + trust * (seen - joints)
        # The network does not know where the camera is: an arm it guessed may reach behind it.
        targets[:, 2] = np.where(shown, targets[:, 2], np.maximum(targets[:, 2], _MIN_DEPTH))
        rotations = aim_arms(rotation @ rotations, joints, targets)
        local[:NUM_BODY] = _to_rotvec(local_from_global(torch.from_numpy(rotations), skeleton.PARENTS[:NUM_BODY]))
        return estimate_from_parameters(
            self.body,
            local,
            betas,
            np.zeros(NUM_EXPRESSION),
            intrinsics,
            bbox_xyxy=landmark_fit.body_box(intrinsics.width, intrinsics.height),
            confidence=landmark_fit.confidence,
            hands=hands,
            pelvis=joints[0],
            stage_times=times,
        )


def _to_rotvec(rotations):
    return roma.rotmat_to_rotvec(rotations.double()).numpy()
