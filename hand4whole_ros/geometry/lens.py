"""The lens of a camera: the point of a ray on the image plane at unit focal length, and its inverse everywhere.

The models are those of sensor_msgs/CameraInfo, computed by OpenCV. Their polynomials are valid over the image they were
calibrated on and fold back somewhere beyond it; past that, two rays share a pixel and the inverse is undefined. So a
lens is used up to its reach, the angle up to which it grows outwards, and is continued from there as a pinhole with
the scale at that edge: one to one for every ray and every pixel.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np

#: Names of lens models in CameraInfo.distortion_model, with their allowed numbers of coefficients.
DISTORTION_MODELS = {'plumb_bob': (0, 4, 5), 'rational_polynomial': (0, 8, 12, 14), 'equidistant': (0, 4),
                     '': (0,)}

#: The reach is searched in steps of this many degrees, up to the largest angle at which x/z is still useful.
_STEP_DEGREES, _MAX_DEGREES = 0.5, 89.0

#: Directions in which it is searched: a lens may be decentred.
_DIRECTIONS = 16

#: Minimum growth of the distance from the centre with the angle, as a share of that at the centre.
_MIN_GROWTH = 0.1

#: Rounds of correcting the direction for decentring. Each leaves a tenth of the error or less.
_NUM_ITERATIONS = 10

_NO_ROTATION, _UNIT = np.zeros(3), np.eye(3)

#: Of Newton's method: step of the finite differences, tolerance of convergence, and maximum number of steps.
_DIFFERENCE, _TOLERANCE, _MAX_STEPS = 1e-6, 1e-9, 20
_SIDE_MARGIN, _BELOW = np.array([_DIFFERENCE, 0.0]), np.array([0.0, _DIFFERENCE])


@dataclass(frozen=True)
class Lens:
    """A lens model of DISTORTION_MODELS with its coefficients. Use `lens`, which caches instances."""

    model: str
    coefficients: tuple[float, ...]

    @property
    def is_ideal(self) -> bool:
        """Whether the lens has no distortion."""
        # Equidistant lenses distort even with all coefficients at zero: the angle, not its tangent, is linear.
        return not self.coefficients or (self.model != 'equidistant' and not any(self.coefficients))

    @functools.cached_property
    def _growth(self):
        """Angles from the axis (M,) up to the reach, and their mean distance from the centre (M,)."""
        angles = np.radians(np.arange(0.0, _MAX_DEGREES + _STEP_DEGREES, _STEP_DEGREES))
        rays = np.tan(angles)[:, None, None] * _unit_circle()
        with np.errstate(all='ignore'):
            outwards = (self._model(rays.reshape(-1, 2)).reshape(rays.shape) * _unit_circle()).sum(-1)
            grows = (np.diff(outwards, axis=0) >= _MIN_GROWTH * np.diff(angles)[:, None]).all(1)
        # A step over which it still grows may end beyond the fold: the last but one certainly does not.
        count = len(angles) if grows.all() else max(int(np.argmin(grows)), 1)
        return angles[:count], outwards[:count].mean(1)

    @functools.cached_property
    def reach(self) -> float:
        """The largest x/z, in any direction, up to which the model is one to one; infinite for an ideal lens."""
        if self.is_ideal:
            return np.inf
        return float(np.tan(max(self._growth[0][-1], np.radians(_STEP_DEGREES / 2))))

    @property
    def has_fold(self) -> bool:
        """Whether the model is limited by its reach."""
        return self.reach < np.tan(np.radians(_MAX_DEGREES - _STEP_DEGREES / 2))

    @functools.cached_property
    def _edge(self):
        """Distance from the centre, at unit focal length, within which the ray of every pixel is within reach."""
        return np.inf if self.is_ideal else np.linalg.norm(self._model(self.reach * _unit_circle()), axis=1).min()

    def distort(self, rays: np.ndarray) -> np.ndarray:
        """(N, 2) rays x/z, y/z -> (N, 2) points on the image plane at unit focal length."""
        if self.is_ideal:
            return rays
        beyond = np.maximum(np.linalg.norm(rays, axis=1, keepdims=True) / self.reach, 1)
        return self._model(rays / beyond) * beyond

    def undistort(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) points on the image plane at unit focal length -> (N, 2) rays x/z, y/z."""
        if self.is_ideal or not len(points):
            return points
        distance = np.linalg.norm(points, axis=1)
        if not (distance > self._edge).any():
            return self._inverse(points)
        directions, edge = self._at_edge(points / np.maximum(distance, 1e-12)[:, None])
        beyond = np.maximum(distance / edge, 1)[:, None]
        return np.where(beyond > 1, directions * self.reach * beyond, self._inverse(points / beyond))

    def covered(self, points: np.ndarray) -> np.ndarray:
        """(N, 2) points on the image plane -> (N,) bool: whether the model itself has a ray for them."""
        if self.is_ideal:
            return np.ones(len(points), bool)
        distance = np.linalg.norm(points, axis=1)
        _, edge = self._at_edge(points / np.maximum(distance, 1e-12)[:, None])
        return distance <= edge * (1 + 1e-9)

    def _at_edge(self, wanted):
        """Directions (N, 2) of the rays whose image lies in the `wanted` directions at the edge, and its distance."""
        directions = wanted
        for _ in range(_NUM_ITERATIONS):
            found = self._model(self.reach * directions)
            edge = np.linalg.norm(found, axis=1)
            directions = directions + wanted - found / np.maximum(edge, 1e-12)[:, None]
            directions = directions / np.maximum(np.linalg.norm(directions, axis=1), 1e-12)[:, None]
        return directions, np.maximum(edge, 1e-12)

    def _model(self, rays):
        rays = np.concatenate([rays, np.ones((len(rays), 1))], 1)
        coefficients = np.array(self.coefficients)
        if self.model == 'equidistant':
            return cv2.fisheye.projectPoints(rays[:, None], _NO_ROTATION, _NO_ROTATION, _UNIT, coefficients)[0][:, 0]
        return cv2.projectPoints(rays, _NO_ROTATION, _NO_ROTATION, _UNIT, coefficients)[0][:, 0]

    def _inverse(self, points):
        """Newton's method, initialised with the ray of a lens without decentring; for points within the edge."""
        angles, outwards = self._growth
        distance = np.linalg.norm(points, axis=1)
        rays = points * (np.tan(np.interp(distance, outwards, angles)) / np.maximum(distance, 1e-12))[:, None]
        for _ in range(_MAX_STEPS):
            found, beside, below = self._model(np.concatenate([rays, rays + _SIDE_MARGIN, rays + _BELOW])).reshape(
                3, -1, 2
            )
            (a, c), (b, d) = ((beside - found) / _DIFFERENCE).T, ((below - found) / _DIFFERENCE).T
            off = (points - found).T
            step = np.stack([d * off[0] - b * off[1], a * off[1] - c * off[0]], -1) / (a * d - b * c)[:, None]
            rays = rays + step
            # A step across the fold would lead to the wrong one of two rays.
            rays = rays / np.maximum(np.linalg.norm(rays, axis=1, keepdims=True) / self.reach, 1)
            if not (np.abs(step) > _TOLERANCE * (1 + np.abs(rays))).any():
                break
        return rays


#: Returns the same lens for the same arguments: computing its reach takes a millisecond or two.
cached_lens = functools.lru_cache(maxsize=64)(Lens)


def _unit_circle():
    turns = 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
    return np.stack([np.cos(turns), np.sin(turns)], -1)
