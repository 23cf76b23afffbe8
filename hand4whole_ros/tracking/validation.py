"""Who can be a person at all: the last look at what an estimator says before anybody acts on it."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from .. import skeleton
from ..estimate import BEHIND, HandEstimate, WholeBodyEstimate
from ..geometry.placement import MIN_DEPTH

#: The farthest a joint can be from the camera, m.
MAX_JOINT_DISTANCE = 1000.0

#: No number of any kind is larger: metres, radians, pixels far outside the image.
MAX_VALUE = 1e9

_CONFIDENCE_TOLERANCE = 1e-3
_STATES = range(len(skeleton.HAND_STATES))
_BODY_SHAPES = {
    **{name: ((3,) if rows.stop - rows.start == 1 else (rows.stop - rows.start, 3))
       for name, rows in skeleton.POSE_SLICES.items()},
    'betas': (10,), 'expression': (10,), 'transl': (3,), 'joints': (skeleton.NUM_JOINTS, 3),
    'joint_rotations': (skeleton.NUM_JOINTS, 3, 3), 'bbox_xyxy': (4,)}
_HAND_SHAPES = {'keypoints_3d': (skeleton.NUM_HAND_KEYPOINTS, 3), 'keypoints_2d': (skeleton.NUM_HAND_KEYPOINTS, 2),
            'bbox_xyxy': (4,), 'betas': (10,)}


def rejection_reason(estimate: WholeBodyEstimate) -> str:
    """What makes this nobody, in words: a part that is missing or misshapen, a number that is not finite or too large,
    a joint or keypoint that no camera can see because it is nearer than NEAREST or behind it (begins with BEHIND).

    '' where there is nothing to object to. Whatever passes can be filtered, published and drawn.
    """
    parts = [
        ('', estimate, _BODY_SHAPES),
        *((f'{side} hand: ', estimate.hand(side), _HAND_SHAPES) for side in skeleton.SIDES),
    ]
    values = {}
    for prefix, part, shapes in parts:
        if prefix and (not isinstance(part, HandEstimate) or part.state not in _STATES):
            return f'{prefix}missing, or of no known state'
        for name, shape in shapes.items():
            value = getattr(part, name)
            if value is None and name == 'betas' and prefix:
                continue    # the body's own hand
            if not isinstance(value, Tensor) or str(value.dtype) != 'torch.float32' or value.shape != shape:
                found = f'{tuple(value.shape)} {value.dtype}' if isinstance(value, Tensor) else type(value).__name__
                return f'{prefix}{name} is {found}, expected {shape} torch.float32'
            values[prefix + name] = value.numpy().ravel()
        if not 0 <= part.confidence <= 1 + _CONFIDENCE_TOLERANCE:   # nor where it is not a number
            return f'{prefix}confidence is {part.confidence}, expected 0 to 1'
    # Together: each call costs more than looking at some hundred numbers.
    if (
        np.abs(np.concatenate(list(values.values()))).max() <= MAX_VALUE
        and np.abs(values['joints']).max() <= MAX_JOINT_DISTANCE
    ):
        nearest = min(float(numbers[2::3].min()) for name, numbers in values.items()
                      if name.endswith(('joints', 'keypoints_3d')))
        return '' if nearest >= MIN_DEPTH else f'{BEHIND}: a joint at z = {nearest:.2f} m, expected {MIN_DEPTH} or more'
    for name, numbers in values.items():
        largest, most = float(np.abs(numbers).max()), MAX_JOINT_DISTANCE if name == 'joints' else MAX_VALUE
        if not largest <= most:
            return f'{name} is not finite' if not math.isfinite(largest) else f'{name} is {largest:g}, at most {most:g}'
    return ''
