"""Rotations of wrist and fingers of a hand from its 21 landmarks alone, in closed form.

The palm of the body's resting hand is aligned to the landmarks' palm; from the knuckles on each bone is aligned to its
landmarks by the smallest rotation. Rotations about a bone's own axis, which landmarks do not determine, are zero.
"""

from __future__ import annotations

import numpy as np

from ..body.model import BodyKinematics
from ..geometry.alignment import rigid_alignment
from ..skeleton import HAND_KEYPOINT_JOINTS, HAND_SLICE, NUM_HAND_KEYPOINTS, PALM_KEYPOINTS, SIDES
from .kinematic_chain import exp_so3
from .landmark_offsets import HAND_OFFSETS, HAND_POINTS

#: (5, 4) keypoints of the fingers, thumb to pinky, from the knuckle to the tip.
_FINGERS = np.arange(1, NUM_HAND_KEYPOINTS).reshape(5, 4)

#: side -> (5, 3) rows of the fingers' joints among the hand's 15 rotations, in the order of _FINGERS.
_ROWS = {side: np.array([[HAND_KEYPOINT_JOINTS[side][point] - HAND_SLICE[side].start for point in finger[:3]]
                         for finger in _FINGERS]) for side in SIDES}

#: Keypoint whose joint each keypoint is attached to: its own, for a tip the preceding one.
_RIDES_ON = np.array([k - 1 if k in _FINGERS[:, 3] else k for k in range(NUM_HAND_KEYPOINTS)])

_PALM = list(PALM_KEYPOINTS)

#: Landmarks lie beside the joints, by an offset that rotates with the joint: rounds of estimating both.
_ROUNDS = 3


class HandRotations:
    """Computes them for the hands of one body at zero betas."""

    def __init__(self, kinematics: BodyKinematics):
        self._rest = {}
        for k, side in enumerate(SIDES):
            joints, tips = HAND_POINTS[side]
            points = kinematics.rest_joints[joints].copy()
            points[tips >= 0] = kinematics.rest_tips[5 * k + tips[tips >= 0]]
            self._rest[side] = points

    def __call__(self, keypoints: np.ndarray, side: str) -> tuple[np.ndarray, np.ndarray]:
        """Rotation of the wrist (3, 3) and of the fingers' joints (15, 3) axis-angle, from keypoints (21, 3) m.

        keypoints: landmarks in any frame, also that of the wrist's rotation. The fingers' rotations are against their
        parents, in SMPL-X's order. side: the person's own.
        """
        rest, offsets = self._rest[side], HAND_OFFSETS[side]
        keypoints = np.asarray(keypoints, np.float64)
        size = _spread(keypoints[_PALM]) / _spread(rest[_PALM])
        turns = np.zeros((5, 3, 3))
        wrist, _ = rigid_alignment((rest + offsets)[_PALM], keypoints[_PALM])
        rotations = np.tile(wrist, (NUM_HAND_KEYPOINTS, 1, 1))
        for _ in range(_ROUNDS):
            joints = keypoints - size * np.einsum('kij,kj->ki', rotations, offsets)
            wrist, _ = rigid_alignment(rest[_PALM], joints[_PALM])
            parent, rotations[0] = np.tile(wrist, (5, 1, 1)), wrist
            for k in range(3):
                bone, seen = (_unit(points[_FINGERS[:, k + 1]] - points[_FINGERS[:, k]]) for points in (rest, joints))
                turns[:, k] = _shortest_turn(bone, np.einsum('fji,fj->fi', parent, seen))
                parent = parent @ exp_so3(turns[:, k])
                rotations[_FINGERS[:, k]] = parent
            rotations = rotations[_RIDES_ON]
        fingers = np.zeros((15, 3))
        fingers[_ROWS[side]] = turns
        return wrist, fingers


def _spread(points):
    return np.linalg.norm(points - points.mean(0))


def _unit(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _shortest_turn(start, end):
    """(N, 3) axis-angle of the smallest rotation from unit vectors (N, 3) to others; zero if they are opposite."""
    axis = np.cross(start, end)
    sine = np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.arctan2(sine, (start * end).sum(1, keepdims=True))
    return np.where(sine > 1e-9, axis / np.maximum(sine, 1e-9) * angle, 0.0)
