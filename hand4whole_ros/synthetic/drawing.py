"""A scene's picture, and the truth about it: looks, light, background, obstacles and the camera's faults."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np

from .. import skeleton
from ..geometry.camera import Intrinsics
from . import appearance, backdrops, lens, obstacles, wardrobe
from .figure import body_faces
from .people import body_rasterizer, hand_faces
from .scene import Scene, scene_rng
from .scene_truth import SceneTruth

#: Pictures up to so many pixels are drawn with four samples a pixel, larger ones with one.
_FINE = 140_000

_SHADOWS = 0.35         # part of the pictures in which the light casts shadows
_SHADOW_MAP = 160       # px


def draw_scene(scene: Scene, view: Intrinsics | None = None, vertices: bool = False) -> tuple[np.ndarray, SceneTruth]:
    """The picture, (H, W, 3) uint8 RGB, and the truth about it.

    view: the camera of a part of the picture (Scene.crop); what lies outside the picture is black. By default the
    whole picture. vertices: put them into the truth.
    """
    view = view or scene.intrinsics
    outfit = wardrobe.sample_outfit(scene_rng(scene.seed, 1))
    skin = scene.figure.skin(scene.joint_rotations, scene.joints, outfit.surface_offsets)
    rng = scene_rng(scene.seed, 2)
    light = _sample_diffuse_light(rng) if outfit.plain else _sample_light(rng)
    colors = outfit.colors
    if not outfit.plain and rng.random() < _SHADOWS:
        colors = colors * _shadow_factors(rng, skin, light)[:, None]
    fine = view.width * view.height <= _FINE
    (x, y), part = body_rasterizer().render_part(skin, view, colors, light, 2 if fine else 1)
    image = backdrops.sample_backdrop(scene_rng(scene.seed, 3), view.width, view.height)
    height, width = part.alpha.shape
    inside = np.s_[y:y + height, x:x + width]
    if part.alpha.size:
        image[inside] = cv2.blendLinear(part.rgb, np.ascontiguousarray(image[inside]), part.alpha, 1 - part.alpha)
    outside = _outside_mask(scene.intrinsics, view)
    covered = obstacles.draw_obstacles(scene_rng(scene.seed, 4), image, view, scene.joints, scene.hand_keypoints)
    covered = np.zeros(image.shape[:2], bool) if covered is None else covered
    image = lens.apply_camera_effects(scene_rng(scene.seed, 5), image)
    if outside is not None:
        image[outside] = 0
        covered = covered | outside
    depth = np.full(image.shape[:2], np.inf, np.float32)
    depth[inside] = part.depth
    seen = np.isfinite(depth) & ~covered
    ids = part.ids[seen[inside]]
    hands = np.array([_hand_visible_share(side, skin, ids, view) for side in skeleton.SIDES])
    return image, SceneTruth.of(scene, view, depth, covered, seen, hands, vertices)


def _sample_light(rng):
    light = appearance.sample_lighting(rng)
    if rng.random() < 0.3:      # hard light from one side, or flat light from everywhere
        strength = rng.choice([0.25, 1.6])
        sky, ground = (tuple(strength * c for c in colour) for colour in (light.sky, light.ground))
        light = replace(light, sky=sky, ground=ground)
    return light


def _sample_diffuse_light(rng):
    """Diffuse light alone, as in a viewer of meshes: from the camera or from above."""
    from ..rendering.rasterizer import Lighting
    direction = np.array([0.0, 0.0, -1.0]) + rng.normal(0, (0.4, 0.4, 0.0)) + np.array([0, -0.4, 0])
    fill, strength = rng.uniform(0.15, 0.6), rng.uniform(0.4, 0.95)
    return Lighting(key_direction=tuple(direction / np.linalg.norm(direction)), key=(strength,) * 3,
                    sky=(fill,) * 3, ground=(fill * rng.uniform(0.5, 1.0),) * 3, specular=0.0, rim=0.0)


def _shadow_factors(rng, vertices, light):
    """(V,) factors: darker where the body stands in its own light."""
    direction = np.array(light.key_direction)
    side = np.cross(direction, (0.3, 1.0, 0.2))
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(-direction, side), -direction])
    rows = np.ascontiguousarray(vertices)   # the mean's last bits, and with them a shadow's rim, hang on the order
    seen = (rows - rows.mean(0)) @ axes.T.astype(np.float32)
    reach = float(np.abs(seen[:, :2]).max()) * 1.02
    far = 40 * reach
    camera = Intrinsics.from_focal(_SHADOW_MAP, _SHADOW_MAP, _SHADOW_MAP * far / (2 * reach))
    seen[:, 2] += far
    visible = body_rasterizer().visible_vertices(seen, camera, 0.03)
    return (1 - rng.uniform(0.12, 0.4) * ~visible).astype(np.float32)


def _outside_mask(whole, view):
    """(H, W) bool: pixels of a crop that lie beyond the picture; None if none do."""
    if view is whole:
        return None
    ratio_x, ratio_y = view.fx / whole.fx, view.fy / whole.fy
    x0, y0 = view.cx - (whole.cx + 0.5) * ratio_x, view.cy - (whole.cy + 0.5) * ratio_y
    x1, y1 = x0 + whole.width * ratio_x, y0 + whole.height * ratio_y
    columns, rows = np.arange(view.width), np.arange(view.height)
    beyond = ((columns < x0) | (columns > x1))[None] | ((rows < y0) | (rows > y1))[:, None]
    return beyond if beyond.any() else None


@lru_cache(maxsize=2)
def _hand_rasterizer(side):
    """Rasterizer of one hand, its vertex ids, and which triangles of the body are its own."""
    from ..rendering.rasterizer import Rasterizer
    own = hand_faces(side)
    ids, triangles = np.unique(body_faces()[own], return_inverse=True)
    return Rasterizer(triangles.reshape(-1, 3)), ids, own


def _hand_visible_share(side, skin, ids, view):
    """How much of a hand is seen: its pixels over those of the hand alone, the part outside the picture included."""
    alone, vertices, own = _hand_rasterizer(side)
    seen = own[ids].sum()
    points = skin[vertices]
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
