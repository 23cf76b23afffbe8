"""A calibrated camera: intrinsics, lens distortion, projection and its inverse.

Pixel centres are at integer coordinates, as in ROS and OpenCV. Lens models are those of
sensor_msgs/CameraInfo; see lens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..config import DEFAULT_FOV_DEGREES
from .lens import DISTORTION_MODELS, Lens
from .lens import cached_lens as lens_of


@dataclass(frozen=True)
class Intrinsics:
    """Pinhole camera with optional lens distortion. All in pixels of a width x height image."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    distortion: tuple[float, ...] = ()
    distortion_model: str = 'plumb_bob'
    #: False if the numbers were assumed from a field of view.
    calibrated: bool = True

    def __post_init__(self):
        values = (self.fx, self.fy, self.cx, self.cy, *self.distortion)
        if not all(math.isfinite(v) for v in values):
            raise ValueError(f'intrinsics are not finite: fx fy cx cy D = {values}')
        if self.fx <= 0 or self.fy <= 0:
            raise ValueError(f'focal lengths must be positive, found fx = {self.fx}, fy = {self.fy}')
        if self.width <= 0 or self.height <= 0:
            raise ValueError(f'image size must be positive, found {self.width} x {self.height}')
        lengths = DISTORTION_MODELS.get(self.distortion_model)
        if lengths is None:
            known = ', '.join(name for name in DISTORTION_MODELS if name)
            raise ValueError(f'unknown distortion model {self.distortion_model!r}; known are {known}')
        if len(self.distortion) not in lengths:
            raise ValueError(f'distortion model {self.distortion_model!r} takes {lengths} coefficients, '
                             f'found {len(self.distortion)}')

    @classmethod
    def from_fov(cls, width: int, height: int, degrees: float = DEFAULT_FOV_DEGREES) -> Intrinsics:
        """Square pixels and a centred principal point; `degrees` is the longer side's field of view."""
        if not 0 < degrees < 180:
            raise ValueError(f'a field of view must be between 0 and 180 degrees, found {degrees}')
        focal = max(width, height) / (2 * math.tan(math.radians(degrees) / 2))
        return cls.from_focal(width, height, focal, calibrated=False)

    @classmethod
    def from_focal(cls, width: int, height: int, focal: float, calibrated: bool = True) -> Intrinsics:
        """Square pixels, a centred principal point and a focal length in pixels."""
        return cls(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height, calibrated=calibrated)

    def cropped(self, x: int, y: int, width: int, height: int) -> Intrinsics:
        """Intrinsics of the part of the image whose top left pixel is (x, y)."""
        return replace(self, cx=self.cx - x, cy=self.cy - y, width=width, height=height)

    def resized(self, width: int, height: int) -> Intrinsics:
        """Intrinsics of the image scaled to width x height; pixel edges, not centres, stay in place."""
        sx, sy = width / self.width, height / self.height
        return replace(self, fx=self.fx * sx, fy=self.fy * sy, cx=(self.cx + 0.5) * sx - 0.5,
                       cy=(self.cy + 0.5) * sy - 0.5, width=width, height=height)

    @property
    def matrix(self) -> np.ndarray:
        """K, (3, 3) float64."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1.0]])

    def project(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) metres in the optical frame -> (..., 2) pixels, lens distortion applied.

        Returns NaN for points at or behind the camera.
        """
        points = np.asarray(points, np.float64)
        flat = points.reshape(-1, 3)
        front = flat[:, 2] > 1e-6
        if len(flat) and front.all():
            pixels = self._distort(flat / flat[:, 2:])
        else:
            pixels = np.full((len(flat), 2), np.nan)
            if front.any():
                pixels[front] = self._distort(flat[front] / flat[front, 2:])
        return pixels.reshape(points.shape[:-1] + (2,))

    @property
    def lens(self) -> Lens:
        """The lens model between rays and the image plane."""
        return lens_of(self.distortion_model, tuple(self.distortion))

    def _distort(self, rays):
        return self.lens.distort(rays[:, :2]) * (self.fx, self.fy) + (self.cx, self.cy)

    def normalize(self, pixels: np.ndarray) -> np.ndarray:
        """(..., 2) pixels -> (..., 2) rays x/z, y/z in the optical frame, lens distortion removed."""
        pixels = np.asarray(pixels, np.float64)
        places = (pixels - (self.cx, self.cy)) / (self.fx, self.fy)
        return self.lens.undistort(places.reshape(-1, 2)).reshape(pixels.shape)
