"""Triangles to pixels: a z-buffer rasteriser and its shading, as warp kernels. It draws the people of synthetic/.

Runs on the CPU without OpenGL, and on CUDA by the `device` argument. Pixel centres are at integer
coordinates; a pixel belongs to a triangle if its centre lies in it, edges included. Depth and attributes
are interpolated with perspective. Of two equally near triangles the first one in the list is visible, so that
an image depends on its inputs alone.

Annotations are not postponed in this file: warp reads them.
"""

from typing import NamedTuple

import numpy as np

from ..geometry.camera import Intrinsics
from ..system.requirements import missing_synthetic
from .screen import (
    DEFAULT_LIGHTING,
    MAX_SAMPLES,
    Lighting,
    Rendering,
    empty_rendering,
    paste,
    screen_box,
    to_screen,
    visible_points,
)

try:
    import warp as wp
except ModuleNotFoundError as error:
    raise missing_synthetic(error) from None

# No banner on the caller's standard output, and no warning about a GPU that was not requested.
if hasattr(wp.config, 'log_level'):
    wp.config.log_level = wp.LOG_ERROR
else:
    wp.config.quiet = True  # warp before 1.13

_EMPTY = wp.constant(wp.uint64(0xFFFFFFFFFFFFFFFF))


class Rasterizer:
    """Draws meshes of one set of triangles.

    faces: (F, 3) vertex indices, counter-clockwise seen from outside.
    cull: leave out triangles seen from behind; without it their normals are flipped to the viewer.
    The first use on a machine compiles the kernels, some seconds. One thread at a time may draw.
    """

    def __init__(self, faces, device: str = 'cpu', cull: bool = True):
        faces = np.ascontiguousarray(faces, dtype=np.int32)
        if faces.ndim != 2 or faces.shape[1] != 3:
            raise ValueError(f'faces must be (F, 3) vertex indices, found shape {faces.shape}')
        if faces.size and faces.min() < 0:
            raise ValueError(f'faces must not hold negative vertex indices, found {faces.min()}')
        wp.load_module(__name__, device=device)
        self.device = device
        self.cull = cull
        self.num_faces = len(faces)
        self._needs_vertices = int(faces.max()) + 1 if faces.size else 0
        self._faces = wp.array(faces, dtype=wp.int32, ndim=2, device=device)
        self._buffer = None

    def render(self, vertices, intrinsics: Intrinsics, colors, *, lighting: Lighting = DEFAULT_LIGHTING,
               supersample: int = 2) -> Rendering:
        """Shaded image, intrinsics.height x intrinsics.width.

        vertices: (V, 3) or, for several bodies in one z-buffer, (N, V, 3); metres, camera optical frame.
        colors: (V, 3) or (N, V, 3), sRGB from 0 to 1.
        supersample: samples a pixel along each side.
        """
        corner, part = self.render_part(vertices, intrinsics, colors, lighting=lighting, supersample=supersample)
        return paste(part, corner, (intrinsics.height, intrinsics.width))

    def render_part(self, vertices, intrinsics: Intrinsics, colors, *, lighting: Lighting = DEFAULT_LIGHTING,
                    supersample: int = 2) -> tuple[tuple[int, int], Rendering]:
        """As render, only the box that contains everything drawn: its top left pixel (x, y), and the image.

        The box may be empty, 0 x 0.
        """
        vertices = self._check_vertices(vertices)
        colors = np.broadcast_to(np.asarray(colors, np.float32), vertices.shape).reshape(-1, 3)
        view = self._rasterize(vertices, intrinsics, max(1, int(supersample)))
        shape = (view.keys.shape[0] // view.factor, view.keys.shape[1] // view.factor)
        part = empty_rendering(shape)
        outputs = [wp.array(array, device=self.device, copy=False) for array in part]
        points = self._vectors(view.points)
        normals = wp.zeros(len(points), dtype=wp.vec3, device=self.device)
        wp.launch(_add_face_normals, dim=(len(vertices), self.num_faces), device=self.device,
                  inputs=[points, self._faces, vertices.shape[1], normals])
        wp.launch(_normalize, dim=len(normals), inputs=[normals], device=self.device)
        wp.launch(_shade, dim=shape, device=self.device, inputs=[
            view.keys, view.screen, self._faces, self.num_faces, vertices.shape[1], points, normals,
            self._vectors(colors), view.factor,
            2.0 / intrinsics.fx,
            wp.normalize(wp.vec3(*lighting.key_direction)), wp.vec3(*lighting.key),
            wp.normalize(wp.vec3(*lighting.up)), wp.vec3(*lighting.sky), wp.vec3(*lighting.ground),
            lighting.specular, lighting.shininess, lighting.rim, *outputs])
        return view.corner, Rendering(*(array.numpy() for array in outputs))

    def face_ids(self, vertices, intrinsics: Intrinsics) -> np.ndarray:
        """(H, W) int32: the visible triangle at each pixel's centre, -1 where empty.

        With (N, V, 3) vertices the triangles of body n are numbered from n * F.
        """
        return self.ids_and_depth(vertices, intrinsics)[0]

    def ids_and_depth(self, vertices, intrinsics: Intrinsics) -> tuple[np.ndarray, np.ndarray]:
        """face_ids, and (H, W) float32 metres along z at the same pixel centres, inf where empty."""
        view = self._rasterize(self._check_vertices(vertices), intrinsics, 1)
        ids = np.full((intrinsics.height, intrinsics.width), -1, np.int32)
        depth = np.full(ids.shape, np.inf, np.float32)
        part_ids = wp.empty(view.keys.shape, dtype=wp.int32, device=self.device)
        part_depth = wp.empty(view.keys.shape, dtype=wp.float32, device=self.device)
        wp.launch(_unpack, dim=view.keys.shape, inputs=[view.keys, part_ids, part_depth], device=self.device)
        (x, y), (height, width) = view.corner, view.keys.shape
        ids[y:y + height, x:x + width] = part_ids.numpy()
        depth[y:y + height, x:x + width] = part_depth.numpy()
        return ids, depth

    def coverage(self, vertices, intrinsics: Intrinsics) -> int:
        """Number of covered pixels: those of face_ids that are not empty, without computing that image."""
        keys = self._rasterize(self._check_vertices(vertices), intrinsics, 1).keys.numpy()
        return int(np.count_nonzero(keys != np.uint64(_EMPTY)))

    def visible_vertices(self, vertices, intrinsics: Intrinsics, tolerance: float = 0.01) -> np.ndarray:
        """(V,) or (N, V) bool: inside the image and at most `tolerance` metres behind the visible surface."""
        _, depth = self.ids_and_depth(vertices, intrinsics)
        return visible_points(vertices, depth, intrinsics, tolerance)

    def _check_vertices(self, vertices):
        vertices = np.asarray(vertices, np.float32)
        if vertices.ndim == 2:
            vertices = vertices[None]
        if vertices.ndim != 3 or vertices.shape[2] != 3 or vertices.shape[1] < self._needs_vertices:
            raise ValueError(f'vertices must be (V, 3) or (N, V, 3) with V >= {self._needs_vertices} for '
                             f'these faces, found shape {vertices.shape}')
        return vertices

    def _vectors(self, rows):
        return wp.array(np.ascontiguousarray(rows), dtype=wp.vec3, device=self.device, copy=False)

    def _rasterize(self, vertices, intrinsics, factor):
        points = vertices.reshape(-1, 3)
        screen = to_screen(points, intrinsics)
        x0, y0, x1, y1 = screen_box(screen, intrinsics)
        height, width = y1 - y0, x1 - x0
        factor = max(1, min(factor, int((MAX_SAMPLES / max(height * width, 1)) ** 0.5)))
        for column, start in ((screen[0], x0), (screen[1], y0)):
            column[:] = (column.astype(np.float64) - (start - 0.5)) * factor - 0.5
        samples = height * width * factor * factor
        if self._buffer is None or self._buffer.size < samples:
            self._buffer = wp.empty(samples, dtype=wp.uint64, device=self.device)
        keys = wp.array(ptr=self._buffer.ptr, shape=(height * factor, width * factor), dtype=wp.uint64,
                        device=self.device)
        keys.fill_(_EMPTY)
        view = _RasterBuffers((x0, y0), factor, points, self._vectors(screen.T), keys)
        wp.launch(_draw, dim=(len(vertices), self.num_faces), device=self.device,
                  inputs=[view.screen, self._faces, vertices.shape[1], self.cull, keys])
        return view


class _RasterBuffers(NamedTuple):
    corner: tuple[int, int]   # top left pixel of the box that contains everything drawn
    factor: int               # samples a pixel along each side
    points: np.ndarray        # (N * V, 3) float32 m, camera frame
    screen: wp.array          # x, y in samples of the box, 1/z; 1/z is 0 for vertices that cannot be drawn
    keys: wp.array            # nearest depth and triangle of every sample


@wp.func
def _edge(a: wp.vec3, b: wp.vec3, x: float, y: float):
    return (a[0] - x) * (b[1] - y) - (a[1] - y) * (b[0] - x)


@wp.kernel(enable_backward=False)
def _draw(screen: wp.array(dtype=wp.vec3), faces: wp.array2d(dtype=wp.int32), num_vertices: int, cull: bool,
          keys: wp.array2d(dtype=wp.uint64)):
    body, face = wp.tid()
    offset = body * num_vertices
    a = screen[offset + faces[face, 0]]
    b = screen[offset + faces[face, 1]]
    c = screen[offset + faces[face, 2]]
    if a[2] <= 0.0 or b[2] <= 0.0 or c[2] <= 0.0:
        return
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    if area == 0.0 or (cull and area > 0.0):  # y points down: outer faces are clockwise on the screen
        return
    x0 = int(wp.ceil(wp.max(wp.min(a[0], wp.min(b[0], c[0])), 0.0)))
    x1 = int(wp.floor(wp.min(wp.max(a[0], wp.max(b[0], c[0])), float(keys.shape[1] - 1))))
    y0 = int(wp.ceil(wp.max(wp.min(a[1], wp.min(b[1], c[1])), 0.0)))
    y1 = int(wp.floor(wp.min(wp.max(a[1], wp.max(b[1], c[1])), float(keys.shape[0] - 1))))
    index = wp.uint64(body * faces.shape[0] + face)
    for y in range(y0, y1 + 1):
        entered = bool(False)
        for x in range(x0, x1 + 1):
            u = _edge(b, c, float(x), float(y))
            v = _edge(c, a, float(x), float(y))
            w = _edge(a, b, float(x), float(y))
            if u * area >= 0.0 and v * area >= 0.0 and w * area >= 0.0:
                entered = True
                u = u / area
                v = v / area
                w = w / area
                z = (u + v + w) / (u * a[2] + v * b[2] + w * c[2])
                # The bits of a positive float are ordered as the float is: nearest first, then by index.
                wp.atomic_min(keys, y, x, (wp.uint64(wp.cast(z, wp.uint32)) << wp.uint64(32)) | index)
            elif entered:   # a triangle is convex: the rest of this row is outside
                break


@wp.kernel(enable_backward=False)
def _unpack(keys: wp.array2d(dtype=wp.uint64), ids: wp.array2d(dtype=wp.int32),
            depth: wp.array2d(dtype=wp.float32)):
    y, x = wp.tid()
    key = keys[y, x]
    if key == _EMPTY:
        ids[y, x] = -1
        depth[y, x] = wp.inf
    else:
        ids[y, x] = int(key & wp.uint64(0xFFFFFFFF))
        depth[y, x] = wp.cast(wp.uint32(key >> wp.uint64(32)), wp.float32)


@wp.kernel(enable_backward=False)
def _add_face_normals(points: wp.array(dtype=wp.vec3), faces: wp.array2d(dtype=wp.int32), num_vertices: int,
                      normals: wp.array(dtype=wp.vec3)):
    body, face = wp.tid()
    offset = body * num_vertices
    i = offset + faces[face, 0]
    j = offset + faces[face, 1]
    k = offset + faces[face, 2]
    normal = wp.cross(points[j] - points[i], points[k] - points[i])
    wp.atomic_add(normals, i, normal)
    wp.atomic_add(normals, j, normal)
    wp.atomic_add(normals, k, normal)


@wp.kernel(enable_backward=False)
def _normalize(vectors: wp.array(dtype=wp.vec3)):
    i = wp.tid()
    vectors[i] = wp.normalize(vectors[i])


@wp.kernel(enable_backward=False)
def _shade(keys: wp.array2d(dtype=wp.uint64), screen: wp.array(dtype=wp.vec3),
           faces: wp.array2d(dtype=wp.int32), num_faces: int, num_vertices: int,
           points: wp.array(dtype=wp.vec3), normals: wp.array(dtype=wp.vec3),
           colors: wp.array(dtype=wp.vec3), factor: int, smooth: float,
           key_direction: wp.vec3, key_color: wp.vec3, up: wp.vec3, sky: wp.vec3,
           ground: wp.vec3, specular: float, shininess: float, rim: float,
           rgb: wp.array3d(dtype=wp.uint8), alpha: wp.array2d(dtype=wp.float32),
           depth: wp.array2d(dtype=wp.float32), ids: wp.array2d(dtype=wp.int32)):
    y, x = wp.tid()
    covered = int(0)
    first = _EMPTY
    last = wp.uint64(0)
    for sy in range(y * factor, (y + 1) * factor):
        for sx in range(x * factor, (x + 1) * factor):
            sample = keys[sy, sx]
            if sample != _EMPTY:
                covered += 1
                first = wp.min(first, sample)
                last = wp.max(last, sample)
    if covered == 0:
        return
    nearest = wp.cast(wp.uint32(first >> wp.uint64(32)), wp.float32)
    farthest = wp.cast(wp.uint32(last >> wp.uint64(32)), wp.float32)
    # A pixel full of one smooth surface is shaded once, others at every sample.
    wanted = covered
    if covered == factor * factor and farthest - nearest < smooth * nearest:
        wanted = int(1)
    total = wp.vec3(0.0, 0.0, 0.0)
    shaded = int(0)
    for sy in range(y * factor, (y + 1) * factor):
        for sx in range(x * factor, (x + 1) * factor):
            sample = keys[sy, sx]
            if sample != _EMPTY and shaded < wanted:
                shaded += 1
                index = int(sample & wp.uint64(0xFFFFFFFF))
                face = index % num_faces
                offset = (index // num_faces) * num_vertices
                i = offset + faces[face, 0]
                j = offset + faces[face, 1]
                k = offset + faces[face, 2]
                a = screen[i]
                b = screen[j]
                c = screen[k]
                # The area's sign and size cancel in the perspective-correct weights.
                u = _edge(b, c, float(sx), float(sy)) * a[2]
                v = _edge(c, a, float(sx), float(sy)) * b[2]
                w = _edge(a, b, float(sx), float(sy)) * c[2]
                scale = 1.0 / (u + v + w)
                u = u * scale
                v = v * scale
                w = w * scale
                albedo = u * colors[i] + v * colors[j] + w * colors[k]
                albedo = wp.cw_mul(albedo, albedo)  # gamma 2 for sRGB: cheap and close
                view = wp.normalize(-(u * points[i] + v * points[j] + w * points[k]))
                normal = wp.normalize(u * normals[i] + v * normals[j] + w * normals[k])
                facing = wp.dot(normal, view)
                if scale > 0.0:  # seen from behind
                    normal = -normal
                    facing = -facing
                lit = wp.max(wp.dot(normal, key_direction), 0.0)
                blend = 0.5 + 0.5 * wp.dot(normal, up)
                light = blend * sky + (1.0 - blend) * ground + lit * key_color
                glint = float(0.0)
                half = wp.dot(normal, wp.normalize(view + key_direction))
                if lit > 0.0 and half > 0.6:
                    glint = wp.pow(half, shininess)
                grazing = 1.0 - wp.max(facing, 0.0)
                total += (wp.cw_mul(albedo, light) + (specular * glint * lit) * key_color
                          + (rim * grazing * grazing * grazing) * sky)
    depth[y, x] = nearest
    ids[y, x] = int(first & wp.uint64(0xFFFFFFFF))
    alpha[y, x] = float(covered) / float(factor * factor)
    for channel in range(3):
        value = wp.sqrt(wp.clamp(total[channel] / float(shaded), 0.0, 1.0))
        rgb[y, x, channel] = wp.uint8(int(255.0 * value + 0.5))
