"""Finger poses: from an open hand to a fist, with the natural coupling of the fingers.

`finger_rotations` bends one hand into a given shape. `sample_finger_poses` makes hands in batches, more
varied: named shapes, independent fingers or waves, and variation of every joint; no crossing bones.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from .. import skeleton

FINGERS = ('thumb', 'index', 'middle', 'ring', 'pinky')

_MIRROR = np.diag([-1.0, 1.0, 1.0])

#: Closure of each finger, thumb to pinky: 0 is straight, 1 a fist.
HAND_SHAPES = {
    'open': (0.05, 0.05, 0.05, 0.05, 0.08), 'relaxed': (0.25, 0.22, 0.28, 0.33, 0.38),
    'half': (0.4, 0.5, 0.52, 0.55, 0.58), 'grasp': (0.5, 0.62, 0.64, 0.68, 0.7),
    'fist': (0.85, 0.95, 0.97, 0.97, 0.97), 'point': (0.7, 0.03, 0.9, 0.93, 0.93),
    'pinch': (0.6, 0.55, 0.3, 0.25, 0.2), 'two': (0.85, 0.04, 0.05, 0.93, 0.92),
    'three': (0.85, 0.04, 0.05, 0.08, 0.9), 'four': (0.85, 0.04, 0.04, 0.05, 0.08),
    'thumb_up': (0.0, 0.93, 0.95, 0.95, 0.95), 'hook': (0.2, 0.45, 0.45, 0.48, 0.5)}

_SHAPE_TABLE = np.array(list(HAND_SHAPES.values()))

_SHAPE_PROBABILITIES = {'open': 0.15, 'relaxed': 0.18, 'half': 0.14, 'grasp': 0.12, 'fist': 0.09, 'point': 0.08,
                        'pinch': 0.08, 'two': 0.03, 'three': 0.03, 'four': 0.02, 'thumb_up': 0.03, 'hook': 0.05}

#: Share of the hands whose fingers are bent at random about a common mean, in none of the shapes above.
_FREE = 0.4

#: Flexion of a closed finger's three joints, radians; and of the thumb's.
_CLOSED = np.array([1.35, 1.70, 1.05])
_CLOSED_THUMB = np.array([0.45, 0.75, 0.95])

#: The same of the fingers of sampled poses, which clench tighter.
_CLENCHED = np.array([1.40, 1.75, 1.10])

#: Rows of thumb to pinky, each from the knuckle on, in SMPL-X's order of a hand's joints.
SMPLX_ORDER = [FINGERS.index(name.split('_')[1][:-1]) * 3 + int(name[-1]) - 1
               for name in skeleton.JOINT_NAMES[skeleton.HAND_SLICE['left']]]

#: Joint limits, radians: extension to flexion of knuckle, middle and end joint; then the thumb's.
_LOW, _HIGH = np.array([-0.45, -0.05, -0.1]), np.array([1.60, 1.95, 1.45])
_THUMB_LOW, _THUMB_HIGH = np.array([-0.3, -0.35, -0.4]), np.array([0.6, 0.95, 1.35])

#: Spreading of index to pinky from the middle finger, in units of the spread: towards the thumb is positive.
_SPLAY = np.array([1.0, 0.15, -0.6, -1.5])

#: How the three joints of a finger share its flexion: all together; claw, knuckles straight; knuckles only.
_SHARES = np.array([(1.0, 1.0, 1.0), (0.1, 0.9, 0.9), (1.0, 0.15, 0.1)])

_MIN_FINGER_DISTANCE = 0.0125     # m between the bones of two fingers
_MAX_ATTEMPTS = 3          # shapes drawn for each hand; the first without crossing fingers is used

#: The three joints of each finger, thumb to pinky.
_FINGER_JOINTS = {side: np.array([[skeleton.JOINT[f'{side}_{finger}{k}'] for k in (1, 2, 3)] for finger in FINGERS])
                  for side in skeleton.SIDES}


def sample_hand_shape(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """A hand shape: closure of each finger (5,), and the spread in radians."""
    if rng.random() < _FREE:
        closed = rng.uniform(0, 1) + rng.normal(0, 0.3, 5)
    else:
        name = rng.choice(list(_SHAPE_PROBABILITIES), p=list(_SHAPE_PROBABILITIES.values()))
        closed = np.array(HAND_SHAPES[name]) + rng.normal(0, 0.08) + rng.normal(0, 0.08, 5)
    return np.clip(closed, 0.0, 1.0), rng.uniform(0.0, 0.22)


def finger_rotations(side: str, closed: np.ndarray, spread: float, *, rest_joints: np.ndarray,
                     rest_tips: np.ndarray, bend: np.ndarray | None = None) -> np.ndarray:
    """(15, 3, 3) rotations of the finger joints of `side`, in SMPL-X order.

    closed (5,): thumb to pinky, 0 straight, 1 closed. spread: radians between neighbouring fingers.
    rest_joints (55, 3), rest_tips (10, 3): of the body in the T-pose, whose bones give the axes.
    bend (5, 3): factors on the flexion of single joints, or None.
    """
    # Computed for a left hand; a right hand is its mirror image.
    mirror = _MIRROR if side == 'right' else np.eye(3)
    flexion = np.asarray(closed)[:, None] * np.concatenate([_CLOSED_THUMB[None], np.tile(_CLOSED, (4, 1))])
    if bend is not None:
        flexion = flexion * bend
    splay = spread * _SPLAY * (1 - 0.8 * np.asarray(closed)[1:])
    shape = {'flexion': flexion[None], 'splay': splay[None], 'thumb': np.zeros((1, 3))}
    tips = rest_tips[:5] if side == 'left' else rest_tips[5:]
    made = _shape_rotations(shape, rest_joints[_FINGER_JOINTS[side]] @ mirror, tips @ mirror)
    return mirror @ made.reshape(-1, 3, 3)[SMPLX_ORDER] @ mirror


def sample_finger_poses(rng: np.random.Generator, count: int, *, joints: np.ndarray, tips: np.ndarray,
                        alike: float) -> np.ndarray:
    """(2, count, 15, 3, 3) rotations of the fingers of left and right hands, both as of left hands, in SMPL-X's order.

    joints (55, 3), tips (10, 3): of the body in the T-pose, whose bones give the axes. alike: 0 for two independent
    hands, 1 for the same shape.
    """
    shapes = _sample_shapes(rng, 2 * count * _MAX_ATTEMPTS)
    for values in shapes.values():
        half = len(values) // 2
        values[half:] += alike * (values[:half] - values[half:])
    made = _shape_rotations(shapes, joints[_FINGER_JOINTS['left']], tips[:5])
    crossing = _finger_penetration(made, joints, tips).reshape(2, _MAX_ATTEMPTS, count)
    made = made.reshape(2, _MAX_ATTEMPTS, count, 15, 3, 3)
    if alike:
        crossing[:] = crossing.max(axis=0)
    best = crossing.argmin(axis=1)
    return np.take_along_axis(made, best[:, None, :, None, None, None], axis=1)[:, 0][:, :, SMPLX_ORDER]


def _finger_penetration(made, joints, tips):
    """(M,) 0 where all fingers of a hand (M, 5, 3, 3, 3), thumb to pinky, are apart, else the lacking distance, m."""
    chain = np.concatenate([joints[_FINGER_JOINTS['left']], tips[:5, None]], axis=1)
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
    """flexion (count, 5, 3), thumb to pinky; splay (count, 4); thumb (count, 3), its root's rotation beyond flexion."""
    shapes = _SHAPE_TABLE[rng.integers(len(_SHAPE_TABLE), size=count)] + rng.normal(0, 0.08, (count, 1))
    free = rng.uniform(0, 1, (count, 1)) + rng.normal(0, 0.25, (count, 5))
    waves = rng.uniform(0, 1, (count, 1)) + rng.uniform(-0.25, 0.25, (count, 1)) * np.arange(-2, 3)
    kind = rng.random((count, 1))
    closed = np.where(kind < 0.4, shapes, np.where(kind < 0.8, free, waves))
    closed = np.clip(closed + rng.normal(0, 0.06, (count, 5)), 0, 1)
    share = np.ones((count, 5, 3))
    share[:, 1:] = _SHARES[rng.choice(3, p=(0.8, 0.1, 0.1), size=count)][:, None]
    flexion = closed[..., None] * np.concatenate([_CLOSED_THUMB[None], np.tile(_CLENCHED, (4, 1))]) * share
    flexion *= rng.normal(1, 0.15, (count, 5, 3))
    flexion[..., 0] += rng.normal(-0.04, 0.12, (count, 5)) * (1 - closed)
    flexion = np.concatenate([np.clip(flexion[:, :1], _THUMB_LOW, _THUMB_HIGH),
                              np.clip(flexion[:, 1:], _LOW, _HIGH)], axis=1)
    splay = rng.uniform(-0.04, 0.24, (count, 1)) * _SPLAY + rng.normal(0, 0.03, (count, 4))
    splay *= 1 - 0.8 * np.clip(flexion[:, 1:, 0] / 1.4, 0, 1)
    thumb = rng.normal((0.12, 0.0, 0.0), (0.22, 0.17, 0.12), (count, 3))
    return {'flexion': flexion, 'splay': splay, 'thumb': np.clip(thumb, (-0.3, -0.4, -0.3), (0.7, 0.4, 0.3))}


def _shape_rotations(shape, joints, tips):
    """(count, 5, 3, 3, 3) rotations of the joints of left hands, thumb to pinky, from the knuckle on.

    joints (5, 3, 3), tips (5, 3): of the fingers of a left hand, thumb to pinky, in the T-pose.
    """
    along = tips - joints[:, 0]
    axes = np.cross(along, (0.0, -1.0, 0.0))
    # The thumb closes over the palm, towards the root of the ring finger.
    goal = joints[FINGERS.index('ring'), 0] + (-0.015, -0.035, 0.0)
    axes[0] = np.cross(along[0], goal - joints[FINGERS.index('thumb'), 1])
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    turns = axes[:, None] * shape['flexion'][..., None]
    matrices = Rotation.from_rotvec(turns.reshape(-1, 3)).as_matrix().reshape(-1, 5, 3, 3, 3)
    roots = np.zeros((len(turns), 5, 3))
    roots[:, 0] = shape['thumb']
    roots[:, 1:, 1] = -shape['splay']
    sideways = Rotation.from_rotvec(roots.reshape(-1, 3)).as_matrix().reshape(-1, 5, 3, 3)
    matrices[:, :, 0] = sideways @ matrices[:, :, 0]
    return matrices
