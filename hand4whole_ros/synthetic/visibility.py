"""The rasterizers of anny's body and of its hands, and the visible share of a hand."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .. import skeleton
from ..geometry.camera import Intrinsics
from .figure import body_faces, vertex_joints


@lru_cache(maxsize=1)
def body_rasterizer():
    """Of the whole body."""
    from ..rendering.rasterizer import Rasterizer
    return Rasterizer(body_faces())


@lru_cache(maxsize=2)
def hand_faces(side: str) -> np.ndarray:
    """(F,) bool: the triangles of one hand."""
    joints = np.r_[skeleton.WRIST[side], np.r_[skeleton.HAND_SLICE[side]]]
    return np.isin(vertex_joints()[body_faces()], joints).all(axis=1)


@lru_cache(maxsize=2)
def _hand_rasterizer(side):
    """Rasterizer of one hand, and its vertex ids."""
    from ..rendering.rasterizer import Rasterizer
    ids, triangles = np.unique(body_faces()[hand_faces(side)], return_inverse=True)
    return Rasterizer(triangles.reshape(-1, 3)), ids


def hand_visibility(vertices: np.ndarray, ids: np.ndarray, view: Intrinsics) -> np.ndarray:
    """(2,) of left and right hand, 0 to 1: its visible pixels over those of the hand alone, the part outside the
    image included.

    vertices (V, 3) float32 m, of the body; ids (N,): the triangles visible at the image's pixels, in any order, without
    the empty ones.
    """
    return np.array([_visible_share(side, vertices, ids, view) for side in skeleton.SIDES])


def _visible_share(side, vertices, ids, view):
    alone, own = _hand_rasterizer(side)
    seen = hand_faces(side)[ids].sum()
    points = vertices[own]
    if not seen or points[:, 2].min() < 0.06:
        return 0.0
    focal, centre = np.array([[view.fx, view.fy], [view.cx, view.cy]], np.float32)
    pixels = points[:, :2] / points[:, 2:] * focal + centre
    low = np.floor(np.maximum(pixels.min(0), -np.array([view.width, view.height])))
    high = np.ceil(np.minimum(pixels.max(0), 2 * np.array([view.width, view.height])))
    size = (high - low + 1).astype(int)
    if (size < 1).any():
        return 0.0
    window = view.cropped(int(low[0]), int(low[1]), int(size[0]), int(size[1]))
    total = alone.coverage(points, window)
    return float(min(seen / total, 1.0)) if total else 0.0
