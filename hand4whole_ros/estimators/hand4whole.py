"""Hand4Whole: Pose2Pose on three ResNets, before a real camera; a fifteenth of Hand4Whole++.

The network detects hands and face by itself and takes every hand for visible. The detector of people determines which
hands are visible.
"""

from __future__ import annotations

import numpy as np

from .. import skeleton
from ..body.model import BodyModel
from ..body.npz_file import BodyModelError
from ..body.posing import ObservedHand
from ..checkpoints import CheckpointError
from ..checkpoints.files import SMPLX
from ..checkpoints.pose2pose import load_pose2pose, load_random_pose2pose, load_smplx_layer
from ..checkpoints.store import Store
from ..config import EstimatorConfig, WeightsSource
from ..detection import DetectorUnavailable
from ..geometry.hand_boxes import MIN_KEYPOINTS, MIN_SCORE
from ..networks.pose2pose import MCP_ROWS, POSE2POSE, POSE2POSE_TINY, STRIDE, Pose2Pose, clamped_person_box
from .base import EstimatorUnavailable
from .devices import pick_convolution_precision, pick_device
from .network_outputs import pose2pose_outputs_to_cpu
from .person_crops import PersonCropEstimator, box_of_points, keypoints_in_view
from .weights_choice import random_config

#: EstimatorConfig.weights that are generated -> dimensions of the network.
_RANDOM = {WeightsSource.RANDOM: POSE2POSE, WeightsSource.RANDOM_TINY: POSE2POSE_TINY}

#: Of skeleton.PALM_KEYPOINTS, those that the hand network has: the knuckles, in the order of MCP_ROWS.
_KNUCKLES = slice(1, None)


class Hand4WholeEstimator(PersonCropEstimator):
    """See the module. Raises EstimatorUnavailable, with the remedy, if files or libraries are missing."""

    name = 'hand4whole'
    network: Pose2Pose

    def __init__(self, config: EstimatorConfig):
        self.require_people(config)
        try:
            device = pick_device(config.device)
            precision = pick_convolution_precision(config.precision, device)
            store = Store(config.weights_folder)
            smplx = config.body_model or store.require(SMPLX)
            layer = load_smplx_layer(store, smplx)
            made_up = random_config(config.weights, _RANDOM)
            network = (load_pose2pose(store, layer, device=device, precision=precision) if made_up is None else
                       load_random_pose2pose(layer, made_up, device, precision))
            super().__init__(config, network, BodyModel.load(smplx), device=device, precision=precision)
        except (CheckpointError, BodyModelError, DetectorUnavailable, ValueError) as error:
            raise EstimatorUnavailable(str(error)) from error

    def _crop_boxes(self, boxes_xywh, size):
        return clamped_person_box(boxes_xywh, size)

    def _run_network(self, patches, people, boxes):
        return pose2pose_outputs_to_cpu(self.network(patches))

    def _observe_hand(self, row, side, hand, view):
        if (hand.scores > MIN_SCORE).sum() <= MIN_KEYPOINTS:
            return None
        pixels = keypoints_in_view(row, side, view)
        # The hand network detects fingers; of the wrist it estimates the rotation alone.
        detected = np.full((skeleton.NUM_HAND_KEYPOINTS, 2), np.nan)
        detected[1:] = _detected_positions(row, side, view)
        return ObservedHand(skeleton.OK, float(hand.scores.mean()), None, pixels, box_of_points(pixels), detected)

    def _hand_mismatch(self, row, side, view, palm):
        seen = _detected_positions(row, side, view)[list(MCP_ROWS)]
        return float(np.linalg.norm(seen - palm[_KNUCKLES], axis=1).mean())


def _detected_positions(row, side, view):
    """(20, 2) px of the hand network's keypoints, without the wrist."""
    # They are in its own picture, the body's in the body picture: both from the same crop.
    return view.from_body_picture(row[f'{side}_positions'].reshape(-1, 2) * STRIDE)
