"""Finger poses by the batch, more varied than `hands` has them: synergies, and every joint's own share beside them."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from .. import skeleton
from .hands import FINGERS, HAND_SHAPES, SMPLX_ORDER

_SHAPES = np.array(list(HAND_SHAPES.values()))

#: Flexion of a closed finger's three joints, radians; and of the thumb's.
_CLOSED = np.array([1.40, 1.75, 1.10])
_CLOSED_THUMB = np.array([0.45, 0.75, 0.95])

#: Joint limits, radians: extension to flexion of knuckle, middle and end joint; then the thumb's.
_LOW, _HIGH = np.array([-0.45, -0.05, -0.1]), np.array([1.60, 1.95, 1.45])
_THUMB_LOW, _THUMB_HIGH = np.array([-0.3, -0.35, -0.4]), np.array([0.6, 0.95, 1.35])

#: Towards the thumb is positive, in units of the spread: index to pinky.
_SPLAY = np.array([1.0, 0.15, -0.6, -1.5])

#: How the three joints of a finger share its flexion: all together; claw, knuckles straight; knuckles only.
_SHARES = np.array([(1.0, 1.0, 1.0), (0.1, 0.9, 0.9), (1.0, 0.15, 0.1)])

_MIN_FINGER_DISTANCE = 0.0125     # m between the bones of two fingers
_MAX_ATTEMPTS = 3          # shapes drawn for each hand, of which the first whose fingers do not cross is taken

#: The three joints of each finger of a left hand, thumb to pinky.
_FINGER_JOINTS = np.array([[skeleton.JOINT[f'left_{finger}{k}'] for k in (1, 2, 3)] for finger in FINGERS])


def sample_finger_poses(rng: np.random.Generator, count: int, joints: np.ndarray, tips: np.ndarray,
           alike: float) -> np.ndarray:
    """(2, count, 15, 3, 3) rotations of the fingers of left and right hands, both as of left hands, in SMPL-X's order.

    joints (55, 3), tips (10, 3): of the body in the T-pose, whose bones give the axes. alike: 0 for two hands of
    their own, 1 for the same shape.
    """
    shapes = _sample_shapes(rng, 2 * count * _MAX_ATTEMPTS)
    for values in shapes.values():
        half = len(values) // 2
        values[half:] += alike * (values[:half] - values[half:])
    made = _shape_rotations(shapes, joints, tips)
    crossing = _finger_penetration(made, joints, tips).reshape(2, _MAX_ATTEMPTS, count)
    made = made.reshape(2, _MAX_ATTEMPTS, count, 15, 3, 3)
    if alike:
        crossing[:] = crossing.max(axis=0)
    best = crossing.argmin(axis=1)
    return np.take_along_axis(made, best[:, None, :, None, None, None], axis=1)[:, 0][:, :, SMPLX_ORDER]


def _finger_penetration(made, joints, tips):
    """(M,) 0 where all fingers of a hand (M, 5, 3, 3, 3), thumb to pinky, keep apart, else how much too near, m."""
    chain = np.concatenate([joints[_FINGER_JOINTS], tips[:5, None]], axis=1)
    bones = np.diff(chain, axis=1)
    place, turn, points = chain[:, 0] - joints[skeleton.WRIST['left']], np.eye(3), []
    for k in range(3):
        turn = turn @ made[:, :, k]
        end = place + (turn @ bones[:, k, :, None])[..., 0]
        points += [(place + end) / 2, end] if k else [end]
        place = end
    flat = np.stack(points, axis=2).reshape(len(made), -1, 3).astype(np.float32)
    lengths = (flat ** 2).sum(-1)
    squared = lengths[:, :, None] + lengths[:, None] - 2 * flat @ np.swapaxes(flat, 1, 2)
    owner = np.repeat(np.arange(5), 5)
    squared[:, owner[:, None] == owner] = np.inf
    return np.maximum(_MIN_FINGER_DISTANCE - np.sqrt(np.maximum(squared.min((1, 2)), 0)), 0)


def _sample_shapes(rng, count):
    """flexion (count, 5, 3), thumb to pinky; splay (count, 4); thumb (count, 3), its root's turn beyond flexion."""
    shapes = _SHAPES[rng.integers(len(_SHAPES), size=count)] + rng.normal(0, 0.08, (count, 1))
    free = rng.uniform(0, 1, (count, 1)) + rng.normal(0, 0.25, (count, 5))
    waves = rng.uniform(0, 1, (count, 1)) + rng.uniform(-0.25, 0.25, (count, 1)) * np.arange(-2, 3)
    kind = rng.random((count, 1))
    closed = np.where(kind < 0.4, shapes, np.where(kind < 0.8, free, waves))
    closed = np.clip(closed + rng.normal(0, 0.06, (count, 5)), 0, 1)
    share = np.ones((count, 5, 3))
    share[:, 1:] = _SHARES[rng.choice(3, p=(0.8, 0.1, 0.1), size=count)][:, None]
    flexion = closed[..., None] * np.concatenate([_CLOSED_THUMB[None], np.tile(_CLOSED, (4, 1))]) * share
    flexion *= rng.normal(1, 0.15, (count, 5, 3))
    flexion[..., 0] += rng.normal(-0.04, 0.12, (count, 5)) * (1 - closed)
    flexion = np.concatenate([np.clip(flexion[:, :1], _THUMB_LOW, _THUMB_HIGH),
                              np.clip(flexion[:, 1:], _LOW, _HIGH)], axis=1)
    splay = rng.uniform(-0.04, 0.24, (count, 1)) * _SPLAY + rng.normal(0, 0.03, (count, 4))
    splay *= 1 - 0.8 * np.clip(flexion[:, 1:, 0] / 1.4, 0, 1)
    thumb = rng.normal((0.12, 0.0, 0.0), (0.22, 0.17, 0.12), (count, 3))
    return {'flexion': flexion, 'splay': splay, 'thumb': np.clip(thumb, (-0.3, -0.4, -0.3), (0.7, 0.4, 0.3))}


def _shape_rotations(shape, joints, tips):
    """(count, 5, 3, 3, 3) rotations of the joints of left hands, thumb to pinky, from the knuckle on."""
    along = tips[:5] - joints[_FINGER_JOINTS[:, 0]]
    axes = np.cross(along, (0.0, -1.0, 0.0))
    # The thumb closes over the palm, towards the root of the ring finger.
    goal = joints[skeleton.JOINT['left_ring1']] + (-0.015, -0.035, 0.0)
    axes[0] = np.cross(along[0], goal - joints[skeleton.JOINT['left_thumb2']])
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    turns = axes[:, None] * shape['flexion'][..., None]
    matrices = Rotation.from_rotvec(turns.reshape(-1, 3)).as_matrix().reshape(-1, 5, 3, 3, 3)
    roots = np.zeros((len(turns), 5, 3))
    roots[:, 0] = shape['thumb']
    roots[:, 1:, 1] = -shape['splay']
    sideways = Rotation.from_rotvec(roots.reshape(-1, 3)).as_matrix().reshape(-1, 5, 3, 3)
    matrices[:, :, 0] = sideways @ matrices[:, :, 0]
    return matrices
