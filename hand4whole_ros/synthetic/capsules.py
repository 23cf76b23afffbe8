"""Which poses run into themselves: the body as capsules, thousands of poses at once. Coarse; clothes may touch."""

from __future__ import annotations

import numpy as np

from .. import skeleton

#: Name -> ends of its axis and radius, m. An end is a joint, or a joint and a share of the way to another.
_LEFT = {
    'upper_arm': ('left_shoulder', 'left_elbow', 0.045), 'forearm': ('left_elbow', 'left_wrist', 0.036),
    'hand': ('left_wrist', 'left_middle2', 0.034), 'thigh': ('left_hip', 'left_knee', 0.070),
    'shin': ('left_knee', 'left_ankle', 0.048), 'foot': ('left_ankle', 'left_foot', 0.040)}
_MIDDLE = {'belly': ('pelvis', 'spine2', 0.110), 'chest': ('spine2', 'neck', 0.110), 'head': ('neck', 'head', 0.085),
           'skull': ('head', 'head', 0.095)}

#: Parts that are joined, or lie on each other in many poses. A thigh may rest on belly and shin.
_TOUCHING = (('upper_arm', 'forearm'), ('forearm', 'hand'), ('thigh', 'shin'), ('shin', 'foot'), ('upper_arm', 'chest'),
             ('thigh', 'belly'), ('thigh', 'chest'), ('upper_arm', 'belly'), ('upper_arm', 'hand'), ('thigh', 'foot'),
             ('hand', 'thigh'), ('hand', 'shin'), ('hand', 'foot'), ('hand', 'hand'))

#: Share of the sum of two radii that their axes stay apart; less where bodies are soft.
_APART = 0.8
_SOFT_APART = {('thigh', 'thigh'): 0.55, ('forearm', 'belly'): 0.7, ('hand', 'belly'): 0.8, ('hand', 'chest'): 0.8,
               ('hand', 'head'): 0.8, ('hand', 'skull'): 0.9, ('forearm', 'thigh'): 0.7, ('shin', 'shin'): 0.7,
               ('shin', 'thigh'): 0.7, ('upper_arm', 'thigh'): 0.6, ('foot', 'foot'): 0.8}


def _tables():
    """Joints of the ends (P, 2), and of the pairs that are compared: their parts (Q, 2) and least distance (Q,)."""
    names, ends, radii = [], [], []
    for name, (start, end, radius) in _MIDDLE.items():
        names.append((name, ''))
        ends.append((start, end))
        radii.append(radius)
    for side in skeleton.SIDES:
        for name, (start, end, radius) in _LEFT.items():
            names.append((name, side))
            ends.append(tuple(joint.replace('left', side) for joint in (start, end)))
            radii.append(radius)
    pairs, least = [], []
    for a in range(len(names)):
        for b in range(a):
            (one, side), (other, other_side) = names[a], names[b]
            key = (one, other) if (one, other) in _SOFT_APART else (other, one)
            same = side == other_side or not side or not other_side
            joined = (one, other) in _TOUCHING or (other, one) in _TOUCHING
            if {one, other} <= set(_MIDDLE) or (joined and (same or one == other == 'hand')):
                continue
            pairs.append((a, b))
            least.append(_SOFT_APART.get(key, _APART) * (radii[a] + radii[b]))
    joints = np.array([[skeleton.JOINT[name] for name in pair] for pair in ends])
    return joints, np.array(pairs), np.array(least)


_ENDS, _PAIRS, _LEAST = _tables()


def clear(joints: np.ndarray) -> np.ndarray:
    """(N,) bool: poses (N, 55, 3) m, of an adult, whose limbs keep out of each other and out of the body."""
    start, end = joints[:, _ENDS[:, 0]], joints[:, _ENDS[:, 1]]
    a, b = _PAIRS.T
    return (segment_distance(start[:, a], end[:, a], start[:, b], end[:, b]) > _LEAST).all(axis=1)


def segment_distance(p: np.ndarray, q: np.ndarray, r: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Least distance (...) between the segments from p to q and from r to s, (..., 3) each; points where both ends are
    one (Ericson, Real-Time Collision Detection, section 5.1.9)."""
    along, other, between = q - p, s - r, p - r
    a, e, f = (along * along).sum(-1), (other * other).sum(-1), (other * between).sum(-1)
    b, c = (along * other).sum(-1), (along * between).sum(-1)
    denominator = a * e - b * b
    t = np.where(denominator > 1e-12, np.clip((b * f - c * e) / np.maximum(denominator, 1e-12), 0, 1), 0)
    u = np.where(e > 1e-12, (b * t + f) / np.maximum(e, 1e-12), 0)
    clipped = np.clip(u, 0, 1)
    t = np.where((u != clipped) | (e <= 1e-12), np.clip((b * clipped - c) / np.maximum(a, 1e-12), 0, 1), t)
    return np.linalg.norm(between + along * t[..., None] - other * clipped[..., None], axis=-1)
