"""Finger poses: from an open hand to a fist, with the fingers moving together as they do in life."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from .. import skeleton

FINGERS = ('thumb', 'index', 'middle', 'ring', 'pinky')

_MIRROR = np.diag([-1.0, 1.0, 1.0])

#: How far each finger is closed, thumb to pinky: 0 is straight, 1 a fist.
HAND_SHAPES = {
    'open': (0.05, 0.05, 0.05, 0.05, 0.08), 'relaxed': (0.25, 0.22, 0.28, 0.33, 0.38),
    'half': (0.4, 0.5, 0.52, 0.55, 0.58), 'grasp': (0.5, 0.62, 0.64, 0.68, 0.7),
    'fist': (0.85, 0.95, 0.97, 0.97, 0.97), 'point': (0.7, 0.03, 0.9, 0.93, 0.93),
    'pinch': (0.6, 0.55, 0.3, 0.25, 0.2), 'two': (0.85, 0.04, 0.05, 0.93, 0.92),
    'three': (0.85, 0.04, 0.05, 0.08, 0.9), 'four': (0.85, 0.04, 0.04, 0.05, 0.08),
    'thumb_up': (0.0, 0.93, 0.95, 0.95, 0.95), 'hook': (0.2, 0.45, 0.45, 0.48, 0.5)}

_SHAPE_PROBABILITIES = {'open': 0.15, 'relaxed': 0.18, 'half': 0.14, 'grasp': 0.12, 'fist': 0.09, 'point': 0.08,
               'pinch': 0.08, 'two': 0.03, 'three': 0.03, 'four': 0.02, 'thumb_up': 0.03, 'hook': 0.05}

#: Part of the hands whose fingers are bent at random about a common mean, in none of the shapes above.
_FREE = 0.4

#: Flexion of a closed finger's three joints, radians; and of the thumb's.
_CLOSED = np.array([1.35, 1.70, 1.05])
_CLOSED_THUMB = np.array([0.45, 0.75, 0.95])

#: Rows of thumb to pinky, each from the knuckle on, in SMPL-X's order of a hand's joints.
SMPLX_ORDER = [FINGERS.index(name.split('_')[1][:-1]) * 3 + int(name[-1]) - 1
               for name in skeleton.JOINT_NAMES[skeleton.HAND_SLICE['left']]]

#: Spreading of the fingers from the middle one, in units of the spread: towards the thumb is positive.
_SPLAY = {'index': 1.0, 'middle': 0.15, 'ring': -0.6, 'pinky': -1.5}


def sample_hand_shape(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """A hand shape: how far each finger is closed (5,), and the spread in radians."""
    if rng.random() < _FREE:
        closed = rng.uniform(0, 1) + rng.normal(0, 0.3, 5)
    else:
        name = rng.choice(list(_SHAPE_PROBABILITIES), p=list(_SHAPE_PROBABILITIES.values()))
        closed = np.array(HAND_SHAPES[name]) + rng.normal(0, 0.08) + rng.normal(0, 0.08, 5)
    return np.clip(closed, 0.0, 1.0), rng.uniform(0.0, 0.22)


def finger_rotations(side: str, closed: np.ndarray, spread: float, rest_joints: np.ndarray,
                     rest_tips: np.ndarray, bend: np.ndarray | None = None) -> np.ndarray:
    """(15, 3, 3) rotations of the finger joints of `side`, in SMPL-X order.

    closed (5,): thumb to pinky, 0 straight, 1 closed. spread: radians between neighbouring fingers.
    rest_joints (55, 3), rest_tips (10, 3): of the body in the T-pose, whose bones give the axes.
    bend (5, 3): factors on the flexion of single joints, or None.
    """
    # Worked out on a left hand; a right hand is its mirror image.
    mirror = _MIRROR if side == 'right' else np.eye(3)
    at = {f'{finger}{k}': mirror @ rest_joints[skeleton.JOINT[f'{side}_{finger}{k}']]
          for finger in FINGERS for k in (1, 2, 3)}
    tips = rest_tips[:5] if side == 'left' else rest_tips[5:]
    bends, sideways = np.zeros((5, 3, 3)), np.zeros((5, 3))     # rotation vectors
    for i, finger in enumerate(FINGERS):
        along = _unit(mirror @ tips[i] - at[f'{finger}1'])
        flexion = (_CLOSED_THUMB if finger == 'thumb' else _CLOSED) * closed[i]
        if bend is not None:
            flexion = flexion * bend[i]
        if finger == 'thumb':
            # The thumb closes over the palm, towards the root of the ring finger.
            goal = at['ring1'] + (-0.015, -0.035, 0.0)
            axis = _unit(np.cross(along, goal - at['thumb2']))
        else:
            axis = _unit(np.cross(along, (0.0, -1.0, 0.0)))
        bends[i] = axis * flexion[:, None]
        if finger != 'thumb':
            sideways[i, 1] = -spread * _SPLAY[finger] * (1 - 0.8 * closed[i])
    rotations = Rotation.from_rotvec(bends.reshape(-1, 3)).as_matrix().reshape(5, 3, 3, 3)
    knuckles = Rotation.from_rotvec(sideways) * Rotation.from_rotvec(bends[:, 0])
    rotations[1:, 0] = knuckles.as_matrix()[1:]
    return mirror @ rotations.reshape(-1, 3, 3)[SMPLX_ORDER] @ mirror


def _unit(vector):
    return vector / np.linalg.norm(vector)
