"""Closed forms a fit starts from: a body along measured bone directions."""

from __future__ import annotations

import numpy as np

from ..geometry.placement import minimal_rotation, normalize_vector
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
    """Local rotations (55, 3, 3) of a body whose bones point as MediaPipe's world landmarks (33, 3) do.

    The torso is one rigid piece; elbows bend about their own axis; legs stay as at rest where they
    were not seen.
    """
    local = np.tile(np.eye(3), (NUM_JOINTS, 1, 1))
    hips, shoulders = world[[23, 24]].mean(0), world[[11, 12]].mean(0)
    up = shoulders - hips
    across = normalize_vector(world[11] - world[12]) + 0.7 * normalize_vector(world[23] - world[24])
    torso = orthonormal_frame(up, across)                       # columns: up, left, and their product
    torso = np.stack([torso[:, 1], torso[:, 0], -torso[:, 2]], -1)
    local[0] = torso
    for side, sign, (shoulder, elbow, wrist), (hip, knee, ankle) in (
            ('left', -1, (11, 13, 15), (23, 25, 27)), ('right', 1, (12, 14, 16), (24, 26, 28))):
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
