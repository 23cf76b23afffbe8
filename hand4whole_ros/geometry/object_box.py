"""The points of an object's box, by which its pose is estimated and drawn: corners, middles of edges, the centre."""

from __future__ import annotations

import numpy as np

#: A box's points in units of its sides: 8 corners, 12 middles of edges, the centre; x changes fastest.
BOX_POINTS = np.array([
    (0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 1),
    (0, .5, 0), (1, .5, 0), (.5, 1, 0), (.5, 0, 0), (0, .5, 1), (1, .5, 1), (.5, 1, 1), (.5, 0, 1),
    (0, 1, .5), (0, 0, .5), (1, 1, .5), (1, 0, .5), (.5, .5, .5)])

#: Pairs of corners that an edge joins.
BOX_EDGES = tuple((a, b) for a in range(8) for b in range(a + 1, 8) if np.abs(BOX_POINTS[a] - BOX_POINTS[b]).sum() == 1)


def box_points(vertices: np.ndarray) -> np.ndarray:
    """The 21 points (21, 3) of the axis-aligned box around an object's vertices (V, 3)."""
    low, high = vertices.min(0), vertices.max(0)
    return low + BOX_POINTS * (high - low)
