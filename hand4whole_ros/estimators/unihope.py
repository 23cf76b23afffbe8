"""UniHOPE: every hand of an image, and whether it grasps an object; no bodies.

The published network takes boxes of hand and object from the truth. Here the hand's is that of a detector, and the
object's is estimated in two passes: the first takes the hand alone and classifies whether it grasps. If it does, its
votes for the object's box give its position, and the second pass takes both, as the network was trained. If the
box of the object is known, the votes of that pass give its pose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from .. import skeleton
from .._vendor_patches.roma_import import roma
from ..checkpoints.unihope import load_random_unihope, load_unihope
from ..config import EstimatorConfig, WeightsSource
from ..detection.hand_detectors import HandBox
from ..estimate import MIN_GRASP_PROBABILITY, NO_BOX, LooseHandEstimate, ObjectEstimate
from ..geometry.hand_object_crop import CROP_FACTOR, HandObjectCrop, cut_crop, hand_object_crop, mirror_box
from ..geometry.keypoint_agreement import measure_agreement
from ..geometry.object_box import box_points
from ..geometry.object_pose import MIN_POINTS, fit_box, select_votes, votes_to_image
from ..geometry.placement import translation_to_pixels
from ..networks.unihope import UNIHOPE, UNIHOPE_TINY, UniHOPE, UniHOPEOutput
from .base import EstimatorUnavailable
from .devices import pick_convolution_precision
from .hand_crops import MIRROR_POINTS, MIRROR_TURNS, HandCropEstimator, box_within, float32
from .network_outputs import copy_rows
from .object_model import load_object_box
from .weights_choice import random_config

#: EstimatorConfig.weights that are generated -> dimensions of the network.
_RANDOM = {WeightsSource.RANDOM: UNIHOPE, WeightsSource.RANDOM_TINY: UNIHOPE_TINY}

#: px; smaller boxes of hands are ignored.
_MIN_BOX_SIDE = 4.0


@dataclass(frozen=True)
class _View:
    """The network's input for one hand. Boxes and crop are of the picture, or of its mirror image for a left."""

    hand: HandBox
    tight: np.ndarray       # (4,) xyxy px around the keypoints
    crop: HandObjectCrop


class UniHOPEEstimator(HandCropEstimator):
    """See the module. Raises EstimatorUnavailable, with the remedy, if files or libraries are missing."""

    name = 'unihope'
    network: UniHOPE

    def __init__(self, config: EstimatorConfig):
        try:
            self._object_box = load_object_box(config)
        except ValueError as error:
            raise EstimatorUnavailable(str(error)) from None
        self.gives_objects = self._object_box is not None
        super().__init__(config)

    def _pick_precision(self, config, device):
        return pick_convolution_precision(config.precision, device)

    def _load(self, config, store, mano, precision):
        made_up = random_config(config.weights, _RANDOM)
        if made_up is None:
            return load_unihope(store, mano, device=self._device, precision=precision)
        return load_random_unihope(mano, made_up, self._device, precision)

    def _run_network(self, image, picture, hands, intrinsics):
        images = {'right': image, 'left': image[:, ::-1]}
        views = [view for view in (self._first_view(hand, image.shape) for hand in hands) if view is not None]
        if not views:
            return []
        rows = self._run_pass(images, views)
        # Grasping hands once more, with the object in the image.
        both = {k: again for k, again in enumerate(map(self._second_view, views, rows)) if again is not None}
        for k, row in zip(both, self._run_pass(images, list(both.values())) if both else ()):
            views[k], rows[k] = both[k], row
        return [_place(view, row, intrinsics, self._locate_object(view, row, intrinsics))
                for view, row in zip(views, rows)]

    def _first_view(self, hand, shape):
        """Around the hand alone; None for one that is not in the image."""
        low, high = hand.keypoints.min(0), hand.keypoints.max(0)
        tight = np.concatenate([low, high]).astype(np.float32)
        if hand.side == 'left':
            tight = mirror_box(tight, shape[1])
        if not np.isfinite(tight).all() or (high - low).max() < _MIN_BOX_SIDE:
            return None
        middle, half = (tight[:2] + tight[2:]) / 2, CROP_FACTOR * (tight[2:] - tight[:2]) / 2
        around = np.concatenate([middle - half, middle + half])      # an object in a hand is near it
        return self._view(hand, tight, around, False, shape=shape)

    def _second_view(self, view, row):
        """Around the hand and the object that it grasps; None if it grasps none, or its position is unknown."""
        if row['grasp'] <= MIN_GRASP_PROBABILITY:
            return None
        votes = votes_to_image(select_votes(*row['votes']), view.crop.object_box, view.crop.affine)
        points = [np.median(votes.pixels[votes.points == k], axis=0) for k in np.unique(votes.points)]
        if len(points) < MIN_POINTS:
            return None
        found = np.stack(points).astype(np.float32)
        return self._view(view.hand, view.tight, np.concatenate([found.min(0), found.max(0)]), True, shape=row['shape'])

    def _locate_object(self, view, row, intrinsics):
        """ObjectEstimate of the grasped object; None if the hand grasps none, or the votes agree on no pose."""
        if self._object_box is None or row['grasp'] <= MIN_GRASP_PROBABILITY:
            return None
        mirrored_width = intrinsics.width if view.hand.side == 'left' else None
        votes = votes_to_image(select_votes(*row['votes']), view.crop.object_box, view.crop.affine, mirrored_width)
        points = box_points(self._object_box)
        fit = fit_box(points, votes, intrinsics)
        if fit is None:
            self.refused_objects[NO_BOX] += 1
            return None
        corners = points[:8] @ fit.pose.rotation.T + fit.pose.translation
        return ObjectEstimate(
            float32(fit.pose.rotation), float32(fit.pose.translation), float32(self._object_box),
            float32(intrinsics.project(corners)), fit.confidence, fit.reprojection_error)

    def _view(self, hand, tight, object_box, around_both, *, shape):
        try:
            crop = hand_object_crop(tight, object_box, around_both, shape[:2], size=self.network.config.image_size)
        except ValueError:      # outside the picture
            return None
        return _View(hand, tight, crop)

    def _run_pass(self, images, views: Sequence[_View]):
        """A row of numbers for each view."""
        size = self.network.config.image_size
        cut = np.stack([cut_crop(images[view.hand.side], view.crop.affine, size) for view in views])
        pictures = torch.from_numpy(cut).to(self._device).permute(0, 3, 1, 2).float() / 255
        boxes = (torch.from_numpy(np.stack([getattr(view.crop, name) for view in views])).to(self._device)
                 for name in ('hand_box', 'object_box'))
        found = _rows(self.network(pictures, *boxes))
        return [{**row, 'shape': images['right'].shape} for row in found]


def _rows(output: UniHOPEOutput) -> list[dict]:
    pose, votes = output.pose, output.votes
    rows = copy_rows({
        'grasp': output.grasp_probability[:, None], 'keypoints': output.keypoints.flatten(1),
        'keypoints_2d': output.keypoints_2d.flatten(1), 'betas': pose.betas,
        'wrist': roma.rotmat_to_rotvec(pose.global_orient).flatten(1),
        'fingers': roma.rotmat_to_rotvec(pose.hand_pose).flatten(1),
        **{name: values.flatten(1) for name, values in votes._asdict().items()}})
    shape, found = tuple(votes.confidence.shape[1:]), []
    for k in range(len(rows['grasp'])):
        row = {name: values[k] for name, values in rows.items()}
        found.append({
            'grasp': float(row['grasp'][0]), 'keypoints': row['keypoints'].reshape(-1, 3),
            'keypoints_2d': row['keypoints_2d'].reshape(-1, 2), 'betas': row['betas'], 'wrist': row['wrist'],
            'fingers': row['fingers'].reshape(-1, 3),
            'votes': [row[name].reshape(shape) for name in votes._fields]})
    return found


def _place(view, row, intrinsics, grasped):
    """One hand before the real camera, along whose axes the network regresses it."""
    hand, crop = view.hand, view.crop
    corner, size = crop.hand_box[:2], crop.hand_box[2:] - crop.hand_box[:2]
    pixels = (row['keypoints_2d'] * size + corner - crop.affine[:2, 2]) / crop.affine[[0, 1], [0, 1]]
    points, wrist, fingers = row['keypoints'], row['wrist'], row['fingers']
    if hand.side == 'left':
        pixels = np.stack([intrinsics.width - 1 - pixels[:, 0], pixels[:, 1]], axis=-1)
        points, wrist, fingers = points * MIRROR_POINTS, wrist * MIRROR_TURNS, fingers * MIRROR_TURNS
    if np.isfinite(points).all() and np.isfinite(pixels).all():
        points = points + translation_to_pixels(points, pixels, intrinsics)
    turn = roma.rotvec_to_rotmat(torch.from_numpy(wrist)).numpy()
    return LooseHandEstimate(
        hand.side, skeleton.OK, hand.confidence, float32(points), float32(pixels), float32(row['betas']),
        float32(box_within(pixels, intrinsics)), hand.track_id, hand.side_confidence, float32(turn), float32(fingers),
        object=grasped, grasp_probability=row['grasp'], agreement=measure_agreement(pixels, points, intrinsics))
