"""Training targets of a sample: arrays of fixed shapes, and masks of the known ones.

The supervision gap of Hand4Whole++ is in the masks. Body sets have every rotation, the shape and all keypoints. Hand
sets have fingers, the wrists' orientations and the relation of the two hands; nothing of the arms that connect to them,
so the wrists' rotations relative to the forearm are unknown, and of the body only that it stands upright.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

import numpy as np
from torch import Tensor

from .. import keypoints, skeleton
from ..body.smplx_file import NUM_BETAS, NUM_EXPRESSION
from .sample import Sample

_FACE_JOINTS = slice(skeleton.JOINT['jaw'], skeleton.JOINT['right_eye'] + 1)

Array = TypeVar('Array', np.ndarray, Tensor)


@dataclass(frozen=True)
class Targets(Generic[Array]):
    """Of one sample, float32 and bool; camera optical frame, metres, pixels of the whole picture, axis-angle.

    Sides are in the order of skeleton.SIDES. Where a mask is false the numbers are zeros. In a batch they are tensors
    with one dimension more in front.
    """

    rotations: Array                # (55, 3) relative to the parent, flat-hand zero
    rotations_known: Array          # (55,)
    wrists: Array                   # (2, 3) of the wrists, in the camera frame: for hands without arms
    wrists_known: Array             # (2,)
    betas: Array                    # (10,) of the neutral body; where unknown, kept small
    betas_known: Array              # ()
    expression: Array               # (10,)
    expression_known: Array         # ()
    hand_betas: Array               # (2, 10) of MANO
    hand_betas_known: Array         # (2,)
    keypoints_3d: Array             # (137, 3) m
    keypoints_2d: Array             # (137, 2) px, through the lens
    keypoints_known: Array          # (137,)
    pixels_known: Array             # (137,) and before the camera, though perhaps outside the picture
    related: Array                  # () the vectors between the hands are trained
    up: Array                       # (3,) unit vector against gravity, for bodies of which nothing else is known
    upright: Array                  # () the body should stand along `up`

    def as_dict(self) -> dict[str, Array]:
        """Name -> array: the items that a batch is stacked from."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def make_targets(sample: Sample) -> Targets[np.ndarray]:
    """All targets of the sample."""
    arrays = {'rotations': np.zeros((skeleton.NUM_JOINTS, 3)), 'rotations_known': np.zeros(skeleton.NUM_JOINTS, bool),
            'wrists': np.zeros((2, 3)), 'wrists_known': np.zeros(2, bool),
            'betas': np.zeros(NUM_BETAS), 'betas_known': np.zeros((), bool),
            'expression': np.zeros(NUM_EXPRESSION), 'expression_known': np.zeros((), bool),
            'hand_betas': np.zeros((2, NUM_BETAS)), 'hand_betas_known': np.zeros(2, bool),
            'keypoints_3d': np.zeros((keypoints.NUM_KEYPOINTS, 3)),
            'keypoints_known': np.zeros(keypoints.NUM_KEYPOINTS, bool),
            'related': np.array(sample.related), 'up': np.zeros(3) if sample.up is None else sample.up,
            'upright': np.array(sample.hands_only and sample.up is not None)}
    if sample.body is not None:
        _set_body(sample.body, arrays)
    for k, side in enumerate(skeleton.SIDES):
        hand = sample.hand(side)
        if hand is None:
            continue
        if sample.hands_only:
            _set_hand(hand, k, side, arrays)
        _set_known(arrays, 'hand_betas', hand.betas, k)
    arrays['keypoints_3d'][~arrays['keypoints_known']] = 0
    pixels = sample.intrinsics.project(arrays['keypoints_3d'])
    arrays['pixels_known'] = arrays['keypoints_known'] & np.isfinite(pixels).all(axis=1)
    arrays['keypoints_2d'] = np.where(arrays['pixels_known'][:, None], pixels, 0)
    return Targets(**{name: np.asarray(value, None if value.dtype == bool else np.float32)
                      for name, value in arrays.items()})


def _set_body(body, arrays):
    _set_known(arrays, 'rotations', body.local_rotations)
    _set_known(arrays, 'betas', body.betas)
    _set_known(arrays, 'expression', body.expression)
    if body.expression is None:
        arrays['rotations_known'][_FACE_JOINTS] = False
        arrays['rotations'][_FACE_JOINTS] = 0
    arrays['keypoints_3d'][:], arrays['keypoints_known'][:] = body.keypoints_3d, body.known


def _set_hand(hand, k, side, arrays):
    rows = skeleton.HAND_SLICE[side]
    _set_known(arrays, 'rotations', hand.hand_pose, rows)
    _set_known(arrays, 'wrists', hand.global_orient, k)
    places = list(keypoints.HAND_KEYPOINTS[side])
    arrays['keypoints_3d'][places], arrays['keypoints_known'][places] = hand.keypoints_3d, True


def _set_known(arrays, name, value, where: Any = ...):
    """Write a value and mark it known, if there is one."""
    if value is not None:
        arrays[name][where] = value
        arrays[f'{name}_known'][where] = True
