"""Priors of people's poses: the mean, spread and limits of every joint's angles.

Angles are axis-angle components about a joint's own axes, radians, zero in SMPL-X's T-pose (palms
down, flat hands). For the body these axes are the T-pose's (x to the person's left, y up, z forward);
for fingers they are flexion, spreading and twist, made from the rest skeleton. Values are written for
the left side. Ranges of motion are rounded from the AAOS tables (Greene and Heckman, The Clinical
Measurement of Joint Motion, 1994) and, for fingers, from Lin, Wu and Huang, Modeling the Constraints
of Human Hand Motion, 2000; means and spreads are those of a relaxed person, with wide spreads.
"""

from __future__ import annotations

import numpy as np

from ..skeleton import JOINT, JOINT_NAMES, MIRROR, NUM_JOINTS
from .solver import AnglePrior

UNCONSTRAINED = 10.0

# joint: (mean, sigma, low, high), each (x, y, z)
_BODY = {
    'pelvis': ((0, 0, 0), (UNCONSTRAINED,) * 3, (-UNCONSTRAINED,) * 3, (UNCONSTRAINED,) * 3),
    'spine1': ((0.03, 0, 0), (0.12, 0.08, 0.08), (-0.3, -0.3, -0.3), (0.6, 0.3, 0.3)),
    'spine2': ((0.03, 0, 0), (0.10, 0.10, 0.08), (-0.2, -0.3, -0.3), (0.4, 0.3, 0.3)),
    'spine3': ((0, 0, 0), (0.08, 0.10, 0.06), (-0.2, -0.3, -0.2), (0.3, 0.3, 0.2)),
    'neck': ((0, 0, 0), (0.20, 0.25, 0.15), (-0.6, -0.7, -0.4), (0.6, 0.7, 0.4)),
    'head': ((0, 0, 0), (0.20, 0.25, 0.15), (-0.5, -0.7, -0.4), (0.5, 0.7, 0.4)),
    'left_collar': ((0, 0, 0), (0.05, 0.10, 0.10), (-0.2, -0.5, -0.3), (0.2, 0.4, 0.6)),
    'left_shoulder': ((0, -0.3, -0.9), (0.4, 0.38, 0.45), (-1.5, -2.1, -1.6), (1.5, 0.9, 1.4)),
    'left_elbow': ((0, -1.1, 0), (0.7, 0.8, 0.05), (-1.5, -2.55, -0.1), (1.5, 0.05, 0.1)),
    'left_wrist': ((0, 0, 0), (0.45, 0.25, 0.45), (-1.0, -0.55, -1.3), (1.0, 0.45, 1.1)),
    'left_hip': ((-0.1, 0, 0.05), (0.35, 0.2, 0.15), (-2.0, -0.7, -0.5), (0.4, 0.7, 0.8)),
    'left_knee': ((0.1, 0, 0), (0.4, 0.05, 0.05), (-0.05, -0.1, -0.1), (2.4, 0.1, 0.1)),
    'left_ankle': ((0, 0, 0), (0.2, 0.1, 0.1), (-0.7, -0.3, -0.3), (0.5, 0.3, 0.3)),
}

# finger joint: (mean, sigma, low, high), each (flexion, spread, twist)
_FINGER = {
    1: ((0.35, 0, 0), (0.50, 0.13, 0.05), (-0.40, -0.35, -0.15), (1.57, 0.35, 0.15)),
    2: ((0.45, 0, 0), (0.55, 0.03, 0.03), (-0.05, -0.1, -0.1), (1.90, 0.1, 0.1)),
    3: ((0.25, 0, 0), (0.35, 0.03, 0.03), (-0.10, -0.1, -0.1), (1.40, 0.1, 0.1)),
}
_THUMB = {
    1: ((0.10, 0, 0), (0.35, 0.35, 0.30), (-0.7, -0.8, -0.7), (1.0, 0.8, 0.7)),
    2: ((0.15, 0, 0), (0.35, 0.15, 0.10), (-0.5, -0.4, -0.3), (1.0, 0.4, 0.3)),
    3: ((0.15, 0, 0), (0.40, 0.04, 0.04), (-0.4, -0.1, -0.1), (1.4, 0.1, 0.1)),
}

_MIRRORED = np.array((1.0, -1.0, -1.0))     # a rotation vector mirrored across x

#: Axes (0, 1, 2) each body joint may rotate about; joints not named here stay fixed.
BODY_DOFS = {
    'pelvis': (0, 1, 2), 'spine1': (0, 1, 2), 'spine2': (0, 1, 2), 'spine3': (0, 1, 2),
    'neck': (0, 1, 2), 'head': (0, 1, 2), 'collar': (1, 2), 'shoulder': (0, 1, 2), 'elbow': (0, 1),
    'wrist': (0, 1, 2), 'hip': (0, 1, 2), 'knee': (0,), 'ankle': (0,)}

#: Of a finger's first, second and third joint; likewise of the thumb.
FINGER_DOFS = {1: (0, 1), 2: (0,), 3: (0,)}
THUMB_DOFS = {1: (0, 1, 2), 2: (0, 1), 3: (0,)}


def body_prior() -> AnglePrior:
    """The table above for all 55 joints, each (1, 55, 3)."""
    table = np.zeros((4, NUM_JOINTS, 3))
    table[1], table[2], table[3] = UNCONSTRAINED, -UNCONSTRAINED, UNCONSTRAINED
    for joint, name in enumerate(JOINT_NAMES):
        right = name.startswith('right_')
        source = JOINT_NAMES[MIRROR[joint]] if right else name
        if source in _BODY:
            mean, sigma, low, high = (np.array(row, float) for row in _BODY[source])
            if right:
                mean, ends = mean * _MIRRORED, np.sort([low * _MIRRORED, high * _MIRRORED], axis=0)
                low, high = ends
        elif source[-1].isdigit():
            rows = _THUMB if 'thumb' in source else _FINGER
            mean, sigma, low, high = (np.array(row, float) for row in rows[int(source[-1])])
        else:
            continue
        table[:, joint] = mean, sigma, low, high
    return AnglePrior(*table[:, None])


def joint_axes(rest_joints: np.ndarray, rest_tips: np.ndarray) -> np.ndarray:
    """Each joint's own axes in its columns, (55, 3, 3).

    Identity for the body. Fingers: positive flexion bends towards the palm on both hands; twist is
    about the bone. rest_tips (10, 3) are the finger tips, left thumb to pinky, then right.
    """
    axes = np.tile(np.eye(3), (NUM_JOINTS, 1, 1))
    order = ('thumb', 'index', 'middle', 'ring', 'pinky')
    for side, start in (('left', 0), ('right', 5)):
        wrist = rest_joints[JOINT[f'{side}_wrist']]
        across = rest_joints[JOINT[f'{side}_pinky1']] - rest_joints[JOINT[f'{side}_index1']]
        along = rest_joints[JOINT[f'{side}_middle1']] - wrist
        palm = np.cross(along, across) if side == 'right' else np.cross(across, along)
        palm /= np.linalg.norm(palm)                        # out of the palm, down in the T-pose
        if palm[1] > 0:
            palm = -palm
        for finger, tip in zip(order, rest_tips[start:start + 5]):
            chain = [rest_joints[JOINT[f'{side}_{finger}{k}']] for k in (1, 2, 3)] + [tip]
            inward = palm
            if finger == 'thumb':                           # the thumb bends towards the little finger
                inward = palm + 1.2 * across / np.linalg.norm(across)
            for k in (1, 2, 3):
                bone = chain[k] - chain[k - 1]
                bone = bone / np.linalg.norm(bone)
                flex = np.cross(bone, inward)
                flex /= np.linalg.norm(flex)
                spread = np.cross(bone, flex)
                axes[JOINT[f'{side}_{finger}{k}']] = np.stack([flex, spread, bone], 1)
    return axes


def degrees_of_freedom(names=None) -> np.ndarray:
    """(K, 2) joint and axis; of the joints in `names`, or of all."""
    out = []
    for joint, name in enumerate(JOINT_NAMES):
        if names is not None and name not in names:
            continue
        bare = name.split('_', 1)[1] if name.startswith(('left_', 'right_')) else name
        if bare in BODY_DOFS:
            turns = BODY_DOFS[bare]
        elif bare[-1].isdigit():
            turns = (THUMB_DOFS if bare.startswith('thumb') else FINGER_DOFS)[int(bare[-1])]
        else:
            turns = ()
        out += [(joint, axis) for axis in turns]
    return np.array(out)
