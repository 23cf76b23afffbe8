"""Rotation of arms, without stretching, so that elbows and wrists come nearer to their targets. numpy float64."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .. import skeleton
from .directions import minimal_rotation, normalize_vector

#: Margin, m, by which an arm stays short of straight and folded; sine of the bend below which it counts as straight.
_MARGIN, _STRAIGHT = 1e-3, 0.02

#: side -> the flexion axis of the elbow, in the axes of the upper arm, in SMPL-X's T-pose.
_FLEXION_AXES = {'left': np.array([0.0, -1.0, 0.0]), 'right': np.array([0.0, 1.0, 0.0])}


def aim_arms(rotations: np.ndarray, joints: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Rotate upper arms and forearms towards targets; hands keep their orientation.

    rotations (J, 3, 3) and joints (J, 3) of a posed body, global; targets (J, 3), of which those of elbows and wrists
    are used. Bones keep their lengths and shoulders their positions. Returns the global rotations.
    """
    rotations = rotations.copy()
    for side in skeleton.SIDES:
        shoulder, elbow, wrist = (skeleton.JOINT[f'{side}_{name}'] for name in ('shoulder', 'elbow', 'wrist'))
        upper, fore = joints[elbow] - joints[shoulder], joints[wrist] - joints[elbow]
        first = minimal_rotation(normalize_vector(upper), normalize_vector(targets[elbow] - joints[shoulder]))
        place = joints[shoulder] + first @ upper
        second = minimal_rotation(normalize_vector(first @ fore), normalize_vector(targets[wrist] - place)) @ first
        rotations[shoulder] = first @ rotations[shoulder]
        rotations[elbow] = second @ rotations[elbow]
    return rotations


def reach_wrists(rotations: np.ndarray, joints: np.ndarray, targets: Mapping[str, np.ndarray]) -> np.ndarray:
    """Bend elbows and rotate arms so that wrists reach targets; hands keep their orientation.

    rotations (J, 3, 3) and joints (J, 3) of a posed body, global; targets: side -> (3,), position of the wrist. Targets
    out of reach are approached as far as the arm, straight or folded, allows. Returns the global rotations.
    """
    rotations = rotations.copy()
    for side, target in targets.items():
        shoulder, elbow, wrist = (skeleton.JOINT[f'{side}_{name}'] for name in ('shoulder', 'elbow', 'wrist'))
        upper, fore = joints[elbow] - joints[shoulder], joints[wrist] - joints[elbow]
        a, b = np.linalg.norm(upper), np.linalg.norm(fore)
        reach = np.clip(np.linalg.norm(target - joints[shoulder]), abs(a - b) + _MARGIN, a + b - _MARGIN)
        # The elbow's bend, 0 for a straight arm, by the law of cosines; in the plane in which the arm is bent.
        bend = np.arccos(np.clip((reach ** 2 - a ** 2 - b ** 2) / (2 * a * b), -1, 1))
        axis = np.cross(upper, fore)
        if np.linalg.norm(axis) < _STRAIGHT * a * b:    # a straight arm defines no plane: use the elbow's flexion axis
            axis = rotations[shoulder] @ _FLEXION_AXES[side]
        axis = normalize_vector(axis)
        along = normalize_vector(upper)
        new_fore = b * (np.cos(bend) * along + np.sin(bend) * np.cross(axis, along))
        swing = minimal_rotation(normalize_vector(upper + new_fore), normalize_vector(target - joints[shoulder]))
        rotations[shoulder] = swing @ rotations[shoulder]
        rotations[elbow] = swing @ minimal_rotation(normalize_vector(fore), normalize_vector(new_fore)) @ \
            rotations[elbow]
    return rotations
