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
from ...datasets.targets import Targets, targets
from ...evaluation.network_predictor import boxes_around, shown_keypoints
from ...geometry.crops import BODY_SIZE, cut_patches, patch_affine, person_box
from ...geometry.placement import facing
from .augmentation import NONE, Augmentation

#: A keypoint that lies further outside the body picture than this share of it is not learnt from in 2D: through a wide
#: lens and near its plane, pixels are anywhere.
_OUTSIDE = 0.5


class View(NamedTuple):
    """Of one person, arrays of fixed shapes. Sides are in the order of skeleton.SIDES."""

    patch: np.ndarray       #: (3, 512, 384) float32, RGB in [0, 1]
    boxes: np.ndarray       #: (2, 4) float32 of the hands, square, xyxy px of the body picture
    exists: np.ndarray      #: (2,) bool
    #: Axes of the camera, or of the crop's own camera, as the picture is turned; pixels are those of the body picture.
    truth: Targets


def view(sample: Sample, accidents: Augmentation = NONE, in_crop_frame: bool = False) -> View | None:
    """None where the picture shows neither hand, for then there is nothing that CHAM could learn.

    in_crop_frame: say what is true along the axes of the crop's virtual camera, which looks at the middle of the crop,
    and not along those of the real camera. Raises ImageFileError.
    """
    box = person_box(torch.from_numpy(accidents.of_person(np.asarray(sample.bbox_xywh, np.float64)))[None])
    if not (box[0, 2:] > 0).all():
        return None
    middle = (box[0, :2] + box[0, 2:] / 2).numpy()
    roll = _about(middle, accidents.roll)
    boxes, exists = _hand_boxes(sample, box, roll, accidents)
    if not exists.any():
        return None
    image = sample.image()
    patch = _patch(image, box, roll)
    if patch is None:
        return None
    patch = (patch * torch.tensor(accidents.colour)[:, None, None]).clamp(0, 1).float()
    turn = Rotation.from_euler('z', accidents.roll).as_matrix()
    if in_crop_frame:
        turn = turn @ facing(sample.intrinsics.normalize(middle)).T
    to_body = patch_affine(box, BODY_SIZE)[0].numpy()
    return View(patch.numpy(), boxes, exists, _turned(targets(sample), turn, _after(to_body, roll)))


def _about(centre, angle):
    """(2, 3) affine map that turns pixels about one."""
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.concatenate([turn, (centre - turn @ centre)[:, None]], axis=1)


def _after(second, first):
    """(2, 3) affine map: the second one of what the first one gives."""
    return np.concatenate([second[:, :2] @ first[:, :2], second[:, :2] @ first[:, 2:] + second[:, 2:]], axis=1)


def _moved(affine, pixels):
    return pixels @ affine[:, :2].T + affine[:, 2]


def _hand_boxes(sample, box, roll, accidents):
    boxes, exists = np.zeros((2, 4), np.float32), np.zeros(2, bool)
    for k, side in enumerate(skeleton.SIDES):
        points, scores = shown_keypoints(sample, side)
        found = boxes_around(box, _moved(roll, points), scores)
        boxes[k], exists[k] = found.boxes[0], found.exists[0]
        if exists[k]:
            boxes[k] = accidents.of_hand(boxes[k], k)
    return boxes, exists


def _patch(image, box, roll):
    """(3, 512, 384) of the box in the turned picture; None where the box lies outside of it. Only what is needed of a
    large picture is turned and computed with."""
    height, width = image.shape[:2]
    corners = _moved(roll, np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], np.float64))
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


def _turned(told, turn, to_body):
    """Targets of the whole picture -> of the body picture, and of the camera that is turned with it."""
    turned = Rotation.from_matrix(turn)

    def axis_angles(values, known):
        return np.where(known[..., None], (turned * Rotation.from_rotvec(values)).as_rotvec(), 0).astype(np.float32)
    rotations = told.rotations.copy()
    rotations[:1] = axis_angles(told.rotations[:1], told.rotations_known[:1])
    pixels = _moved(to_body, told.keypoints_2d.astype(np.float64))
    size = np.array([BODY_SIZE[1], BODY_SIZE[0]])
    near = ((pixels > -_OUTSIDE * size) & (pixels < (1 + _OUTSIDE) * size)).all(axis=1)
    known = told.pixels_known & near
    return replace(
        told, rotations=rotations, wrists=axis_angles(told.wrists, told.wrists_known),
        keypoints_3d=(told.keypoints_3d @ turn.T).astype(np.float32),
        keypoints_2d=np.where(known[:, None], pixels, 0).astype(np.float32), pixels_known=known,
        up=(turn @ told.up).astype(np.float32))
