"""Single hands, drawn as patches of frames: image, position of the patch, and the hand's exact parameters.

The open body's right hand in MANO's form, at any place of a frame, in front of a drawn background, sometimes behind
an obstacle; and patches without any hand. Every sample follows from its seed alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
import torch
from scipy.spatial.transform import Rotation

from ..body.mano import Mano
from ..body.model import BodyModel
from ..body.open_body import load_arrays
from ..body.open_hands import load_open_body
from ..geometry.camera import Intrinsics
from ..geometry.placement import view_rotation
from . import appearance, backdrops, hands, lens

_Rows = TypeVar('_Rows', bound='PatchRows')

#: Of every frame, (width, height) px, and the range of focal lengths, px: 60 to 78 degrees across.
FRAME, FOCAL = (640, 480), (400.0, 560.0)
#: Of the wrist from the camera, metres.
DISTANCE = (0.3, 0.8)
#: Side of a patch, in the greatest extent of the keypoints; and the offset of its middle, in its side.
CROP_MARGIN, OFF_CENTRE = (1.25, 1.7), 0.06
#: Share of the hands with an obstacle in front.
OCCLUDED_SHARE = 0.35
#: Rotation of a hand relative to its ray: about the ray, uniform to either side; across it, the deviation.
_IN_PLANE, _TILT = np.radians(110.0), 0.55
#: The same of upright hands with their palms to the camera: for short trainings.
_UPRIGHT_IN_PLANE, _UPRIGHT_TILT = np.radians(35.0), 0.25
#: A right hand at rest points along -x, its palm along -y; this rotation points it up, its palm to the camera.
_UPRIGHT = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])


@dataclass(frozen=True)
class PatchRows:
    """Arrays of N rows each: the base of data classes that contain nothing else."""

    def __len__(self) -> int:
        return len(getattr(self, _names(type(self))[0]))

    def take(self: _Rows, rows) -> _Rows:
        """Those rows."""
        return type(self)(*(getattr(self, name)[rows] for name in _names(type(self))))

    def save(self, path: Path) -> None:
        """To an .npz."""
        np.savez(path, **{name: getattr(self, name) for name in _names(type(self))})

    @classmethod
    def load(cls: type[_Rows], path: Path) -> _Rows:
        """From an .npz that save has written."""
        with np.load(path, allow_pickle=False) as stored:
            return cls(*(stored[name] for name in _names(cls)))

    @classmethod
    def stack(cls: type[_Rows], rows: Sequence[_Rows]) -> _Rows:
        """Of single rows, whose arrays have no leading dimension."""
        return cls(*(np.stack([getattr(row, name) for row in rows]) for name in _names(cls)))


def _names(kind):
    return [field.name for field in fields(kind)]


@dataclass(frozen=True)
class HandPatches(PatchRows):
    """N patches, a row each. Camera frame, metres; frame pixels of edges, from 0 to the frame's width."""

    images: np.ndarray        #: (N, S, S, 3) uint8 RGB
    corner: np.ndarray        #: (N, 2) float32 px
    size: np.ndarray          #: (N,) float32 px
    focal: np.ndarray         #: (N,) float32 px
    rotations: np.ndarray     #: (N, 16, 3, 3) float32, the wrist's to the camera frame, the fingers' from the flat hand
    betas: np.ndarray         #: (N, 10) float32
    keypoints: np.ndarray     #: (N, 21, 3) float32, with the hand's place
    keypoints_2d: np.ndarray  #: (N, 21, 2) float32 px
    visible: np.ndarray       #: (N,) float32 visible share of the hand
    hand: np.ndarray          #: (N,) bool; of patches without a hand everything except images and the patch is zero


def draw_patches(count: int, seed: int, size: int, without_hand: float = 0.0, *, upright: bool = False) -> HandPatches:
    """`count` patches of size x size px, that share of them without a hand.

    upright: hands point up, within some 35 degrees, their palms to the camera; by default anywhere.
    """
    scenes = [sample_patch_scene(rng, rng.random() < without_hand, upright) for rng in (
        np.random.default_rng((0xDA1F, seed, k)) for k in range(count))]
    layer, _, _ = right_hand()
    with torch.no_grad():
        rotations = torch.from_numpy(np.stack([scene.rotations for scene in scenes]))
        mesh = layer(rotations[:, :1], rotations[:, 1:], torch.from_numpy(np.stack([scene.betas for scene in scenes])))
    keypoints, vertices = mesh.keypoints.numpy(), mesh.vertices.numpy()
    return HandPatches.stack([_render_patch(*row, size) for row in zip(scenes, keypoints, vertices)])


def draw_sequence(count: int, seed: int, size: int, hidden: slice, *, upright: bool = False) -> HandPatches:
    """`count` frames of one hand in smooth motion; from hidden.start to hidden.stop an obstacle covers it.

    The patch follows the hand, as a tracker's box would. upright: as in draw_patches, at the first frame.
    """
    rng = np.random.default_rng((0x5E9, seed))
    start, end = (sample_patch_scene(rng, False, upright) for _ in range(2))
    phase = 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, count))
    between = [Rotation.from_matrix(one).inv() * Rotation.from_matrix(other) for one, other in zip(
        start.rotations, _sample_nearby_scene(rng, start.rotations, end.rotations))]
    layer, _, _ = right_hand()
    focal, betas = start.focal, start.betas
    ray = start.ray + (end.ray - start.ray) * 0.5 * phase[:, None]
    distance = start.distance + (end.distance - start.distance) * 0.5 * phase
    room, off = rng.uniform(*CROP_MARGIN), rng.normal(0, OFF_CENTRE / 3, 2)
    found = []
    for k in range(count):
        rotations = np.stack([one @ (Rotation.from_rotvec(phase[k] * turn.as_rotvec())).as_matrix()
                              for one, turn in zip(start.rotations, between)]).astype(np.float32)
        with torch.no_grad():
            given = torch.from_numpy(rotations)[None]
            mesh = layer(given[:, :1], given[:, 1:], torch.from_numpy(betas)[None])
        cover = 1.0 if hidden.start <= k < hidden.stop else 0.0
        scene = PatchScene(False, rotations, betas, ray[k], distance[k], focal, start.appearance_seed, room, off,
                           cover)
        found.append(_render_patch(scene, mesh.keypoints[0].numpy(), mesh.vertices[0].numpy(), size))
    return HandPatches.stack(found)


@dataclass(frozen=True)
class PatchScene:
    """Contents of a patch, before it is drawn."""

    empty: bool
    rotations: np.ndarray
    betas: np.ndarray
    ray: np.ndarray         # x/z, y/z of the wrist
    distance: float
    focal: float
    appearance_seed: int    # of colours, light, background and obstacle
    room: float
    off_centre: np.ndarray  # of the patch, in its side
    cover: float            # size of the obstacle in front of the hand, in the patch's side; 0 for none


class PatchView(NamedTuple):
    """The patch of a hand in its frame."""

    pixels: np.ndarray      # (21, 2) of the hand in the frame
    corner: np.ndarray      # (2,) of the patch, px of the frame
    side: float             # of the patch, px of the frame
    zoom: float             # pixels of the patch in one of the frame
    intrinsics: Intrinsics  # of the patch's camera


def patch_view(scene: PatchScene, points: np.ndarray, size: int) -> PatchView:
    """The patch of `size` px around keypoints (21, 3) m in the camera frame."""
    middle = np.array(FRAME) / 2
    pixels = points[:, :2] / points[:, 2:] * scene.focal + middle
    low, high = pixels.min(0), pixels.max(0)
    side = max(float((high - low).max()) * scene.room, 8.0)
    corner = (low + high) / 2 + scene.off_centre * side - side / 2
    zoom = size / side
    cx, cy = (middle - corner) * zoom - 0.5
    return PatchView(pixels, corner, side, zoom, Intrinsics(scene.focal * zoom, scene.focal * zoom, cx, cy, size, size))


def sample_patch_scene(rng: np.random.Generator, empty: bool, upright: bool, *, spread: float = 1.0) -> PatchScene:
    """One hand somewhere in a frame; empty: the patch without it.

    spread: of hands about the middle of the frame, relative to the usual one.
    """
    in_plane, tilting = (_UPRIGHT_IN_PLANE, _UPRIGHT_TILT) if upright else (_IN_PLANE, _TILT)
    _, rest_joints, rest_tips = right_hand()
    closed, splay = hands.sample_hand_shape(rng)
    fingers = hands.finger_rotations('right', closed, splay, rest_joints=rest_joints, rest_tips=rest_tips,
                                     bend=np.exp(rng.normal(0, 0.12, (5, 3))))
    focal = rng.uniform(*FOCAL)
    ray = (rng.uniform(0.1, 0.9, 2) - 0.5) * spread * FRAME / focal
    back = Rotation.from_rotvec([0, 0 if upright else np.pi * rng.integers(2), 0])
    tilt = Rotation.from_rotvec([*rng.normal(0, tilting, 2), 0])
    turn = Rotation.from_rotvec([0, 0, rng.uniform(-in_plane, in_plane)])
    seen = (turn * tilt * back).as_matrix() @ _UPRIGHT
    # The image of a hand depends on its rotation relative to its ray, at any position in the frame.
    rotations = np.concatenate([(view_rotation(ray) @ seen)[None], fingers]).astype(np.float32)
    cover = rng.uniform(0.25, 0.7) if rng.random() < OCCLUDED_SHARE else 0.0
    return PatchScene(empty, rotations, rng.normal(0, 0.8, 10).clip(-2, 2).astype(np.float32), ray,
                  rng.uniform(*DISTANCE), focal, int(rng.integers(1 << 31)), rng.uniform(*CROP_MARGIN),
                  rng.normal(0, OFF_CENTRE, 2), cover)


def _sample_nearby_scene(rng, start, end):
    """`end` with its wrist rotated by less than a right angle from the start's."""
    turn = Rotation.from_rotvec(rng.normal(0, 0.5, 3).clip(-0.8, 0.8))
    return np.concatenate([(turn.as_matrix() @ start[0])[None], end[1:]])


def _render_patch(scene, keypoints, vertices, size):
    """One row of HandPatches."""
    rng = np.random.default_rng(scene.appearance_seed)
    transl = np.append(scene.ray, 1.0) * scene.distance
    points, skin = keypoints + transl, (vertices + transl).astype(np.float32)
    pixels, corner, side, zoom, view = patch_view(scene, points, size)
    image, covered = backdrops.sample_backdrop(rng, size, size), np.zeros((size, size), np.float32)
    colors, light = sample_skin_colors(rng, len(skin)), appearance.sample_lighting(rng)
    visible = 0.0
    if not scene.empty:
        drawn = _rasterizer().render(skin, view, colors, lighting=light, supersample=2)
        image = cv2.blendLinear(drawn.rgb, image, drawn.alpha, 1 - drawn.alpha)
        visible = drawn.alpha.sum()
    if scene.cover or (scene.empty and rng.random() < 0.5):
        covered = _draw_occluder(rng, image, (pixels.mean(0) - corner) * zoom, scene.cover or rng.uniform(0.25, 0.7))
    if visible:
        visible = float((drawn.alpha * (1 - covered)).sum() / visible)
    hand = not scene.empty
    return HandPatches(
        lens.apply_camera_effects(rng, image), corner.astype(np.float32), np.asarray(side, np.float32),
        np.asarray(scene.focal, np.float32),
        scene.rotations * hand, scene.betas * hand, points.astype(np.float32) * hand, pixels.astype(np.float32) * hand,
        np.asarray(visible, np.float32), np.asarray(hand))


def _draw_occluder(rng, image, centre, share):
    """Draw an obstacle of that share of the patch; returns its mask, (S, S) 0 to 1."""
    size = len(image)
    mask = np.zeros((size, size), np.uint8)
    middle = centre + rng.normal(0, 0.12 * size, 2) * (share < 1)
    extent = share * size * np.exp(rng.normal(0, 0.15, 2)) * (1.6 if share >= 1 else 1)
    if rng.random() < 0.5:
        outline = tuple(map(float, middle)), tuple(map(float, extent)), float(rng.uniform(0, 180))
        cv2.ellipse(mask, outline, (255,), -1)
    else:
        corners = cv2.boxPoints((tuple(map(float, middle)), tuple(map(float, extent)), float(rng.uniform(0, 180))))
        cv2.fillConvexPoly(mask, corners.round().astype(np.int32), (255,))
    mask = cv2.GaussianBlur(mask, (3, 3), 0).astype(np.float32) / 255
    front = backdrops.sample_backdrop(rng, size, size)
    image[:] = cv2.blendLinear(front, image, mask, 1 - mask)
    return mask


def sample_skin_colors(rng: np.random.Generator, count: int) -> np.ndarray:
    """(V, 3) float32 sRGB: a skin with soft spots."""
    skins = appearance.SKIN_COLORS
    place = rng.uniform(0, len(skins) - 1.001)
    skin = skins[int(place)] * (1 - place % 1) + skins[int(place) + 1] * (place % 1)
    layer, _, _ = right_hand()
    waves = np.sin(layer.v_template.numpy()[:count] @ rng.normal(0, 60, (3, 4)) + rng.uniform(0, 2 * np.pi, 4))
    return np.clip(skin * (1 + 0.05 * waves.mean(1, keepdims=True)), 0, 1).astype(np.float32)


@lru_cache(maxsize=1)
def right_hand() -> tuple[Mano, np.ndarray, np.ndarray]:
    """The right hand's layer, and the body's joints (55, 3) and finger tips (10, 3) in the T-pose."""
    kinematics = BodyModel.from_open_body(load_arrays()).kinematics
    return load_open_body().mano['right'], kinematics.rest_joints, kinematics.rest_tips


def hand_layer() -> Mano:
    """The layer that the parameters belong to."""
    return right_hand()[0]


@lru_cache(maxsize=1)
def _rasterizer():
    from ..rendering.rasterizer import Rasterizer
    return Rasterizer(right_hand()[0].faces)
