"""Directions of rays, unit vectors, and the angle and rotation from one to another.

Nothing but numpy and scipy is needed.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation


def normalize_vector(vector: np.ndarray) -> np.ndarray:
    """(..., 3) scaled to length one; the x axis for zero vectors."""
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    return np.where(length > 1e-9, vector / np.maximum(length, 1e-9), (1.0, 0.0, 0.0))


def ray_directions(rays: np.ndarray) -> np.ndarray:
    """Rays (..., 2) x/z, y/z -> (..., 3) directions in the optical frame, of depth one."""
    return np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Of the angle between two vectors (N,); about zero if either is."""
    return float(one @ other) / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-6)


def minimal_rotation(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The smallest rotation from one unit vector to the other, (3, 3)."""
    axis = np.cross(start, end)
    sine, cosine = np.linalg.norm(axis), float(start @ end)
    if sine < 1e-9:
        if cosine > 0:
            return np.eye(3)
        return Rotation.from_rotvec(np.pi * normalize_vector(np.cross(start, np.roll(start, 1)))).as_matrix()
    return Rotation.from_rotvec(axis / sine * np.arctan2(sine, cosine)).as_matrix()
