"""The square crop that is UniHOPE's input: around a hand alone, or around a hand and the object in it.

Boxes are xyxy (left, top, right, bottom). Every rounding is that of the published weights' training. All numpy float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Scale of the hand's box from the tight box of its keypoints; the object's is tight.
HAND_FACTOR, OBJECT_FACTOR = 1.1, 1.0
#: Scale of the crop's content from each tight box.
CROP_FACTOR = 1.5


@dataclass(frozen=True)
class HandObjectCrop:
    """A square crop, and the boxes of hand and object in it."""

    affine: np.ndarray       #: (3, 3) pixels of the whole image -> pixels of the crop
    hand_box: np.ndarray     #: (4,) xyxy, crop pixels
    object_box: np.ndarray   #: (4,) xyxy, crop pixels

    def intrinsics(self, matrix: np.ndarray) -> np.ndarray:
        """The whole image's camera matrix (3, 3) -> the crop's."""
        return self.affine @ matrix


def hand_object_crop(hand: np.ndarray, object_: np.ndarray, around_both: bool, picture_size: tuple[int, int],
                     *, size: int = 128) -> HandObjectCrop:
    """The crop of `size` pixels around the tight boxes (4,) of hand and object in an image of (height, width).

    around_both: whether the crop contains the object, too, as when the hand grasps it.
    """
    hand, object_ = np.asarray(hand, np.float32), np.asarray(object_, np.float32)
    held = _scale_box(hand, CROP_FACTOR)
    if around_both:
        other = _scale_box(object_, CROP_FACTOR)
        held = np.concatenate([np.minimum(held[:2], other[:2]), np.maximum(held[2:], other[2:])])
    height, width = picture_size
    held = held.clip(0, np.array([width, height, width, height], np.float32))
    extent = held[2:] - held[:2]
    if not extent.min() > 0:
        raise ValueError(f'the hand {hand.round().tolist()} is outside the picture of {width} x {height} pixels')
    scale = np.float32(size) / extent.max()
    affine = np.eye(3, dtype=np.float32)
    affine[0, 0] = affine[1, 1] = scale
    affine[:2, 2] = size / 2 - scale * _centre(held)
    return HandObjectCrop(affine, _transform_box(_scale_box(hand, HAND_FACTOR), affine),
                          _transform_box(_scale_box(object_, OBJECT_FACTOR), affine))


def cut_crop(picture: np.ndarray, affine: np.ndarray, size: int = 128) -> np.ndarray:
    """Image (H, W, C) -> (size, size, C): the nearest pixels, black outside."""
    height, width = picture.shape[:2]
    at = np.arange(size) + 0.5
    columns, rows = (np.floor((at - affine[axis, 2]) / affine[axis, axis]).astype(int) for axis in (0, 1))
    found = picture[rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)]
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    return np.where(inside[..., None], found, 0).astype(picture.dtype)


def mirror_box(box: np.ndarray, width: int) -> np.ndarray:
    """A box (4,) in the mirror image, which is used for left hands."""
    return np.array([width - 1 - box[2], box[1], width - 1 - box[0], box[3]], box.dtype)


def _centre(box):
    # Towards zero, as the published weights were trained.
    return np.trunc((box[:2] + box[2:]) / 2)


def _scale_box(box, factor):
    centre, half = _centre(box), (box[2:] - box[:2]) * np.float32(factor) / 2
    return np.concatenate([centre - half, centre + half])


def _transform_box(box, affine):
    return (box.reshape(2, 2) * affine[0, 0] + affine[:2, 2]).reshape(4)
