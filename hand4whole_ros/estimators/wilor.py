"""WiLoR: every hand of an image from a transformer, left ones mirrored, with a shape of its own; no bodies.

Every number of the network is that of the authors' implementation. Added here is the position of each hand before the
real camera.
"""

from __future__ import annotations

import numpy as np
import torch

from .. import skeleton
from .._vendor_patches.roma_import import roma
from ..checkpoints.wilor import load_random_wilor, load_wilor
from ..config import WeightsSource
from ..estimate import LooseHandEstimate
from ..geometry.crops import box_around, roi_align
from ..geometry.hand_boxes import BOX_MARGIN
from ..geometry.placement import place_in_camera
from ..networks.wilor import CROP_SIZE, FOCAL, WILOR, WILOR_TINY, WiLoR, place_hands, prepare_crops
from .devices import pick_precision
from .hand_crops import MIRROR_POINTS, HandCropEstimator, box_within, float32
from .network_outputs import copy_rows
from .person_crops import CropCamera
from .weights_choice import random_config

#: EstimatorConfig.weights that are generated -> dimensions of the network.
_RANDOM = {WeightsSource.RANDOM: WILOR, WeightsSource.RANDOM_TINY: WILOR_TINY}


class WiLoREstimator(HandCropEstimator):
    """See the module. Raises EstimatorUnavailable, with the remedy, if files or libraries are missing."""

    name = 'wilor'
    network: WiLoR

    def _pick_precision(self, config, device):
        return pick_precision(config.precision, device)

    def _load(self, config, store, mano, precision):
        made_up = random_config(config.weights, _RANDOM)
        if made_up is None:
            return load_wilor(store, mano, device=self._device, precision=precision)
        return load_random_wilor(mano, made_up, self._device, precision)

    def _run_network(self, image, picture, hands, intrinsics):
        left = torch.tensor([hand.side == 'left' for hand in hands], device=self._device)
        detected = torch.from_numpy(np.stack([hand.box_xyxy for hand in hands])).double()
        boxes = box_around((detected[:, :2] + detected[:, 2:]) / 2, detected[:, 2:] - detected[:, :2],
                           extension=BOX_MARGIN)
        crops = roi_align(picture.expand(len(hands), -1, -1, -1), boxes)
        found = self.network(prepare_crops(crops, left))
        # Each in its own crop, with that crop's camera.
        whole = torch.tensor([[0, 0, CROP_SIZE, CROP_SIZE]], device=self._device).expand(len(hands), -1)
        placed = place_hands(found, left, whole, (CROP_SIZE / 2, CROP_SIZE / 2))
        mirror = torch.where(left[:, None, None], found.keypoints.new_tensor(MIRROR_POINTS), 1)
        rows = copy_rows({
            'keypoints': (found.keypoints * mirror + placed.transl[:, None]).flatten(1),
            'wrist': roma.rotvec_to_rotmat(placed.global_orient).flatten(1), 'fingers': placed.hand_pose.flatten(1),
            'betas': placed.betas})
        return [self._place(hand, boxes[k].numpy(), {name: values[k] for name, values in rows.items()}, intrinsics)
                for k, hand in enumerate(hands)]

    @staticmethod
    def _place(hand, box, row, intrinsics):
        """One hand from the frame of a crop's virtual camera, before the real camera."""
        keypoints, wrist = row['keypoints'].reshape(-1, 3), row['wrist'].reshape(3, 3)
        focal, centre = FOCAL / CROP_SIZE * (box[2] - box[0]), (box[:2] + box[2:]) / 2
        view = CropCamera(np.array([focal, focal, *centre]))
        pixels = view.pixels(keypoints)
        if np.isfinite(keypoints).all():
            turn, moved = place_in_camera(keypoints, pixels, view.centre, intrinsics)
            keypoints, wrist = keypoints @ turn.T + moved, turn @ wrist
        return LooseHandEstimate(
            hand.side, skeleton.OK, hand.confidence, float32(keypoints), float32(pixels), float32(row['betas']),
            float32(box_within(pixels, intrinsics)), track_id=hand.track_id, side_confidence=hand.side_confidence,
            wrist_rotation=float32(wrist), finger_pose=float32(row['fingers'].reshape(-1, 3)))
