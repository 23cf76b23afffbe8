"""Validation of estimates: the last check of an estimator's output before it is used."""

from __future__ import annotations

import math

import numpy as np

from .. import skeleton
from ..estimate import BEHIND, HandEstimate, LooseHandEstimate, WholeBodyEstimate
from ..geometry.placement import MIN_DEPTH

#: Maximum distance of a joint from the camera, m.
MAX_JOINT_DISTANCE = 1000.0

#: Maximum of every number: metres, radians, pixels far outside the image.
MAX_VALUE = 1e9

_CONFIDENCE_TOLERANCE = 1e-3
_STATES = range(len(skeleton.HAND_STATES))
_LOOSE_HAND_NUMBERS = ('confidence', 'side_confidence')
_BODY_SHAPES = {
    **{name: ((3,) if rows.stop - rows.start == 1 else (rows.stop - rows.start, 3))
       for name, rows in skeleton.POSE_SLICES.items()},
    'betas': (10,), 'expression': (10,), 'transl': (3,), 'joints': (skeleton.NUM_JOINTS, 3),
    'joint_rotations': (skeleton.NUM_JOINTS, 3, 3), 'bbox_xyxy': (4,)}
_HAND_SHAPES = {'keypoints_3d': (skeleton.NUM_HAND_KEYPOINTS, 3), 'keypoints_2d': (skeleton.NUM_HAND_KEYPOINTS, 2),
            'bbox_xyxy': (4,), 'betas': (10,)}


def hand_rejection_reason(hand: LooseHandEstimate) -> str:
    """As rejection_reason, for a loose hand."""
    if hand.side not in skeleton.SIDES or hand.state != skeleton.OK:
        return f'side and state are {hand.side!r} and {hand.state!r}, expected one of {skeleton.SIDES} and OK'
    for name, shape in _HAND_SHAPES.items():
        value = getattr(hand, name)
        if value is None and name == 'betas':
            continue
        wrong = _shape_mismatch(name, value, shape)
        if wrong or value is None:
            return wrong
        largest = float(np.abs(value).max())
        most = MAX_JOINT_DISTANCE if name == 'keypoints_3d' else MAX_VALUE
        if not largest <= most:
            return f'{name} is not finite' if not math.isfinite(largest) else f'{name} is {largest:g}, at most {most:g}'
    for name in _LOOSE_HAND_NUMBERS:
        if not 0 <= getattr(hand, name) <= 1 + _CONFIDENCE_TOLERANCE:
            return f'{name} is {getattr(hand, name)}, expected 0 to 1'
    wrong = _agreement_mistake(hand)
    if wrong:
        return wrong
    nearest = float(hand.keypoints_3d[:, 2].min())
    return '' if nearest >= MIN_DEPTH else f'{BEHIND}: a keypoint at z = {nearest:.2f} m, expected {MIN_DEPTH} or more'


def _agreement_mistake(hand):
    """Of a hand's agreement, 0 to 1, or None if the estimator does not give it."""
    if hand.agreement is None or 0 <= hand.agreement <= 1 + _CONFIDENCE_TOLERANCE:
        return ''
    return f'agreement is {hand.agreement}, expected 0 to 1'


def _joint_confidence_mistake(confidence):
    """Of (55,) 0 to 1, or None if the estimator does not give it."""
    if confidence is None:
        return ''
    wrong = _shape_mismatch('joint_confidence', confidence, (skeleton.NUM_JOINTS,))
    low, high = (0.0, 0.0) if wrong else (confidence.min(), confidence.max())
    if wrong or (low >= 0 and high <= 1 + _CONFIDENCE_TOLERANCE):
        return wrong
    return f'joint_confidence is {float(low):g} to {float(high):g}, expected 0 to 1'


def _shape_mismatch(name, value, shape):
    if isinstance(value, np.ndarray) and value.dtype == np.float32 and value.shape == shape:
        return ''
    found = f'{tuple(value.shape)} {value.dtype}' if isinstance(value, np.ndarray) else type(value).__name__
    return f'{name} is {found}, expected {shape} float32'


def rejection_reason(estimate: WholeBodyEstimate) -> str:
    """The reason why this cannot be a person, '' if valid: valid estimates can be filtered, published and drawn.

    Reasons are a part that is missing or misshapen, a number that is not finite or too large, or a joint or keypoint
    that is nearer to the camera than NEAREST or behind it (begins with BEHIND).
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
            wrong = _shape_mismatch(f'{prefix}{name}', value, shape)
            if wrong or value is None:
                return wrong
            values[prefix + name] = value.ravel()
        if not 0 <= part.confidence <= 1 + _CONFIDENCE_TOLERANCE:   # also if it is not a number
            return f'{prefix}confidence is {part.confidence}, expected 0 to 1'
        wrong = _agreement_mistake(part) if prefix else ''
        if wrong:
            return f'{prefix}{wrong}'
    wrong = _joint_confidence_mistake(estimate.joint_confidence)
    if wrong:
        return wrong
    # Together: each call costs more than checking some hundred numbers.
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
