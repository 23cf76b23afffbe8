"""One sample as the network sees it, cut out as the estimator cuts it, and what is true of it in that picture."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
import torch
from scipy.spatial.transform import Rotation

from ... import skeleton
from ...datasets.sample import Sample
from ...datasets.targets import Targets, make_targets
from ...evaluation.network_predictor import hand_boxes_in_crop, visible_hand_keypoints
from ...geometry.crops import BODY_SIZE, cut_patches, patch_affine, person_box
from ...geometry.placement import view_rotation
from .augmentation import NO_AUGMENTATION, Augmentation

#: A keypoint that lies further outside the body picture than this share of it is not learnt from in 2D: through a wide
#: lens and near its plane, pixels are anywhere.
_MAX_OUTSIDE_SHARE = 0.5


class TrainingView(NamedTuple):
    """Of one person, arrays of fixed shapes. Sides are in the order of skeleton.SIDES."""

    patch: np.ndarray       #: (3, 512, 384) float32, RGB in [0, 1]
    boxes: np.ndarray       #: (2, 4) float32 of the hands, square, xyxy px of the body picture
    exists: np.ndarray      #: (2,) bool
    #: Axes of the camera, or of the crop's own camera, as the picture is turned; pixels are those of the body picture.
    truth: Targets[np.ndarray]


def make_view(
    sample: Sample, augmentation: Augmentation = NO_AUGMENTATION, in_crop_frame: bool = False
) -> TrainingView | None:
    """None where the picture shows neither hand, for then there is nothing that CHAM could learn.

    in_crop_frame: say what is true along the axes of the crop's virtual camera, which looks at the middle of the crop,
    and not along those of the real camera. Raises ImageFileError.
    """
    box = person_box(torch.from_numpy(augmentation.augment_person_box(np.asarray(sample.bbox_xywh, np.float64)))[None])
    if not (box[0, 2:] > 0).all():
        return None
    middle = (box[0, :2] + box[0, 2:] / 2).numpy()
    roll = _rotation_about(middle, augmentation.roll)
    boxes, exists = _hand_boxes(sample, box, roll, augmentation)
    if not exists.any():
        return None
    image = sample.image()
    patch = _cut_rotated_patch(image, box, roll)
    if patch is None:
        return None
    patch = (patch * torch.tensor(augmentation.colour)[:, None, None]).clamp(0, 1).float()
    rotation = Rotation.from_euler('z', augmentation.roll).as_matrix()
    if in_crop_frame:
        rotation = rotation @ view_rotation(sample.intrinsics.normalize(middle)).T
    to_body = patch_affine(box, BODY_SIZE)[0].numpy()
    return TrainingView(
        patch.numpy(), boxes, exists, _rotate_targets(make_targets(sample), rotation, _compose_affine(to_body, roll))
    )


def _rotation_about(centre, angle):
    """(2, 3) affine map that turns pixels about one."""
    cosine, sine = np.cos(angle), np.sin(angle)
    rotation = np.array([[cosine, -sine], [sine, cosine]])
    return np.concatenate([rotation, (centre - rotation @ centre)[:, None]], axis=1)


def _compose_affine(second, first):
    """(2, 3) affine map: the second one of what the first one gives."""
    return np.concatenate([second[:, :2] @ first[:, :2], second[:, :2] @ first[:, 2:] + second[:, 2:]], axis=1)


def _transform_pixels(affine, pixels):
    return pixels @ affine[:, :2].T + affine[:, 2]


def _hand_boxes(sample, box, roll, augmentation):
    boxes, exists = np.zeros((2, 4), np.float32), np.zeros(2, bool)
    for k, side in enumerate(skeleton.SIDES):
        points, scores = visible_hand_keypoints(sample, side)
        found = hand_boxes_in_crop(box, _transform_pixels(roll, points), scores)
        boxes[k], exists[k] = found.boxes[0], found.exists[0]
        if exists[k]:
            boxes[k] = augmentation.augment_hand_box(boxes[k], k)
    return boxes, exists


def _cut_rotated_patch(image, box, roll):
    """(3, 512, 384) of the box in the turned picture; None where the box lies outside of it. Only what is needed of a
    large picture is turned and computed with."""
    height, width = image.shape[:2]
    corners = _transform_pixels(
        roll, np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], np.float64)
    )
    start, size = box[0, :2].numpy(), box[0, 2:].numpy()
    low = np.floor(np.maximum(start - 2, corners.min(0) - 1)).astype(int)
    high = np.ceil(np.minimum(start + size + 2, corners.max(0) + 1)).astype(int)
    if (high <= low).any():
        return None
    to_window = roll.copy()
    to_window[:, 2] -= low
    window = cv2.warpAffine(image, to_window, tuple((high - low + 1).tolist()), flags=cv2.INTER_LINEAR)
    picture = torch.from_numpy(window).permute(2, 0, 1).float() / 255
    return cut_patches(picture, torch.cat([box[:, :2] - torch.from_numpy(low), box[:, 2:]], dim=1))[0]


def _rotate_targets(full_targets, rotation, to_body):
    """Targets of the whole picture -> of the body picture, and of the camera that is turned with it."""
    turned = Rotation.from_matrix(rotation)

    def axis_angles(values, known):
        return np.where(known[..., None], (turned * Rotation.from_rotvec(values)).as_rotvec(), 0).astype(np.float32)
    rotations = full_targets.rotations.copy()
    rotations[:1] = axis_angles(full_targets.rotations[:1], full_targets.rotations_known[:1])
    pixels = _transform_pixels(to_body, full_targets.keypoints_2d.astype(np.float64))
    size = np.array([BODY_SIZE[1], BODY_SIZE[0]])
    near = ((pixels > -_MAX_OUTSIDE_SHARE * size) & (pixels < (1 + _MAX_OUTSIDE_SHARE) * size)).all(axis=1)
    known = full_targets.pixels_known & near
    return replace(
        full_targets, rotations=rotations, wrists=axis_angles(full_targets.wrists, full_targets.wrists_known),
        keypoints_3d=(full_targets.keypoints_3d @ rotation.T).astype(np.float32),
        keypoints_2d=np.where(known[:, None], pixels, 0).astype(np.float32), pixels_known=known,
        up=(rotation @ full_targets.up).astype(np.float32))
