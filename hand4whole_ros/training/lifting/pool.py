"""People without pictures: bodies in every posture before cameras everywhere, whose landmarks err as the detector's do.

Where the detector sees the landmarks of a body nobody has drawn is taken from a body that was: of all that it did see,
one that is held and seen most nearly alike lends its errors, in the picture and in space, and what was visible.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ... import skeleton
from ...fitting.lifter import features
from ...fitting.person_view import FARTHEST, person_views, roll_of
from ...fitting.pose_landmarks import landmark_points
from ...geometry.directions import ray_directions
from ...geometry.kinematics import kinematic_tree, unposed_joints
from ...landmarks.hand_evidence import MIN_WRIST_VISIBILITY
from ...landmarks.indices import HIPS, MIRRORED_POSE, SHOULDERS, WRISTS
from ...networks.lifting_layout import NUM_BODY
from ...synthetic import adults, gestures, posture_scene, postures
from ...synthetic.figure import hand_keypoints, place_skeleton
from .detections import Detections
from .samples import MIN_HAND_VISIBLE, Samples, hands_of, rays_of

#: Poses of one adult, drawn together.
_BATCH = 32

#: How often a pose is of somebody who stands before the camera and knows it.
_AT_EASE = 0.15

#: Nearest and farthest a person stands, m; nearer ones show less of themselves, which the lent visibility knows.
_DISTANCES = (0.8, 8.0)

#: Joints by which bodies are compared, in the view: shoulders, elbows, wrists, hips, knees, ankles, head.
_HIP_JOINTS = [skeleton.JOINT[f'{side}_hip'] for side in skeleton.SIDES]
_COMPARED = [*(skeleton.JOINT[f'{side}_{part}'] for part in ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
               for side in skeleton.SIDES), skeleton.JOINT['head']]

#: Of all who could lend their errors, the share, drawn by chance, from which the one most alike is taken.
_LENDERS = 0.25

#: How often a hand is seen whose wrist is visible, or is not.
_HAND_SEEN = 0.75, 0.02


class Bodies(NamedTuple):
    """N people in the frame of a camera, float64."""

    rotations: np.ndarray       #: (N, 22, 3, 3) against the parent, the pelvis' in the camera
    betas: np.ndarray           #: (N, 10)
    joints: np.ndarray          #: (N, 22, 3) m
    landmarks: np.ndarray       #: (N, 33, 3) m, where they truly are
    hands: np.ndarray           #: (N, 2, 21, 3) m, keypoints of left and right


def sample_bodies(rng: np.random.Generator, count: int, recorded: np.ndarray | None = None) -> Bodies:
    """`count` people, each of whom looks at the person from somewhere; recorded: poses of datasets.motions."""
    parts = []
    while sum(len(part.betas) for part in parts) < count:
        adult = adults.sample_adult(int(rng.integers(adults.NUM_ADULTS)))
        joints, tips = adult.figure.joints, adult.figure.tips
        kind = rng.random()
        at_ease = kind < _AT_EASE
        if at_ease:
            local = gestures.sample_gesture_poses(gestures.Gesture.sample(rng), rng, _BATCH, joints=joints, tips=tips,
                                                  turn=0.0)
        elif recorded is not None and kind < _AT_EASE + (1 - _AT_EASE) * posture_scene.RECORDED:
            local = posture_scene.recorded_poses(rng, recorded, _BATCH, joints=joints, tips=tips)
        else:
            local = postures.sample(rng, postures.sample_name(rng), _BATCH, joints=joints, tips=tips)
        if len(local):
            parts.append(_placed(rng, adult, local, at_ease))
    return Bodies(*(np.concatenate(values)[:count] for values in zip(*parts)))


def _placed(rng, adult, local, at_ease):
    joints, tips = adult.figure.joints, adult.figure.tips
    count = len(local)
    directions = (posture_scene.sample_direction(rng) for _ in range(count))
    if at_ease:
        directions = (posture_scene.framing.ViewDirection.sample(rng) for _ in range(count))
    matrices = np.stack([direction.matrix() for direction in directions])
    rotations, places, ends = place_skeleton(local, joints, tips)
    rotations = matrices[:, None] @ rotations
    places, ends = (points @ np.swapaxes(matrices, -1, -2) for points in (places, ends))
    hands = hand_keypoints(places, ends)
    points = landmark_points(places, rotations, joints)
    away = np.exp(rng.uniform(*np.log(_DISTANCES), count))
    nearest = 0.25 - points[..., 2].min(axis=1)
    middle = points[:, list(SHOULDERS + HIPS)].mean(axis=1)
    move = np.concatenate([-middle[:, :2], np.maximum(away, nearest)[:, None]], axis=1)[:, None]
    turned = local[:, :NUM_BODY].copy()
    turned[:, 0] = rotations[:, 0]
    return Bodies(turned, np.tile(adult.betas, (count, 1)), places[:, :NUM_BODY] + move, points + move,
                  hands + move[:, None])


class Errors(NamedTuple):
    """How the detector erred on N people it saw, in the view in which their true landmarks stand upright, and on the M
    hands it saw of them, all as left ones."""

    compared: np.ndarray        #: (N, 39) float32: joints by which people are found that are held and seen alike
    pixels: np.ndarray          #: (N, 33, 2) seen minus true, in sizes
    world: np.ndarray           #: (N, 33, 3) m, seen minus true
    visibility: np.ndarray      #: (N, 33)
    hands_compared: np.ndarray  #: (M, 63) float32 m, keypoints from the wrist
    hands: np.ndarray           #: (M, 21, 3) seen minus true, in sizes

    def with_mirrored(self) -> Errors:
        """And of the same people in a mirror."""
        order = list(MIRRORED_POSE)
        across = [_COMPARED.index(skeleton.MIRROR[joint]) for joint in _COMPARED]
        compared = self.compared.reshape(len(self.compared), -1, 3)[:, across] * np.array([-1, 1, 1], np.float32)
        others = (compared.reshape(len(compared), -1), self.pixels[:, order] * (-1, 1),
                  self.world[:, order] * (-1, 1, 1), self.visibility[:, order])
        of_people = (np.concatenate(pair) for pair in zip(self, others))
        return self._replace(**dict(zip(Errors._fields, of_people)))


def errors_of(detections: Detections) -> Errors:
    """Of people whom the detector saw."""
    d = detections
    joints, rotations = d.joints.astype(np.float64), kinematic_tree().global_rotations(d.rotations.astype(np.float64))
    rest = unposed_joints(joints, rotations)
    views, world, hands = _true_views(landmark_points(joints, rotations, rest), d.keypoints.astype(np.float64))
    rays = rays_of(d, d.pose)
    seen = ray_directions(rays) @ np.swapaxes(views.rotation, -1, -2)
    flat = seen[..., :2] / np.maximum(seen[..., 2:], 0.05) / views.size[:, None, None]
    return Errors(_compared(joints[:, :NUM_BODY], views.rotation), np.clip(flat, -FARTHEST, FARTHEST) - views.points,
                  d.world @ np.swapaxes(roll_of(views.rotation), -1, -2) - world, d.visibility,
                  *_hand_errors(d, views, hands))


def _hand_errors(d, views, hands):
    """Rows of hands that were seen: what they are compared by, and their errors."""
    compared, errors = [], []
    off = _hands_in(views, hands_of(d)) - hands
    for k, mirror in enumerate(((1, 1, 1), (-1, 1, 1))):
        rows = np.flatnonzero(np.isfinite(off[:, k]).all(axis=(1, 2)) & (d.hand_visibility[:, k] > MIN_HAND_VISIBLE))
        compared.append(_hands_compared(d.keypoints[rows, k], views.rotation[rows]) * mirror)
        errors.append(off[rows, k] * mirror)
    return np.concatenate(compared).reshape(-1, 63).astype(np.float32), np.concatenate(errors)


def samples_of(bodies: Bodies, errors: Errors, rng: np.random.Generator) -> Samples:
    """What the network sees of people, with errors lent, and the truth."""
    views, world, hands = _true_views(bodies.landmarks, bodies.hands)
    lender = _alike(_compared(bodies.joints, views.rotation), errors.compared, rng)
    rays = (views.points + errors.pixels[lender]) * views.size[:, None, None]
    visibility = errors.visibility[lender]
    hands = _lent_hands(bodies, errors, views, hands, visibility=visibility, rng=rng) * views.size[:, None, None, None]
    seen = person_views(rays, visibility, world + errors.world[lender], hands)
    rotation = seen.rotation @ views.rotation
    joints = (bodies.joints - bodies.joints[:, :1]) @ np.swapaxes(rotation, -1, -2)
    rotations = bodies.rotations.copy()
    rotations[:, 0] = rotation @ rotations[:, 0]
    return Samples.of(features(seen, visibility), joints, rotations, bodies.betas)


def _lent_hands(bodies, errors, views, hands, *, visibility, rng):
    """Hands (N, 2, 21, 3) of bodies with errors lent by hands that are held alike; NaN of those that are not seen."""
    result = np.full(hands.shape, np.nan)
    for k, mirror in enumerate(((1, 1, 1), (-1, 1, 1))):
        odds = np.where(visibility[:, WRISTS[k]] > MIN_WRIST_VISIBILITY, *_HAND_SEEN)
        rows = np.flatnonzero(rng.random(len(hands)) < odds)
        if len(rows) and len(errors.hands):
            wanted = (_hands_compared(bodies.hands[rows, k], views.rotation[rows]) * mirror).reshape(-1, 63)
            lender = _alike(wanted.astype(np.float32), errors.hands_compared, rng)
            result[rows, k] = hands[rows, k] + errors.hands[lender] * mirror
    return result


def _hands_compared(keypoints, rotation):
    """(N, 21, 3) m from the wrist, along the view's axes."""
    return (keypoints - keypoints[:, :1]) @ np.swapaxes(rotation, -1, -2)


def _true_views(points, hands):
    """Views of true landmarks (N, 33, 3), all of them visible; these from the middle of the hips along the axes; and
    hands (N, 2, 21, 3) as they are seen there, in sizes, with their depth from the wrist."""
    rays = points[..., :2] / np.maximum(points[..., 2:], 0.05)
    views = person_views(rays, np.ones(points.shape[:2]), points)
    world = (points - points[:, list(HIPS)].mean(axis=1, keepdims=True)) @ np.swapaxes(views.rotation, -1, -2)
    depth = np.maximum(hands[..., 2:], 0.05)
    ahead = (hands[..., 2:] - hands[..., :1, 2:]) / depth[..., :1, :]
    return views, world, _hands_in(views, np.concatenate([hands[..., :2] / depth, ahead], axis=-1))


def _hands_in(views, hands):
    """Hands as person_views takes them -> as the views show them, in sizes from the middle."""
    directions = ray_directions(hands[..., :2])
    seen = directions @ np.swapaxes(views.rotation, -1, -2)[:, None]
    flat = seen[..., :2] / np.maximum(seen[..., 2:], 0.05)
    return np.concatenate([flat, hands[..., 2:]], axis=-1) / views.size[:, None, None, None]


def _compared(joints, rotation):
    points = (joints - joints[:, _HIP_JOINTS].mean(axis=1, keepdims=True)) @ np.swapaxes(rotation, -1, -2)
    return points[:, _COMPARED].reshape(len(points), -1).astype(np.float32)


def _alike(wanted, there, rng):
    """(N,) rows of there (M, D), for each of wanted (N, D) one of the nearest."""
    lengths, rows = (there ** 2).sum(axis=1), []
    for part in np.array_split(wanted, max(len(wanted) // 256, 1)):
        some = rng.choice(len(there), max(int(_LENDERS * len(there)), 1), replace=False)
        rows.append(some[np.argmin(lengths[some] - 2 * part @ there[some].T, axis=1)])
    return np.concatenate(rows)
