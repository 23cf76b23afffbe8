"""Closed forms that initialise a fit: a body along measured bone directions."""

from __future__ import annotations

import numpy as np

from ..geometry.directions import minimal_rotation, normalize_vector
from ..landmarks.indices import ARM, HIPS, SHOULDERS, side_landmarks
from ..skeleton import JOINT, NUM_JOINTS
from .kinematic_chain import exp_so3


def orthonormal_frame(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Rotation whose columns are `first`, then `second` made orthogonal to it, then their product."""
    first = normalize_vector(first)
    second = second - first * (first @ second)
    if np.linalg.norm(second) < 1e-6:
        second = np.roll(first, 1) - first * (first @ np.roll(first, 1))
    second = normalize_vector(second)
    return np.stack([first, second, np.cross(first, second)], -1)


def body_rotations(rest_joints: np.ndarray, world: np.ndarray, legs_seen: bool) -> np.ndarray:
    """Local rotations (55, 3, 3) of a body with the bone directions of MediaPipe's world landmarks (33, 3).

    The torso is one rigid piece; elbows bend about their own axis; legs stay as at rest if they are
    not visible.
    """
    local = np.tile(np.eye(3), (NUM_JOINTS, 1, 1))
    hips, shoulders = world[list(HIPS)], world[list(SHOULDERS)]
    up = shoulders.mean(0) - hips.mean(0)
    across = normalize_vector(shoulders[0] - shoulders[1]) + 0.7 * normalize_vector(hips[0] - hips[1])
    torso = orthonormal_frame(up, across)                       # columns: up, left, and their product
    torso = np.stack([torso[:, 1], torso[:, 0], -torso[:, 2]], -1)
    local[0] = torso
    for side, sign in (('left', -1), ('right', 1)):
        shoulder, elbow, wrist = ARM[side]
        hip, knee, ankle = side_landmarks(side, 'HIP', 'KNEE', 'ANKLE')
        upper = normalize_vector(torso.T @ (world[elbow] - world[shoulder]))
        fore = normalize_vector(torso.T @ (world[wrist] - world[elbow]))
        rest = normalize_vector(rest_joints[JOINT[f'{side}_elbow']] - rest_joints[JOINT[f'{side}_shoulder']])
        hinge = sign * np.cross(upper, fore) + 0.15 * minimal_rotation(rest, upper)[:, 1]
        local[JOINT[f'{side}_shoulder']] = (
            orthonormal_frame(upper, hinge) @ orthonormal_frame(rest, np.array([0, 1.0, 0])).T
        )
        bend = np.arccos(np.clip(upper @ fore, -1, 1))
        local[JOINT[f'{side}_elbow']] = exp_so3(np.array([0, sign * bend, 0]))
        if legs_seen:
            thigh = normalize_vector(torso.T @ (world[knee] - world[hip]))
            shin = normalize_vector(torso.T @ (world[ankle] - world[knee]))
            rest = normalize_vector(rest_joints[JOINT[f'{side}_knee']] - rest_joints[JOINT[f'{side}_hip']])
            local[JOINT[f'{side}_hip']] = minimal_rotation(rest, thigh)
            local[JOINT[f'{side}_knee']] = exp_so3(np.array([np.arccos(np.clip(thigh @ shin, -1, 1)), 0, 0]))
    return local
