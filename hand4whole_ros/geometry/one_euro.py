"""The 1 euro filter for points and for rotations, on numpy arrays.

Source: Casiez, Roussel and Vogel, "1 euro filter", CHI 2012: a first-order low-pass whose cut-off
rises with speed, so that a still hand does not jitter and a fast one does not lag.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial.transform import Rotation

#: Factors of the cut-off for the part of a rotation within the image, and for the part out of it.
_WITHIN_IMAGE, _OUT_OF_IMAGE = 2.0, 0.5

#: Cut-off of the low-pass on the speed itself, Hz; the paper's own value.
SPEED_CUTOFF = 1.0


def smoothing_factor(cutoff: np.ndarray | float, dt: float) -> np.ndarray | float:
    """Share of the new value in a first-order low-pass of `cutoff` Hz over `dt` seconds."""
    r = 2 * math.pi * cutoff * dt
    return r / (r + 1)


class OneEuroPoints:
    """Filters points (N, D) in metres; each point has a speed of its own."""

    def __init__(self, min_cutoff: float, beta: float):
        """`min_cutoff` in Hz at rest; `beta` in Hz per (m/s)."""
        self.min_cutoff, self.beta = min_cutoff, beta
        self.reset()

    def reset(self) -> None:
        """Restart: the next points are returned unchanged."""
        self._value = self._velocity = None

    def __call__(self, points: np.ndarray, dt: float) -> np.ndarray:
        """The filtered (N, D) points `dt` seconds after the last call."""
        points = np.array(points, np.float64)
        if self._value is None or dt <= 0:
            self._value, self._velocity = points, np.zeros_like(points)
            return points.copy()
        velocity = (points - self._value) / dt
        self._velocity = self._velocity + smoothing_factor(SPEED_CUTOFF, dt) * (velocity - self._velocity)
        cutoff = self.min_cutoff + self.beta * np.linalg.norm(self._velocity, axis=-1, keepdims=True)
        self._value = self._value + smoothing_factor(cutoff, dt) * (points - self._value)
        return self._value.copy()


class OneEuroRotations:
    """Filters rotation vectors (N, 3) along geodesics; each rotation has a speed of its own."""

    def __init__(self, min_cutoff: float, beta: float):
        """`min_cutoff` in Hz at rest; `beta` in Hz per (rad/s)."""
        self.min_cutoff, self.beta = min_cutoff, beta
        self.reset()

    def reset(self) -> None:
        """Restart: the next rotations are returned unchanged."""
        self._value = self._speed = None

    def __call__(self, vectors: np.ndarray, dt: float) -> np.ndarray:
        """The filtered (N, 3) rotation vectors `dt` seconds after the last call."""
        rotation = Rotation.from_rotvec(vectors)
        if self._value is None or dt <= 0:
            self._value, self._speed = rotation, np.zeros((len(vectors), 1))
            return vectors
        step = (self._value.inv() * rotation).as_rotvec()
        speed = np.linalg.norm(step, axis=-1, keepdims=True) / dt
        self._speed = self._speed + smoothing_factor(SPEED_CUTOFF, dt) * (speed - self._speed)
        factor = smoothing_factor(self.min_cutoff + self.beta * self._speed, dt)
        self._value = self._value * Rotation.from_rotvec(factor * step)
        return self._value.as_rotvec()


class OneEuroSeenRotations:
    """Filters rotations (N, 3, 3) in the camera; each has a speed of its own within the image and one out of it.

    The image shows how a limb turns about the line of sight, but hardly how it tilts towards the camera or away: the
    former is filtered with a higher cut-off, the latter with a lower one.
    """

    def __init__(self, min_cutoff: float, beta: float):
        """`min_cutoff` in Hz at rest; `beta` in Hz per (rad/s)."""
        self.min_cutoff, self.beta = min_cutoff, beta
        self._value = self._speeds = None

    def __call__(self, rotations: np.ndarray, sight: np.ndarray, dt: float) -> np.ndarray:
        """The filtered (N, 3, 3) rotations `dt` seconds after the last call; sight (N, 3): unit lines of sight."""
        new = Rotation.from_matrix(rotations)
        if self._value is None or dt <= 0:
            self._value, self._speeds = new, np.zeros((2, len(sight), 1))
            return rotations
        step = (new * self._value.inv()).as_rotvec()
        within = (step * sight).sum(axis=-1, keepdims=True) * sight
        parts = np.stack([within, step - within])
        speeds = np.linalg.norm(parts, axis=-1, keepdims=True) / dt
        self._speeds = self._speeds + smoothing_factor(SPEED_CUTOFF, dt) * (speeds - self._speeds)
        cutoffs = np.reshape([_WITHIN_IMAGE, _OUT_OF_IMAGE], (2, 1, 1)) * (self.min_cutoff + self.beta * self._speeds)
        self._value = Rotation.from_rotvec((smoothing_factor(cutoffs, dt) * parts).sum(axis=0)) * self._value
        return self._value.as_matrix()
