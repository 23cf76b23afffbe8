"""A depth image aligned with the colour image pixel by pixel, and the distance of points in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .boxes import inside

#: Depths that a camera measures, m. Zero and values that are not finite mean that nothing was measured.
MIN_MEASURED, MAX_MEASURED = 0.1, 30.0

#: Pixels to each side of a point whose median is its depth, and the minimum share of them that is measured.
_RADIUS, _MIN_MEASURED_SHARE = 2, 0.3

#: Minimum number of points to compute a distance.
MIN_POINTS = 4

#: Minimum share of the points that agree on the distance.
_MIN_AGREEING_SHARE = 0.4


@dataclass(frozen=True, eq=False)
class DepthImage:
    """Depth along the optical axis, as from depth cameras."""

    values: np.ndarray          # (H, W) uint16 or float32; 0 or not finite where nothing was measured
    unit: float                 # m of one unit of `values`

    def at(self, pixels: np.ndarray) -> np.ndarray:
        """(N, 2) px -> (N,) m: the median of the depths around each; NaN outside the image and in holes."""
        height, width = self.values.shape
        pixels = np.asarray(pixels, np.float64)
        shown = inside(pixels, width, height)
        centres = np.rint(np.where(shown[:, None], pixels, 0)).astype(int)
        steps = np.arange(-_RADIUS, _RADIUS + 1)
        x, y = centres[:, 0, None, None] + steps[None, None, :], centres[:, 1, None, None] + steps[None, :, None]
        beyond = (x < 0) | (x >= width) | (y < 0) | (y >= height)
        around = self.values[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)].astype(np.float64) * self.unit
        with np.errstate(invalid='ignore'):
            measured = (around >= MIN_MEASURED) & (around <= MAX_MEASURED) & ~beyond & shown[:, None, None]
        around = np.sort(np.where(measured, around, np.inf).reshape(len(pixels), len(steps) ** 2), axis=1)
        count = measured.sum(axis=(1, 2))
        # A measured value, not the mean of two, which at an edge lies between both surfaces.
        median = np.take_along_axis(around, np.maximum(count - 1, 0)[:, None] // 2, axis=1)[:, 0]
        return np.where(count >= _MIN_MEASURED_SHARE * around.shape[1], median, np.nan)


def depth_offset(points: np.ndarray, surface: np.ndarray, under_skin: np.ndarray, deviation: float) -> float | None:
    """Measured minus estimated depth, m, of points (N, 3) m of an estimate; None if too few agree on it.

    surface (N,) m: the depth measured in front of each, NaN for none; under_skin (N,) m: distance of the point behind
    the skin that faces the camera; deviation, m: maximum distance of agreeing points from the offset. At the others the
    camera measures past a limb, or an occluder.
    """
    offsets = np.asarray(surface) + under_skin - np.asarray(points)[:, 2]
    offsets = offsets[np.isfinite(offsets)]
    if len(offsets) < MIN_POINTS:
        return None
    agreeing = offsets[abs(offsets - np.median(offsets)) <= deviation]
    if len(agreeing) < max(MIN_POINTS, _MIN_AGREEING_SHARE * len(offsets)):
        return None
    return float(np.median(agreeing))
