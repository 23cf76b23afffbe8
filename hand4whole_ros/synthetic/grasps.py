"""Grasping and other hands, as patches with and without the object.

The hand is the open body's right hand in MANO's form, closed around a primitive shape of `trimesh` that fills the room
between its fingers. The two images of a pair differ in the object alone. Every sample follows from its seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
import torch
from scipy.spatial.transform import Rotation

from ..geometry.hand_object_crop import HAND_FACTOR
from ..geometry.object_box import box_points
from ..rendering.rasterizer import Rasterizer
from ..skeleton import HAND_KEYPOINT
from . import appearance, backdrops, hands, lens
from .hand_patches import FRAME, PatchRows, PatchScene, patch_view, right_hand, sample_patch_scene, sample_skin_colors

#: Shapes that are grasped in training, and those that are held out for evaluation.
SHAPES, UNSEEN_SHAPES = ('box', 'cylinder', 'capsule', 'sphere'), ('cone', 'tube')
#: Share of the patches in which the hand grasps, and of the others that show an object behind the hand.
GRASPING_SHARE, NEARBY_SHARE = 0.5, 0.5
#: Spread of hands about the middle of the frame, relative to hand_patches: the network does not get the position of its
#: patch in the frame, and an off-centre hand appears rotated.
SPREAD = 0.3
#: Side of an object's box where there is none, in the hand's: as the estimator starts.
ABSENT_OBJECT_FACTOR = 1.5

#: Names of hands.HAND_SHAPES that can close around an object.
_GRASPS = ('grasp', 'half', 'hook')
#: Metres: flesh between a finger's bones and the surface in contact; radius and length of the grasped object.
_FLESH, _RADIUS, _LENGTH = 0.008, (0.014, 0.040), (0.06, 0.20)
#: A grasped object may be thicker than the room between the fingers, and then hides their inner sides.
_THICKNESS = (1.0, 1.5)
#: Metres: distance behind the hand of an object that is not grasped, and its deviation across.
_BEHIND, _ASIDE = (0.06, 0.25), 0.05
_BATCH = 500
_FINGERS = [HAND_KEYPOINT['index1'] + k for k in range(12)]


@dataclass(frozen=True)
class GraspPatches(PatchRows):
    """N patches, a row each. Camera frame, metres; patch pixels of edges, from 0 to the patch's side."""

    images: np.ndarray         #: (N, S, S, 3) uint8 RGB
    bare_images: np.ndarray    #: (N, S, S, 3) uint8 RGB: the same without an object
    hand_box: np.ndarray       #: (N, 4) float32 xyxy px, geometry.hand_object_crop.HAND_FACTOR around the keypoints
    object_box: np.ndarray     #: (N, 4) float32 xyxy px, tight; around the hand's where there is no object
    rotations: np.ndarray      #: (N, 16, 3, 3) float32, the wrist's to the camera frame, the fingers' against parents
    betas: np.ndarray          #: (N, 10) float32
    keypoints: np.ndarray      #: (N, 21, 3) float32, with the hand's place
    keypoints_2d: np.ndarray   #: (N, 21, 2) float32 px
    object_points: np.ndarray  #: (N, 21, 2) float32 px of the points of the object's box; 0 where there is none
    occlusion: np.ndarray      #: (N,) float32 share of the hand that the object hides
    grasping: np.ndarray       #: (N,) bool
    has_object: np.ndarray     #: (N,) bool


def draw_grasps(count: int, seed: int, size: int, *, shapes: tuple[str, ...] = SHAPES, upright: bool = False
                ) -> GraspPatches:
    """`count` patches of size x size px with objects of these shapes.

    upright: hands point up, within some 35 degrees, their palms to the camera; by default anywhere.
    """
    layer, _, _ = right_hand()
    rows = []
    for start in range(0, count, _BATCH):
        scenes = [_sample_grasp_scene(np.random.default_rng((0x6A59, seed, k)), shapes, upright)
                  for k in range(start, min(start + _BATCH, count))]
        rotations = torch.from_numpy(np.stack([scene.hand.rotations for scene in scenes]))
        betas = torch.from_numpy(np.stack([scene.hand.betas for scene in scenes]))
        with torch.no_grad():
            mesh = layer(rotations[:, :1], rotations[:, 1:], betas)
        rows += [_render_grasp(*row, size) for row in zip(scenes, mesh.keypoints.numpy(), mesh.vertices.numpy())]
    return GraspPatches.stack(rows)


class _GraspScene(NamedTuple):
    hand: PatchScene
    shape: str | None   # None for no object
    grasping: bool
    scale: np.ndarray   # (3,) of the unit shape, m; if grasped, the first two in radii of the grip
    turn: np.ndarray    # (3, 3) of the object: against the grip where it is grasped, else in the camera frame
    shift: np.ndarray   # (3,) m: along the grip's axis (the first number), or from the hand in the camera frame


def _sample_grasp_scene(rng, shapes, upright):
    hand = replace(sample_patch_scene(rng, False, upright, spread=SPREAD), cover=0.0)
    grasping = rng.random() < GRASPING_SHARE
    shape = str(rng.choice(shapes)) if grasping or rng.random() < NEARBY_SHARE else None
    radius = rng.uniform(*_THICKNESS) if grasping else rng.uniform(*_RADIUS)
    scale = np.array([radius * rng.uniform(0.8, 1.0), radius, rng.uniform(*_LENGTH)])
    if not grasping:
        return _GraspScene(hand, shape, False, scale, Rotation.from_quat(rng.normal(size=4)).as_matrix(),
                           np.append(rng.normal(0, _ASIDE, 2), rng.uniform(*_BEHIND)))
    _, rest_joints, rest_tips = right_hand()
    closed = np.array(hands.HAND_SHAPES[str(rng.choice(_GRASPS))]) + rng.normal(0, 0.06) + rng.normal(0, 0.04, 5)
    fingers = hands.finger_rotations('right', closed.clip(0.3, 0.8), rng.uniform(0, 0.15), rest_joints=rest_joints,
                                     rest_tips=rest_tips, bend=np.exp(rng.normal(0, 0.1, (5, 3))))
    rotations = np.concatenate([hand.rotations[:1], fingers]).astype(np.float32)
    turn = Rotation.from_rotvec(rng.normal(0, 0.12, 3)) * Rotation.from_rotvec([0, 0, rng.uniform(0, np.pi)])
    return _GraspScene(replace(hand, rotations=rotations), shape, True, scale, turn.as_matrix(),
                       np.array([rng.normal(0, 0.02), 0, 0]))


class _Grip(NamedTuple):
    centre: np.ndarray   # (3,)
    axes: np.ndarray     # (3, 3) columns; the last one runs across the palm
    radius: float        # of the largest cylinder along it without contact to a finger


def _find_grip(keypoints):
    """The room that the fingers of a hand (21, 3) enclose."""
    across = keypoints[HAND_KEYPOINT['index1']] - keypoints[HAND_KEYPOINT['pinky1']]
    across = across / np.linalg.norm(across)
    first = keypoints[HAND_KEYPOINT['middle1']] - keypoints[HAND_KEYPOINT['wrist']]
    first = first - (first @ across) * across
    first = first / np.linalg.norm(first)
    axes = np.stack([first, np.cross(across, first), across], axis=1)
    bent = keypoints[_FINGERS] @ axes[:, :2]
    # The circle nearest to the fingers' joints: |p|^2 = 2 p c + (r^2 - |c|^2) is linear in the unknowns.
    answer, *_ = np.linalg.lstsq(np.c_[2 * bent, np.ones(len(bent))], (bent ** 2).sum(1), rcond=None)
    knuckles = bent[::4].mean(0)
    centre = knuckles + np.clip(answer[:2] - knuckles, -0.05, 0.05)
    chains = np.concatenate([bent.reshape(3, 4, 2), (keypoints[1:5] @ axes[:, :2])[None]])
    middles = (chains[:, 1:] + chains[:, :-1]) / 2
    points = np.concatenate([bent, chains[3, 2:], middles[:3].reshape(-1, 2)])
    radius = np.linalg.norm(points - centre, axis=1).min() - _FLESH
    along = float(keypoints[_FINGERS] @ across @ np.full(len(_FINGERS), 1 / len(_FINGERS)))
    return _Grip(axes[:, :2] @ centre + along * across, axes, float(np.clip(radius, *_RADIUS)))


def _place_object(scene, keypoints):
    """Vertices (V, 3) of the object, and the points (21, 3) of its box, from the wrist in the camera frame."""
    vertices, _ = _unit_shape(scene.shape)
    if scene.grasping:
        grip = _find_grip(keypoints)
        scale = scene.scale * np.array([grip.radius, grip.radius, 1.0])
        turn, centre = grip.axes @ scene.turn, grip.centre + scene.shift[0] * grip.axes[:, 2]
    else:
        scale, turn, centre = scene.scale, scene.turn, keypoints.mean(0) + scene.shift
    if scene.shape == 'sphere':
        scale = np.full(3, scale[:2].max())
    sized = vertices * scale
    return sized @ turn.T + centre, box_points(sized) @ turn.T + centre


def _render_grasp(scene, keypoints, vertices, size):
    """One row of GraspPatches."""
    hand, rng = scene.hand, np.random.default_rng(scene.hand.appearance_seed)
    transl = np.append(hand.ray, 1.0) * hand.distance
    points, skin = keypoints + transl, vertices + transl
    pixels, corner, _, zoom, view = patch_view(hand, points, size)
    in_patch = (pixels - corner) * zoom
    backdrop = backdrops.sample_backdrop(rng, size, size)
    colors, light = sample_skin_colors(rng, len(skin)), appearance.sample_lighting(rng)
    color, effects = rng.uniform(0, 1, 3), int(rng.integers(1 << 31))

    def finish(drawn):
        image = cv2.blendLinear(drawn.rgb, backdrop, drawn.alpha, 1 - drawn.alpha)
        return lens.apply_camera_effects(np.random.default_rng(effects), image)

    alone = _rasterizer(None).render(skin.astype(np.float32), view, colors, lighting=light, supersample=2)
    bare = image = finish(alone)
    hand_box = _scale_box(_tight_box(in_patch), HAND_FACTOR)
    object_box, object_points, occlusion = absent_object_box(hand_box), np.zeros((21, 2)), 0.0
    if scene.shape is not None:
        solid, box = _place_object(scene, keypoints)
        both = np.concatenate([skin, solid + transl]).astype(np.float32)
        stripes = 1 + 0.15 * np.sin(solid @ rng.normal(0, 60, 3) + rng.uniform(0, 2 * np.pi))
        colors = np.concatenate([colors, (color * stripes[:, None]).clip(0, 1).astype(np.float32)])
        drawn = _rasterizer(scene.shape).render(both, view, colors, lighting=light, supersample=2)
        image = finish(drawn)
        in_frame = box + transl
        in_frame = in_frame[:, :2] / in_frame[:, 2:].clip(0.02) * hand.focal + np.array(FRAME) / 2
        object_points = (in_frame - corner) * zoom
        object_box = _tight_box(object_points)
        shown = ((drawn.ids >= 0) & (drawn.ids < _hand_faces())).sum()
        occlusion = 1 - shown / max((alone.ids >= 0).sum(), 1)
    single = np.float32
    return GraspPatches(
        image, bare, hand_box.astype(single), object_box.astype(single), hand.rotations, hand.betas,
        points.astype(single), in_patch.astype(single), object_points.astype(single),
        np.asarray(max(occlusion, 0.0), single), np.asarray(scene.grasping), np.asarray(scene.shape is not None))


def _tight_box(points):
    return np.concatenate([points.min(0), points.max(0)])


def absent_object_box(hand_box: np.ndarray) -> np.ndarray:
    """(..., 4) xyxy: the box of an object where there is none, from that of the hand."""
    return _scale_box(hand_box, ABSENT_OBJECT_FACTOR)


def _scale_box(box, factor):
    low, high = box[..., :2], box[..., 2:]
    centre, half = (low + high) / 2, (high - low) * factor / 2
    return np.concatenate([centre - half, centre + half], axis=-1)


@cache
def _unit_shape(name):
    """Vertices (V, 3) and faces (F, 3) of a shape of radius 1 about z, and length 1 along it."""
    from trimesh import creation
    mesh = {
        'box': lambda: creation.box((1.4, 1.4, 1.0)).subdivide().subdivide(),
        'cylinder': lambda: creation.cylinder(radius=1.0, height=1.0, sections=20),
        'capsule': lambda: creation.capsule(radius=0.5, height=1.0, count=(12, 12)),
        'sphere': lambda: creation.icosphere(subdivisions=2),
        'cone': lambda: creation.cone(radius=1.0, height=1.0, sections=20),
        'tube': lambda: creation.annulus(r_min=0.6, r_max=1.0, height=1.0, sections=20)}[name]()
    vertices, middle = np.array(mesh.vertices), np.asarray(mesh.bounds).mean(0)
    vertices = vertices - middle
    if name == 'capsule':
        vertices = vertices / (0.5, 0.5, 2.0)
    return vertices, np.array(mesh.faces)


def _hand_faces():
    return len(np.asarray(right_hand()[0].faces))


@cache
def _rasterizer(shape):
    """Of the hand, and of an object of that shape behind it in the list."""
    layer, _, _ = right_hand()
    faces = np.asarray(layer.faces)
    if shape is not None:
        faces = np.concatenate([faces, _unit_shape(shape)[1] + len(layer.v_template)])
    return Rasterizer(faces)
