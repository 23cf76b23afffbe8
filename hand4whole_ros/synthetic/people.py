"""Rendered people with exact truth.

`sample(seed)` chooses a person, a pose and a camera in which both hands can be seen; `render` draws the
picture and says where everything is. The truth comes from anny's own skeleton and skin. Equal seeds give
equal pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from .. import skeleton
from ..body import anny_rig
from ..geometry.camera import Intrinsics
from ..geometry.mesh import vertex_normals
from . import appearance, backgrounds, poses
from .figure import PosableBody, PosedBody, body_faces, vertex_joints
from .truth import PersonTruth

IMAGE_SIZE = 720
FOCAL = 936.0

#: Smallest part of each hand that must be seen, of what it would show alone.
MIN_VISIBILITY = 0.4

#: Least length of a palm, wrist to middle MCP at the wrist's distance, px.
MIN_PALM_LENGTH = 29.0

#: From the SMPL-X axes of a person who faces the camera to the camera optical frame.
_FRONT_ROTATION = np.diag([1.0, -1.0, -1.0])

_MARGIN = 14    # px between the box of head, hands and hips and the picture's edge
_MAX_ATTEMPTS = 300

_HIPS_AND_SHOULDERS = [skeleton.JOINT[name] for name in (
    'pelvis', 'left_hip', 'right_hip', 'left_shoulder', 'right_shoulder')]


@dataclass(frozen=True)
class RenderedPerson:
    """Everything a picture is drawn from."""

    seed: int
    figure: PosableBody
    local_rotations: np.ndarray     # (55, 3, 3), the pelvis in the camera frame
    pelvis: np.ndarray              # (3,) m, camera frame
    intrinsics: Intrinsics
    whole_body: bool                # framed from head to foot, not from head to hips
    look: appearance.Appearance

    def posed(self) -> PosedBody:
        """The body in the camera frame."""
        return self.figure.pose(self.local_rotations, self.pelvis)


def sample_phenotype(seed: int) -> dict[str, torch.Tensor]:
    """A random adult, as anny takes it."""
    return anny_rig.sample_adults(1, seed)


def sample_person(seed: int) -> RenderedPerson:
    """A person whose two hands can be seen, in a natural pose that does not run into itself."""
    rng = np.random.default_rng(seed)
    figure = PosableBody(sample_phenotype(seed))
    intrinsics = Intrinsics.from_focal(IMAGE_SIZE, IMAGE_SIZE, FOCAL)
    look = appearance.Appearance.sample(rng)
    whole_body = bool(rng.random() < 0.3)
    for _ in range(_MAX_ATTEMPTS):
        turn = np.radians(rng.uniform(-40, 40))
        local = poses.sample_pose(figure, rng, turn)
        view = Rotation.from_euler('zx', (rng.normal(0, 2), rng.normal(0, 5)), degrees=True).as_matrix()
        local[0] = view @ _FRONT_ROTATION @ Rotation.from_rotvec((0, turn, 0)).as_matrix() @ local[0]
        pelvis = _sample_pelvis(figure, local, intrinsics, whole_body, rng)
        if pelvis is None:
            continue
        posed = figure.pose(local, pelvis)
        if has_collision(posed):
            continue
        if min(hand_visibility(posed, intrinsics).values()) >= MIN_VISIBILITY:
            return RenderedPerson(seed, figure, local, pelvis, intrinsics, whole_body, look)
    raise RuntimeError(f'no pose with both hands in sight was found for seed {seed} in {_MAX_ATTEMPTS} attempts')


def render_person(person: RenderedPerson) -> tuple[np.ndarray, PersonTruth]:
    """The picture, (720, 720, 3) uint8 RGB, and the truth about it."""
    rng = np.random.default_rng((person.seed, 1))
    posed = person.posed()
    light = appearance.sample_lighting(rng)
    drawn = body_rasterizer().render(posed.vertices, person.intrinsics, person.look.colors(), lighting=light)
    background = backgrounds.draw_background(rng, person.intrinsics.width, person.intrinsics.height)
    image = composite(drawn, background) + rng.normal(0, rng.uniform(0.5, 3.0), background.shape)
    truth = PersonTruth.of(posed, person.local_rotations,
                     {name: float(value) for name, value in person.figure.phenotype.items()},
                     person.intrinsics, hand_visibility(posed, person.intrinsics))
    return np.clip(image, 0, 255).astype(np.uint8), truth


def composite(drawn, background: np.ndarray) -> np.ndarray:
    """A rendering laid over a background, (H, W, 3) float32, 0 to 255."""
    alpha = drawn.alpha[..., None]
    return drawn.rgb * alpha + background * (1 - alpha)


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
    from ..rendering.rasterizer import Rasterizer
    return Rasterizer(body_faces()[hand_faces(side)])


def hand_visibility(posed: PosedBody, intrinsics: Intrinsics) -> dict[str, float]:
    """How much of each hand is seen: its pixels in the picture over its pixels if it were drawn alone."""
    ids = body_rasterizer().face_ids(posed.vertices, intrinsics)
    ids = ids[ids >= 0]
    seen = {}
    for side in skeleton.SIDES:
        alone = (_hand_rasterizer(side).face_ids(posed.vertices, intrinsics) >= 0).sum()
        seen[side] = float(hand_faces(side)[ids].sum() / max(alone, 1))
    return seen


def _sample_pelvis(figure, local, intrinsics, whole_body, rng):
    """Where the pelvis must be for the person to fill the picture; None if the hands come out too small."""
    posed = figure.pose(local, np.zeros(3))
    names = vertex_joints()
    shown = [posed.vertices[names == skeleton.JOINT['head']][::10], posed.hand_keypoints('left'),
             posed.hand_keypoints('right'), posed.joints[_HIPS_AND_SHOULDERS]]
    if whole_body:
        feet = [skeleton.JOINT[f'{side}_foot'] for side in skeleton.SIDES]
        shown.append(posed.vertices[np.isin(names, feet)][::10])
    points = np.concatenate(shown)
    palm = np.linalg.norm(posed.joints[skeleton.JOINT['left_middle1']] - posed.joints[skeleton.WRIST['left']])
    room = (intrinsics.width - 2 * _MARGIN) / intrinsics.fx
    depth = intrinsics.fx * palm / rng.uniform(*((MIN_PALM_LENGTH, 36) if whole_body else (36, 60)))
    for _ in range(6):      # the box grows as its nearest point comes nearer: step back until it fits
        centre = (points.min(0) + points.max(0)) / 2
        rays = (points[:, :2] - centre[:2]) / (points[:, 2:] + depth)
        extent = np.ptp(rays, axis=0).max()
        if extent <= room:
            break
        depth *= 1.02 * extent / room
    slack = room - np.ptp(rays, axis=0)
    middle = (rays.min(0) + rays.max(0)) / 2
    shift = rng.uniform(-0.5, 0.5, 2) * slack * (1.0, 0.7) - middle
    pelvis = np.append(-centre[:2] + shift * depth, depth)
    moved = points + pelvis
    pixels = intrinsics.project(moved)
    inside = (pixels > 8).all() and (pixels < intrinsics.width - 9).all() and moved[:, 2].min() > 0.4
    wrists = posed.joints[list(skeleton.WRIST.values()), 2] + depth
    return pelvis if inside and (intrinsics.fx * palm / wrists).min() >= MIN_PALM_LENGTH else None


@lru_cache(maxsize=2)
def _rest_of_body(side):
    """Ids of vertices that the arm of `side` must stay clear of: all but its own, thinned."""
    arm = [skeleton.JOINT[f'{side}_{name}'] for name in ('collar', 'shoulder', 'elbow', 'wrist')]
    own = np.isin(vertex_joints(), np.r_[arm, np.r_[skeleton.HAND_SLICE[side]]])
    return np.flatnonzero(~own)[::2]


def has_collision(posed: PosedBody) -> bool:
    """Whether a hand or forearm runs into the rest of the body: a crude test at points within the arm."""
    normals = vertex_normals(posed.vertices, body_faces())
    for side in skeleton.SIDES:
        elbow, wrist = (posed.joints[skeleton.JOINT[f'{side}_{name}']] for name in ('elbow', 'wrist'))
        fore = elbow + np.linspace(0.15, 0.95, 6)[:, None] * (wrist - elbow)
        points = np.concatenate([fore, posed.hand_keypoints(side)])
        clearance = np.r_[np.full(6, 0.035), 0.025, np.full(20, 0.012)]
        others = _rest_of_body(side)
        distance, nearest = map(np.asarray, KDTree(posed.vertices[others]).query(points, distance_upper_bound=0.16))
        near = np.isfinite(distance)
        ids = others[nearest[near]]
        outside = ((points[near] - posed.vertices[ids]) * normals[ids]).sum(1)
        if (outside < clearance[near]).any():
            return True
    return False
