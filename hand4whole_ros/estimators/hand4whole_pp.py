"""The full pipeline: Hand4Whole++ on boxes from a detector, in front of a real camera.

Every number of the network is that of the authors' implementation. person_crops adds the person's position before
the real camera, and tracked boxes.
"""

from __future__ import annotations

import numpy as np
import torch

from .. import skeleton
from ..body.npz_file import BodyModelError
from ..body.posing import ObservedHand
from ..body.smplx_mano_body import SmplxManoBody
from ..checkpoints import CheckpointError
from ..checkpoints.hand4whole_pp import load_body, load_hand4whole_pp
from ..checkpoints.random_weights import load_random
from ..checkpoints.store import Store
from ..config import EstimatorConfig, Expert, WeightsSource, WristSource
from ..detection import DetectorUnavailable
from ..geometry.crops import BODY_SIZE, patch_affine, person_box
from ..geometry.hand_boxes import hand_boxes
from ..networks.fusion_policy import FusionPolicy
from ..networks.hand4whole_pp import HAND4WHOLE_PP, HAND4WHOLE_PP_TINY, SIDES, Hand4WholePP, HandBoxes
from .base import EstimatorUnavailable
from .devices import pick_device, pick_precision
from .experts import Experts
from .network_outputs import outputs_to_cpu
from .person_crops import PersonCropEstimator, box_of_points, keypoints_in_view
from .weights_choice import random_config

#: EstimatorConfig.weights that are generated -> dimensions of the network.
_RANDOM = {WeightsSource.RANDOM: HAND4WHOLE_PP, WeightsSource.RANDOM_TINY: HAND4WHOLE_PP_TINY}


class Hand4WholePPEstimator(PersonCropEstimator):
    """See the module. Raises EstimatorUnavailable, with the remedy, if files or libraries are missing."""

    name = 'hand4whole_pp'
    network: Hand4WholePP

    def __init__(self, config: EstimatorConfig):
        self.require_people(config)
        try:
            self._strategy = FusionPolicy.from_config(config, WristSource.CHAM)
            device = pick_device(config.device)
            precision = pick_precision(config.precision, device)
            store = Store(config.weights_folder)
            published = load_body(store, config.body_model)
            made_up = random_config(config.weights, _RANDOM)
            network = (load_hand4whole_pp(store, body=published, device=device, precision=precision)
                       if made_up is None else load_random(published, made_up, device, precision))
            super().__init__(config, network, SmplxManoBody(published), device=device, precision=precision)
        except (CheckpointError, BodyModelError, DetectorUnavailable, ValueError) as error:
            raise EstimatorUnavailable(str(error)) from error

    @property
    def experts(self) -> Experts:
        """The network, which takes any boxes."""
        return Experts(self.network, in_crop_axes=False)

    def _crop_boxes(self, boxes_xywh, size):
        return person_box(boxes_xywh)

    def _run_network(self, patches, people, boxes):
        hands = {side: _hand_boxes(people, boxes, side) for side in SIDES}
        result = self.network(
            patches, {side: HandBoxes(*(values.to(self._device) for values in box)) for side, box in hands.items()},
            self._strategy)
        return outputs_to_cpu(result, hands)

    def _observe_hand(self, row, side, hand, view):
        if not row[f'{side}_exists'][0]:
            return None
        pixels = keypoints_in_view(row, side, view)
        betas = row[f'{side}_betas'] if self._strategy.hand_shape == Expert.HAND else None
        return ObservedHand(skeleton.OK, float(hand.scores.mean()), betas, pixels, box_of_points(pixels))

    def _hand_mismatch(self, row, side, view, palm):
        own = view.pixels(row[f'{side}_seen_keypoints'].reshape(-1, 3))[list(skeleton.PALM_KEYPOINTS)]
        return float(np.linalg.norm(own - palm, axis=1).mean())


def _hand_boxes(people, boxes, side):
    """HandBoxes of one side, on the CPU, in pixels of every person's body picture."""
    points = np.zeros((len(people), skeleton.NUM_HAND_KEYPOINTS, 2))
    scores = np.zeros(points.shape[:2])
    for k, person in enumerate(people):
        hand = person.hand(side)
        if hand is not None:
            points[k], scores[k] = hand.keypoints, hand.scores
    affine = patch_affine(boxes, BODY_SIZE)
    there = torch.from_numpy(points) @ affine[..., :2].mT + affine[:, None, :, 2]
    square, exists = hand_boxes(there.float(), torch.from_numpy(scores))
    return HandBoxes(square, exists)
