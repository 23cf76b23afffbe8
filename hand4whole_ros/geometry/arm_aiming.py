"""Arms that are turned, not stretched, so that elbows and wrists come nearer to where they are seen. numpy float64."""

from __future__ import annotations

import numpy as np

from .. import skeleton
from .directions import minimal_rotation, normalize_vector


def aim_arms(rotations: np.ndarray, joints: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Turn upper arms and forearms towards targets; hands keep their orientation.

    rotations (J, 3, 3) and joints (J, 3) of a posed body, global; targets (J, 3), of which those of elbows and wrists
    count. Bones keep their lengths and shoulders their places. Returns the global rotations.
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
