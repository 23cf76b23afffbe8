"""The overlay: estimated people drawn over the camera image as shaded mesh, skeleton and label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from .. import skeleton
from ..estimate import LooseHandEstimate, WholeBodyEstimate
from ..geometry.camera import Intrinsics
from .scanline import ScanlineRenderer
from .screen import Lighting
from .skeleton_drawing import draw_label, draw_loose_hand, draw_skeleton

if TYPE_CHECKING:
    from ..body.model import BodyModel

#: sRGB of the skin, by track id in turn.
BODY_COLORS = ((0.66, 0.74, 0.84), (0.76, 0.82, 0.68), (0.84, 0.75, 0.68), (0.78, 0.71, 0.84))

#: sRGB of the person's own left and right hand, if detected.
HAND_COLORS = {'left': (0.99, 0.63, 0.26), 'right': (0.27, 0.80, 0.66)}

#: sRGB of a hand that was not observed.
LOST_COLOR = (0.50, 0.50, 0.52)

#: A larger image's mesh is drawn at a whole fraction of its size and enlarged.
MAX_PIXELS = 2_500_000

_OUTLINE_METRES = 0.04    # a step in depth that is drawn as an edge
_OUTLINE_STRENGTH = 0.5
_BONES_OPACITY = 0.7       # over a mesh


class Overlay:
    """Draws people of one body model. `opacity` is the mesh's, 0 to 1.

    The parts can be disabled separately: mesh, joints and bones, labels. One thread at a time may draw.
    """

    def __init__(self, body: BodyModel, opacity: float = 0.85, mesh: bool = True, bones: bool = True,
                 *, labels: bool = True):
        if not 0 <= opacity <= 1:
            raise ValueError(f'opacity must be between 0 and 1, found {opacity}')
        self.body, self.opacity = body, opacity
        self.mesh, self.bones, self.labels = mesh, bones, labels
        self.lighting = Lighting()
        self._renderer = ScanlineRenderer(body.faces) if mesh else None
        self._palettes = {}

    def draw(self, image: np.ndarray, estimates: list[WholeBodyEstimate],
             intrinsics: Intrinsics, loose_hands: Sequence[LooseHandEstimate] = ()) -> np.ndarray:
        """A new image: `image`, (H, W, 3) uint8 RGB, with the estimates over it, the nearest in front.

        intrinsics: the camera of this image. loose_hands: hands without a person, drawn over everything. An estimate
        with NaN, infinity or a body behind the camera is left out. Raises ValueError if image and intrinsics differ.
        """
        image = np.asarray(image)
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f'the image must be (height, width, 3) uint8, found {image.shape} {image.dtype}')
        if image.shape[:2] != (intrinsics.height, intrinsics.width):
            raise ValueError(f'the image is {image.shape[1]} x {image.shape[0]}, its camera '
                             f'{intrinsics.width} x {intrinsics.height}')
        picture = np.array(image, order='C')
        people = sorted((e for e in estimates if e.is_finite()), key=lambda e: -float(e.joints[0, 2]))
        if self.mesh and people:
            self._draw_meshes(picture, people, intrinsics)
        if self.bones:
            layer = picture.copy() if self.mesh else picture
            for person in people:
                draw_skeleton(layer, person, intrinsics)
            if self.mesh:
                cv2.addWeighted(layer, _BONES_OPACITY, picture, 1 - _BONES_OPACITY, 0, dst=picture)
        if self.labels:
            for person in people:
                draw_label(picture, person, intrinsics)
        for hand in loose_hands:
            draw_loose_hand(picture, hand, intrinsics)
        return picture

    def _draw_meshes(self, picture, people, intrinsics):
        """Blend every mesh into `picture`, with soft dark edges where depth jumps."""
        vertices = np.stack([self._vertices(person) for person in people])
        colors = np.stack([self._colors(person) for person in people])
        shrink = int(np.ceil((intrinsics.width * intrinsics.height / MAX_PIXELS) ** 0.5))
        assert self._renderer is not None     # of an overlay with meshes
        (x, y), part = self._renderer.render_part(vertices, _downscale_intrinsics(intrinsics, shrink), colors,
                                                  lighting=self.lighting)
        if not part.alpha.size:
            return
        # A margin for the outline around the body.
        rgb, alpha, depth = (
            cv2.copyMakeBorder(plane, 2, 2, 2, 2, cv2.BORDER_CONSTANT, value=empty)
            for plane, empty in zip(part, ((0, 0, 0), (0,), (np.inf,))))
        edges = _depth_edges(depth)
        x, y = (x - 2) * shrink, (y - 2) * shrink
        if shrink > 1:
            size = (alpha.shape[1] * shrink, alpha.shape[0] * shrink)
            rgb, alpha, edges = (cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)
                                 for plane in (rgb, alpha, edges))
        x0, y0 = max(x, 0), max(y, 0)
        inside = np.s_[y0 - y:picture.shape[0] - y, x0 - x:picture.shape[1] - x]
        rgb, alpha, edges = rgb[inside], alpha[inside], edges[inside]
        target = picture[y0:y0 + alpha.shape[0], x0:x0 + alpha.shape[1]]
        weight = np.ascontiguousarray(alpha * np.float32(self.opacity))
        blended = cv2.blendLinear(np.ascontiguousarray(rgb), np.ascontiguousarray(target), weight, 1 - weight)
        shade = 1 - np.float32(_OUTLINE_STRENGTH) * edges
        target[:] = cv2.multiply(blended, cv2.merge([shade] * 3), dtype=cv2.CV_8U)

    def _vertices(self, person):
        vertices = person.vertices
        if vertices is None or len(vertices) != self.body.num_vertices:
            vertices = self.body.vertices(person)
        return vertices

    def _colors(self, person):
        """(V, 3) sRGB; computed once for each combination of colours."""
        tint = person.track_id % len(BODY_COLORS)
        key = (tint,) + tuple(hand.state for hand in person.hands)
        if key not in self._palettes:
            colors = np.tile(np.float32(BODY_COLORS[tint]), (self.body.num_vertices, 1))
            for hand in person.hands:
                colors[self.body.hand_vertices[hand.side]] = hand_color(hand.side, hand.state)
            self._palettes[key] = colors
        return self._palettes[key]


def hand_color(side: str, state: int) -> np.ndarray:
    """(3,) sRGB 0..1 of a hand: its side's colour if detected, grey if lost, half way if held."""
    share = {skeleton.OK: 1.0, skeleton.HELD: 0.45}.get(state, 0.0)
    return share * np.array(HAND_COLORS[side]) + (1 - share) * np.array(LOST_COLOR)


def _downscale_intrinsics(intrinsics, factor):
    """Intrinsics of the image with every factor x factor pixels as one; the last row and column may exceed it."""
    if factor == 1:
        return intrinsics
    return replace(intrinsics, fx=intrinsics.fx / factor, fy=intrinsics.fy / factor,
                   cx=(intrinsics.cx + 0.5) / factor - 0.5, cy=(intrinsics.cy + 0.5) / factor - 0.5,
                   width=-(-intrinsics.width // factor), height=-(-intrinsics.height // factor))


def _depth_edges(depth):
    """(H, W) float32 0..1: whether a neighbour of the pixel is nearer, softened."""
    capped = np.minimum(depth, np.float32(1e3))
    step = capped - cv2.erode(capped, np.ones((3, 3), np.uint8))
    return cv2.GaussianBlur((step > _OUTLINE_METRES).astype(np.float32), (3, 3), 0)
