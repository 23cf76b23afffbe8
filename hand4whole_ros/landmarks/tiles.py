"""Squares of an image at several scales, for detectors whose input has few pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .regions import Region

#: Sides of the squares, in the image's longer side. Consecutive squares of a scale overlap by half of their side.
SCALES = (1.0, 0.7, 0.5, 0.35)

#: px; smaller squares add no detections to those in larger ones.
MIN_SIDE = 112


def tiles(image: np.ndarray, scales: Sequence[float] = SCALES) -> list[Region]:
    """Upright squares that cover an image (H, W, ...): scale after scale, row by row."""
    height, width = image.shape[:2]
    found = []
    for scale in scales:
        side = scale * max(width, height)
        if scale < 1 and side < MIN_SIDE:
            continue
        found += [Region(np.array([x, y]), side, 0.0) for y in _middles(height, side) for x in _middles(width, side)]
    return found


def at_angle(region: Region, angle: float) -> Region:
    """The same square, its content rotated back by `angle`, radians clockwise in the image."""
    return replace(region, rotation=angle)


def _middles(length, side):
    """Middles, px, of squares of that side along an edge of the image."""
    count = max(int(np.ceil(2 * (length - side) / side - 1e-6)), 0) + 1
    if count == 1:
        return [(length - 1) / 2]
    return np.linspace(side / 2, length - side / 2, count) - 0.5
