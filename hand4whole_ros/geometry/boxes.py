"""Tests whether points lie within an image."""

from __future__ import annotations

import numpy as np


def inside(points: np.ndarray, width: int, height: int) -> np.ndarray:
    """Which points (..., 2) px lie in an image of this size, (...) bool; those that are not finite do not.

    Pixel centres are at integer coordinates, so that the image reaches from -0.5 to width - 0.5 and height - 0.5.
    """
    points = np.asarray(points)
    with np.errstate(invalid='ignore'):
        return ((points >= -0.5) & (points < (width - 0.5, height - 0.5))).all(axis=-1)
