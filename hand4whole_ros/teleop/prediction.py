"""Prediction over a known delay at constant velocity, of points and of rotations.

Camera, network and middleware take time; a prediction compensates for it. It amplifies noise, and overshoots for the
length of the delay when a motion reverses. Velocities are therefore low-passed, and slow ones are reduced, since those
of a hand at rest are noise. docs/guides/teleoperation.md has measured errors.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from ..geometry.one_euro import smoothing_factor

#: Cut-off of the low-pass on velocities, Hz.
VELOCITY_CUTOFF = 3.0

#: Velocities that are halved, m/s and rad/s, slower ones more, faster ones less: about the noise of a hand at rest.
STEADY_SPEED, STEADY_ANGULAR_SPEED = 0.1, 0.5

#: Limits of the predicted displacement, m, and rotation, rad.
MAX_SHIFT, MAX_ROTATION = 0.15, 0.6

#: Longest time between two images, s, from which a velocity is computed.
_MAX_DT = 0.2


class _Extrapolation:
    """Displacements (N, 3) over `delay` seconds, from the steps between measurements."""

    def __init__(self, delay, steady, longest):
        if not 0 <= delay <= 1:
            raise ValueError(f'a delay must be between 0 and 1 s, found {delay:g}')
        self.delay, self._steady, self._longest = delay, steady, longest
        self._velocity = 0.0

    def reset(self):
        self._velocity = 0.0

    def __call__(self, step, dt):
        """(N, 3) step in the last `dt` seconds -> (N, 3) for the next `delay` seconds."""
        self._velocity = self._velocity + smoothing_factor(VELOCITY_CUTOFF, dt) * (step / dt - self._velocity)
        squared = np.square(self._velocity).sum(axis=-1, keepdims=True)
        ahead = self.delay * self._velocity * squared / (squared + self._steady ** 2)
        lengths = np.linalg.norm(ahead, axis=-1, keepdims=True)
        return ahead * np.minimum(1.0, self._longest / np.maximum(lengths, 1e-12))


class PointPrediction:
    """Points (N, 3) m, `delay` seconds ahead."""

    def __init__(self, delay: float):
        self._ahead = _Extrapolation(delay, STEADY_SPEED, MAX_SHIFT)
        self._last = None

    def reset(self) -> None:
        """Discard the velocity."""
        self._last = None
        self._ahead.reset()

    def __call__(self, points: np.ndarray, dt: float) -> np.ndarray:
        """(N, 3) measured `dt` seconds after the last ones -> (N, 3) `delay` seconds later than these."""
        last, self._last = self._last, np.array(points, np.float64)
        if last is None or not 0 < dt <= _MAX_DT:
            self._ahead.reset()
            return self._last.copy()
        return self._last + self._ahead(self._last - last, dt)


class RotationPrediction:
    """One rotation (3, 3), `delay` seconds ahead."""

    def __init__(self, delay: float):
        self._ahead = _Extrapolation(delay, STEADY_ANGULAR_SPEED, MAX_ROTATION)
        self._last = None

    def reset(self) -> None:
        """Discard the velocity."""
        self._last = None
        self._ahead.reset()

    def __call__(self, rotation: np.ndarray, dt: float) -> np.ndarray:
        """(3, 3) measured `dt` seconds after the last one -> (3, 3) `delay` seconds later than this one."""
        last, self._last = self._last, Rotation.from_matrix(rotation)
        if last is None or not 0 < dt <= _MAX_DT:
            self._ahead.reset()
            return self._last.as_matrix()
        # In the frame of the camera, in which a steady rotation has a constant velocity.
        step = (self._last * last.inv()).as_rotvec()[None]
        return (Rotation.from_rotvec(self._ahead(step, dt)[0]) * self._last).as_matrix()
