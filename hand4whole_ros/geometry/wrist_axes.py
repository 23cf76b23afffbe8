"""The axes of a wrist's orientation: SMPL-X's, MANO's or OpenXR's."""

from __future__ import annotations

import numpy as np

from ..config import WristAxes

#: Axes -> side -> (3, 3) whose columns are these axes in SMPL-X's axes of that wrist. SMPL-X's, in the T-pose with the
#: palms down: x to the person's left, y up, z forward. SMPL-X's hands are MANO's, without a rotation between them.
#: OpenXR: -Z towards the fingers, +Y out of the back of the hand.
WRIST_AXES: dict[WristAxes, dict[str, np.ndarray]] = {
    WristAxes.SMPLX: {'left': np.eye(3), 'right': np.eye(3)},
    WristAxes.MANO: {'left': np.eye(3), 'right': np.eye(3)},
    WristAxes.OPENXR: {'left': np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]]),
                       'right': np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])}}


def convert_wrist(pose: np.ndarray, axes: WristAxes, side: str) -> np.ndarray:
    """(7,) x, y, z and unit quaternion x, y, z, w of a wrist with SMPL-X's axes -> the same with others."""
    matrix = WRIST_AXES[axes][side]
    if np.array_equal(matrix, np.eye(3)):
        return pose
    from scipy.spatial.transform import Rotation  # slow to import, and rarely needed
    rotation = Rotation.from_quat(pose[3:]) * Rotation.from_matrix(matrix)
    return np.concatenate([pose[:3], rotation.as_quat(canonical=True)])
