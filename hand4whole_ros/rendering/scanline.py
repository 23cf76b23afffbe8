"""Triangles to pixels in numpy, for display: the overlay of a node, a simulated robot hand.

The same rules as `rasterizer`, which draws the people that networks are trained and measured on: pixel centres at
integer coordinates, edges belong to a triangle, perspective in depth and colours, the nearest is visible. Here light is
computed at the vertices, and a pixel's colour is that of its nearest sample.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from ..geometry.camera import Intrinsics
from .screen import DEFAULT_LIGHTING, Lighting, Rendering, empty_rendering, paste, screen_box, to_screen

#: Maximum number of samples of the drawn box; supersampling is lowered to stay below.
_MAX_SAMPLES = 1_500_000

_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)


class ScanlineRenderer:
    """Draws meshes of one set of triangles.

    faces: (F, 3) vertex indices, counter-clockwise seen from outside. cull: leave out triangles seen from behind;
    without it their normals are flipped to the viewer.
    """

    def __init__(self, faces: np.ndarray, cull: bool = True):
        self._faces = np.ascontiguousarray(faces, np.int64)
        self._cull = cull
        corners = self._faces.ravel()
        count = self._num_vertices = int(corners.max()) + 1 if corners.size else 0
        # (V, F): each vertex and the triangles that contain it.
        self._around = csr_matrix((np.ones(corners.size, np.float32), (corners, np.arange(corners.size) // 3)),
                                  shape=(count, len(self._faces)))

    def render(self, vertices: np.ndarray, intrinsics: Intrinsics, colors: np.ndarray, *,
               lighting: Lighting = DEFAULT_LIGHTING, supersample: int = 2) -> Rendering:
        """Shaded image, intrinsics.height x intrinsics.width; arguments as Rasterizer.render."""
        corner, part = self.render_part(vertices, intrinsics, colors, lighting=lighting, supersample=supersample)
        return paste(part, corner, (intrinsics.height, intrinsics.width))

    def render_part(self, vertices: np.ndarray, intrinsics: Intrinsics, colors: np.ndarray, *,
                    lighting: Lighting = DEFAULT_LIGHTING, supersample: int = 2) -> tuple[tuple[int, int], Rendering]:
        """As render, only the box that contains everything drawn: its top left pixel (x, y), and the image."""
        vertices = np.asarray(vertices, np.float32).reshape(-1, *np.shape(vertices)[-2:])
        colors = np.broadcast_to(np.asarray(colors, np.float32), vertices.shape).reshape(-1, 3)
        points = vertices.reshape(-1, 3)
        screen = to_screen(points, intrinsics)
        x0, y0, x1, y1 = screen_box(screen, intrinsics)
        height, width = y1 - y0, x1 - x0
        factor = max(1, min(int(supersample), int((_MAX_SAMPLES / max(height * width, 1)) ** 0.5)))
        for column, start in ((screen[0], x0), (screen[1], y0)):
            column[:] = (column.astype(np.float64) - (start - 0.5)) * factor - 0.5
        numbers = np.arange(len(vertices))[:, None, None] * vertices.shape[1]
        faces = (self._faces + numbers).reshape(-1, 3)
        keys = self._nearest(screen, faces, height * factor, width * factor)
        part = empty_rendering((height, width))
        if not keys.size:
            return (x0, y0), part
        # The number of covered samples of a pixel, and the nearest of them.
        found, chosen, count = keys[::factor, ::factor].copy(), np.zeros((height, width), np.int64), 0
        for number in range(factor ** 2):
            sample = keys[number // factor::factor, number % factor::factor]
            chosen[sample < found] = number
            np.minimum(found, sample, out=found)
            count = count + (sample != _EMPTY)
        np.divide(count, factor ** 2, out=part.alpha, casting='unsafe')
        covered = part.alpha > 0
        found, chosen = found[covered], chosen[covered]
        part.ids[covered] = (found & np.uint64(0xFFFFFFFF)).astype(np.int32)
        part.depth[covered] = (found >> np.uint64(32)).astype(np.uint32).view(np.float32)
        y, x = np.nonzero(covered)
        place = (x * factor + chosen % factor).astype(np.float32), (y * factor + chosen // factor).astype(np.float32)
        light = self._light_vertices(vertices, colors, lighting)
        value = _interpolate(light, screen, faces[part.ids[covered]], place)
        part.rgb[covered] = (255 * np.sqrt(np.clip(value, 0, 1)) + 0.5).astype(np.uint8)
        return (x0, y0), part

    def _nearest(self, screen, faces, height, width):
        """(height, width) uint64: depth and triangle of every sample, as one number that grows with depth."""
        keys = np.full(height * width, _EMPTY)
        x, y, inverse = (column[np.ascontiguousarray(faces.T)] for column in screen)    # (3, F) each
        area = (x[1] - x[0]) * (y[2] - y[0]) - (y[1] - y[0]) * (x[2] - x[0])
        drawn = (inverse > 0).all(0) & ((area < 0) if self._cull else (area != 0))  # y points down
        drawn &= (x.max(0) >= 0) & (x.min(0) <= width - 1) & (y.max(0) >= 0) & (y.min(0) <= height - 1)
        numbers = np.flatnonzero(drawn)
        x, y, inverse, area = (values[..., numbers].astype(np.float64) for values in (x, y, inverse, area))
        # 1 / z is linear over the screen.
        slope_x = ((inverse[1] - inverse[0]) * (y[2] - y[0])
                   - (inverse[2] - inverse[0]) * (y[1] - y[0])) / area
        slope_y = ((inverse[2] - inverse[0]) * (x[1] - x[0])
                   - (inverse[1] - inverse[0]) * (x[2] - x[0])) / area
        base = inverse[0] - slope_x * x[0] - slope_y * y[0]
        first = np.maximum(np.ceil(y.min(0)), 0)
        row, at_y = _spread(first, np.minimum(np.floor(y.max(0)), height - 1))
        left, right = np.full(len(row), np.inf), np.full(len(row), -np.inf)
        for one, other in ((0, 1), (1, 2), (2, 0)):
            begin, end = y[one][row], y[other][row]
            crossed = (np.minimum(begin, end) <= at_y) & (at_y <= np.maximum(begin, end)) & (begin != end)
            share = np.divide(at_y - begin, end - begin, out=np.zeros_like(at_y), where=crossed)
            at_x = x[one][row] + share * (x[other] - x[one])[row]
            np.minimum(left, at_x, out=left, where=crossed)
            np.maximum(right, at_x, out=right, where=crossed)
        sample, at_x = _spread(np.maximum(np.ceil(left), 0), np.minimum(np.floor(right), width - 1))
        row, at_y = row[sample], at_y[sample]
        depth = (1 / (base[row] + slope_x[row] * at_x + slope_y[row] * at_y)).astype(np.float32)
        # The bits of a positive float are ordered as the float is: nearest first, then by index.
        key = (depth.view(np.uint32).astype(np.uint64) << np.uint64(32)) | numbers[row].astype(np.uint64)
        good = depth > 0        # the slope of a triangle that is nearly a line is undefined
        np.minimum.at(keys, (at_y * width + at_x).astype(np.int64)[good], key[good])
        return keys.reshape(height, width)

    def _light_vertices(self, vertices, colors, lighting):
        """(N V, 3) linear colours: albedo under the lights, towards the camera."""
        corners = vertices[:, self._faces]
        normals = np.zeros_like(vertices)
        across = _cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0])
        for normal, around in zip(normals, across):
            normal[:self._num_vertices] = self._around @ around
        normals, points = _unit(normals.reshape(-1, 3)), vertices.reshape(-1, 3)
        view = _unit(-points)
        facing = (normals * view).sum(1, keepdims=True)
        if not self._cull:
            normals, facing = np.where(facing < 0, -normals, normals), np.abs(facing)
        key, up = (_unit(np.float32(direction)) for direction in (lighting.key_direction, lighting.up))
        lit = np.maximum(normals @ key, 0)[:, None]
        blend = (0.5 + 0.5 * (normals @ up))[:, None]
        light = blend * np.float32(lighting.sky) + (1 - blend) * np.float32(lighting.ground)
        light += lit * np.float32(lighting.key)
        half = np.maximum((normals * _unit(view + key)).sum(1, keepdims=True), 0)
        glint = np.where(half > 0.6, half ** np.float32(lighting.shininess), 0) * lit
        grazing = 1 - np.maximum(facing, 0)
        return (colors ** 2 * light + lighting.specular * glint * np.float32(lighting.key)
                + lighting.rim * grazing ** 3 * np.float32(lighting.sky))


def _spread(first, last):
    """Concatenated ranges of whole numbers from `first` to `last`: (index of the range, number), float64."""
    count = np.maximum(last - first + 1, 0).astype(np.int64)
    row = np.repeat(np.arange(len(count)), count)
    return row, first[row] + (np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count))


def _interpolate(values, screen, corners, place):
    """(N, 3) of values (V, 3) at points (x, y) on triangles (N, 3), with perspective."""
    one, other, third = corners.T
    parts = []
    x, y = ([column[corner] - at for corner in (one, other, third)] for column, at in zip(screen, place))
    for k, corner in enumerate((one, other, third)):
        after, before = (k + 1) % 3, (k + 2) % 3
        parts.append((x[after] * y[before] - y[after] * x[before]) * screen[2][corner])
    total = parts[0] + parts[1] + parts[2]
    return sum(values[corner] * (part / total)[:, None] for corner, part in zip((one, other, third), parts))


def _cross(one, other):
    """np.cross, several times as fast."""
    (a, b, c), (d, e, f) = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    return np.stack([b * f - c * e, c * d - a * f, a * e - b * d], axis=-1)


def _unit(vectors):
    """Rows scaled to length one; zero rows stay zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-30).astype(np.float32)
