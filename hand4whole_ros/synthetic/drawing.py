"""A scene's image, and the truth about it.

People for training have any clothes, light, background and obstacles, and cameras of any quality. People with an
appearance of their own (Scene.appearance), for evaluation, are in a studio: one textured background, one light, a
little noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..geometry.camera import Intrinsics
from . import appearance, backdrops, backgrounds, lens, obstacles, wardrobe
from .scene import Scene, scene_rng
from .truth import PersonTruth
from .visibility import body_rasterizer, hand_visibility

if TYPE_CHECKING:
    from ..rendering.rasterizer import Lighting, Rendering

#: Images up to so many pixels are drawn with four samples a pixel, larger ones with one; those of a studio with four.
_FINE = 140_000

_SHADOWS = 0.35         # share of the images in which the light casts shadows
_SHADOW_MAP = 160       # px


@dataclass(frozen=True, eq=False)
class Studio:
    """Surroundings of a person for evaluation, of one camera."""

    colors: np.ndarray          # (V, 3) float32 sRGB from 0 to 1, of anny's vertices
    light: Lighting
    background: np.ndarray      # (H, W, 3) uint8 RGB
    noise: np.ndarray | None    # (H, W, 3) of the sensor, added to the image

    @classmethod
    def of(cls, scene: Scene, view: Intrinsics) -> Studio:
        """That of a scene with an appearance: everything follows from its seed."""
        assert scene.appearance is not None
        rng = np.random.default_rng((scene.seed, 1))
        light = appearance.sample_lighting(rng)
        background = backgrounds.draw_background(rng, view.width, view.height)
        return cls(scene.appearance.colors(), light, background, rng.normal(0, rng.uniform(0.5, 3.0), background.shape))

    def draw(self, vertices: np.ndarray, view: Intrinsics) -> Drawing:
        """A person of these vertices (V, 3) float32 m."""
        corner, part = body_rasterizer().render_part(vertices, view, self.colors, lighting=self.light)
        inside = _part_slices(corner, part)
        shown = composite(part, self.background[inside])
        if self.noise is None:
            image = self.background.copy()
            image[inside] = shown
        else:
            whole = self.background.astype(np.float32)
            whole[inside] = shown
            image = np.clip(whole + self.noise, 0, 255).astype(np.uint8)
        return Drawing(image, vertices, corner, part, np.zeros(image.shape[:2], bool))


@dataclass(frozen=True, eq=False)
class Drawing:
    """An image, and the person's place in it."""

    image: np.ndarray               # (H, W, 3) uint8 RGB
    vertices: np.ndarray            # (V, 3) float32 m, of what was drawn, cloth and hair included
    corner: tuple[int, int]         # pixel x, y where the part with the person begins
    part: Rendering
    covered: np.ndarray             # (H, W) bool: something is in front of the person, or outside the image


def draw_scene(scene: Scene, view: Intrinsics | None = None, vertices: bool = False) -> tuple[np.ndarray, PersonTruth]:
    """The image, (H, W, 3) uint8 RGB, and the truth about it.

    view: the camera of a part of the image (Scene.crop); what is outside the image is black. By default the
    whole image. vertices: include them in the truth.
    """
    view = view or scene.intrinsics
    drawing = Studio.of(scene, view).draw(scene.vertices, view) if scene.appearance is not None else \
        _draw_anywhere(scene, view)
    outside = _outside_mask(scene.intrinsics, view)
    if outside is not None:
        drawing.image[outside] = 0
        drawing.covered[outside] = True
    inside = _part_slices(drawing.corner, drawing.part)
    depth = np.full(drawing.covered.shape, np.inf, np.float32)
    depth[inside] = drawing.part.depth
    seen = np.isfinite(depth) & ~drawing.covered
    hands = hand_visibility(drawing.vertices, drawing.part.ids[seen[inside]], view)
    return drawing.image, PersonTruth.of(scene, view, depth, covered=drawing.covered, seen=seen, hand_visibility=hands,
                                         vertices=scene.vertices if vertices else None)


def undrawn_truth(scene: Scene) -> PersonTruth:
    """The truth that draw_scene returns for a person in a studio, with the vertices, without the image."""
    ids, depth = body_rasterizer().ids_and_depth(scene.vertices, scene.intrinsics)
    seen = ids >= 0
    return PersonTruth.of(scene, scene.intrinsics, depth, covered=np.zeros(ids.shape, bool), seen=seen,
                          hand_visibility=hand_visibility(scene.vertices, ids[seen], scene.intrinsics),
                          vertices=scene.vertices)


def composite(drawn, background: np.ndarray) -> np.ndarray:
    """A rendering composited over a background of its size, (H, W, 3) float32, 0 to 255."""
    alpha = drawn.alpha[..., None]
    return drawn.rgb * alpha + background * (1 - alpha)


def _part_slices(corner, part):
    """Position of a part in its image."""
    (x, y), (height, width) = corner, part.alpha.shape
    return np.s_[y:y + height, x:x + width]


def _draw_anywhere(scene, view):
    outfit = wardrobe.sample_outfit(scene_rng(scene.seed, 1))
    skin = scene.figure.skin(scene.joint_rotations, scene.joints, outfit.surface_offsets)
    rng = scene_rng(scene.seed, 2)
    light = _sample_diffuse_light(rng) if outfit.plain else _sample_light(rng)
    colors = outfit.colors
    if not outfit.plain and rng.random() < _SHADOWS:
        colors = colors * _shadow_factors(rng, skin, light)[:, None]
    fine = view.width * view.height <= _FINE
    corner, part = body_rasterizer().render_part(skin, view, colors, lighting=light, supersample=2 if fine else 1)
    image = backdrops.sample_backdrop(scene_rng(scene.seed, 3), view.width, view.height)
    inside = _part_slices(corner, part)
    if part.alpha.size:
        image[inside] = cv2.blendLinear(part.rgb, np.ascontiguousarray(image[inside]), part.alpha, 1 - part.alpha)
    covered = obstacles.draw_obstacles(scene_rng(scene.seed, 4), image, view, joints=scene.joints,
                                       hands=scene.hand_keypoints)
    covered = np.zeros(image.shape[:2], bool) if covered is None else covered
    return Drawing(lens.apply_camera_effects(scene_rng(scene.seed, 5), image), skin, corner, part, covered)


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
    """(V,) factors: darker where the body shadows itself."""
    direction = np.array(light.key_direction)
    side = np.cross(direction, (0.3, 1.0, 0.2))
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(-direction, side), -direction])
    rows = np.ascontiguousarray(vertices)   # the order affects the mean's last bits, and with them a shadow's rim
    seen = (rows - rows.mean(0)) @ axes.T.astype(np.float32)
    reach = float(np.abs(seen[:, :2]).max()) * 1.02
    far = 40 * reach
    camera = Intrinsics.from_focal(_SHADOW_MAP, _SHADOW_MAP, _SHADOW_MAP * far / (2 * reach))
    seen[:, 2] += far
    visible = body_rasterizer().visible_vertices(seen, camera, 0.03)
    return (1 - rng.uniform(0.12, 0.4) * ~visible).astype(np.float32)


def _outside_mask(whole, view):
    """(H, W) bool: pixels of a crop that are outside the image; None if there are none."""
    if view is whole:
        return None
    ratio_x, ratio_y = view.fx / whole.fx, view.fy / whole.fy
    x0, y0 = view.cx - (whole.cx + 0.5) * ratio_x, view.cy - (whole.cy + 0.5) * ratio_y
    x1, y1 = x0 + whole.width * ratio_x, y0 + whole.height * ratio_y
    columns, rows = np.arange(view.width), np.arange(view.height)
    beyond = ((columns < x0) | (columns > x1))[None] | ((rows < y0) | (rows > y1))[:, None]
    return beyond if beyond.any() else None
