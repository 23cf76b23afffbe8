"""Unit vectors, and the rotation from one to another. Nothing but numpy and scipy is needed."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation


def normalize_vector(vector: np.ndarray) -> np.ndarray:
    """(..., 3) scaled to length one; the x axis for zero vectors."""
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    return np.where(length > 1e-9, vector / np.maximum(length, 1e-9), (1.0, 0.0, 0.0))


def minimal_rotation(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The smallest rotation from one unit vector to the other, (3, 3)."""
    axis = np.cross(start, end)
    sine, cosine = np.linalg.norm(axis), float(start @ end)
    if sine < 1e-9:
        if cosine > 0:
            return np.eye(3)
        return Rotation.from_rotvec(np.pi * normalize_vector(np.cross(start, np.roll(start, 1)))).as_matrix()
    return Rotation.from_rotvec(axis / sine * np.arctan2(sine, cosine)).as_matrix()
