"""Shared code of the triangle renderers: lights, a rendered mesh, and screen coordinates of vertices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..geometry.boxes import inside
from ..geometry.camera import Intrinsics

#: Nearest distance drawn, metres; triangles with a vertex nearer than this are left out.
NEAR = 0.05

#: Maximum number of samples of an image; supersampling is lowered to stay below.
MAX_SAMPLES = 16_000_000


@dataclass(frozen=True)
class Lighting:
    """Lights fixed to the camera; colours are linear, 1 is full, directions point towards the light.

    All in the camera optical frame (x right, y down, z forward).
    """

    key_direction: tuple[float, float, float] = (-0.55, -0.6, -0.7)
    key: tuple[float, float, float] = (1.05, 1.00, 0.93)
    up: tuple[float, float, float] = (0.0, -1.0, 0.0)
    sky: tuple[float, float, float] = (0.36, 0.39, 0.44)      # hemisphere light from above
    ground: tuple[float, float, float] = (0.12, 0.10, 0.09)   # and from below
    specular: float = 0.10
    shininess: float = 24.0
    rim: float = 0.25          # brightening of edges seen at a grazing angle


#: The default.
DEFAULT_LIGHTING = Lighting()


class Rendering(NamedTuple):
    """One rendered image of a mesh."""

    rgb: np.ndarray        # (H, W, 3) uint8, black where empty; not multiplied by alpha
    alpha: np.ndarray      # (H, W) float32, the fraction of the pixel that is covered
    depth: np.ndarray      # (H, W) float32 m along z, of the nearest sample; inf where empty
    ids: np.ndarray        # (H, W) int32, the triangle of the nearest sample, numbered as in face_ids; -1 where empty


def empty_rendering(shape: tuple[int, int]) -> Rendering:
    """An empty rendering of height x width."""
    return Rendering(np.zeros(shape + (3,), np.uint8), np.zeros(shape, np.float32), np.full(shape, np.inf, np.float32),
                     np.full(shape, -1, np.int32))


def paste(part: Rendering, corner: tuple[int, int], shape: tuple[int, int]) -> Rendering:
    """The rendering of height x width of which `part` is the piece whose top left pixel is `corner`, (x, y)."""
    if part.alpha.shape == shape:
        return part
    (x, y), whole = corner, empty_rendering(shape)
    for picture, piece in zip(whole, part):
        picture[y:y + piece.shape[0], x:x + piece.shape[1]] = piece
    return whole


def visible_points(points, depth: np.ndarray, intrinsics: Intrinsics, tolerance: float = 0.01) -> np.ndarray:
    """Which points of the camera frame are in the image and at most `tolerance` behind `depth`.

    points (..., 3) m, depth (H, W) m as from ids_and_depth -> (...) bool.
    """
    points = np.asarray(points, np.float64)
    pixels = intrinsics.project(points)
    shown = inside(pixels, intrinsics.width, intrinsics.height)
    x, y = np.moveaxis(np.rint(np.where(shown[..., None], pixels, 0)).astype(int), -1, 0)
    seen = depth[y, x]
    return shown & (points[..., 2] <= seen + tolerance)


def to_screen(points: np.ndarray, intrinsics: Intrinsics) -> np.ndarray:
    """(V, 3) float32 m -> (3, V) float32: x, y in pixels, 1/z; 1/z is 0 for vertices that cannot be drawn.

    Columns, here and in screen_box, because they are processed far faster than rows of three.
    """
    with np.errstate(invalid='ignore', over='ignore', divide='ignore'):
        x, y, z = np.ascontiguousarray(points.T)
        inverse = 1 / z
        good = (z > NEAR) & (z < np.inf)
        if any(intrinsics.distortion):
            x, y = intrinsics.project(points).T.astype(np.float32)
            good &= np.hypot(*(points[:, :2] * inverse[:, None]).T) < _max_ray_slope(intrinsics)
        else:
            x = x * inverse * np.float32(intrinsics.fx) + np.float32(intrinsics.cx)
            y = y * inverse * np.float32(intrinsics.fy) + np.float32(intrinsics.cy)
        good &= (np.abs(x) < 1e6) & (np.abs(y) < 1e6)
    screen = np.stack([x, y, inverse])
    if not good.all():
        screen[:, ~good] = 0
    return screen


def screen_box(screen: np.ndarray, intrinsics: Intrinsics) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 in whole pixels, ends exclusive: all pixels that may be covered, within the image."""
    drawn = screen[2] > 0
    columns = screen[:2] if drawn.all() else screen[:2, drawn]
    if not columns.size:
        return 0, 0, 0, 0
    size = (intrinsics.width, intrinsics.height)
    low = np.clip(np.floor(columns.min(1)), 0, size).astype(int)
    high = np.clip(np.ceil(columns.max(1)) + 1, 0, size).astype(int)
    return (*low.tolist(), *high.tolist()) if (low < high).all() else (0, 0, 0, 0)


def _max_ray_slope(intrinsics):
    """Maximum distance from the axis at which the lens model is used: polynomials fold back far outside the image."""
    w, h = intrinsics.width - 1, intrinsics.height - 1
    border = np.array([(x, y) for x in (0, w / 2, w) for y in (0, h / 2, h)])
    radius = np.linalg.norm(intrinsics.normalize(border), axis=1).max()
    return max(1.3 * radius, radius + 0.2) if np.isfinite(radius) else np.inf
