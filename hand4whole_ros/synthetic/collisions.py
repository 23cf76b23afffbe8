"""Detection of self-colliding poses, from joints alone; the mesh is never posed.

Two tests. `limbs_clear` takes the whole body as capsules, thousands of poses at once: coarse, and clothes may touch.
`collision_free` compares points within arms and fingers with a few hundred points of the figure's own skin: for
pictures in which hands count.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .. import skeleton
from ..geometry.mesh import vertex_normals
from .figure import PosableBody, body_faces, hand_keypoints, reference_t_pose, t_pose_rotations, vertex_joints

_SPACING = 0.055        # m between skin points
#: m between the centres of forearm, wrist and finger bones and the skin.
_FOREARM_RADIUS, _WRIST, _FINGER = 0.032, 0.024, 0.011
_MIN_HAND_DISTANCE = 0.020      # m between bones of two hands
#: m between the two forearms; between a forearm and the other hand.
_MIN_FOREARM_DISTANCE, _MIN_FOREARM_HAND_DISTANCE = 0.07, 0.05
_SKIN_SEARCH_RADIUS = 0.045             # m

#: Hand keypoints of thumb and fingers beyond the knuckles.
_BEYOND_KNUCKLES = np.array([(2, 3, 4), (6, 7, 8), (10, 11, 12), (14, 15, 16), (18, 19, 20)])
_ARM = {side: [skeleton.JOINT[f'{side}_{name}'] for name in ('collar', 'shoulder', 'elbow', 'wrist')]
        + list(range(*skeleton.HAND_SLICE[side].indices(55))) for side in skeleton.SIDES}


def collision_free(figure: PosableBody, rotations: np.ndarray, joints: np.ndarray, tips: np.ndarray) -> bool:
    """Whether the hands and forearms of a placed pose are collision-free. Arguments as place_skeleton returns them."""
    return first_collision_free(figure, rotations[None], joints[None], tips[None]) is not None


def first_collision_free(
    figure: PosableBody, rotations: np.ndarray, joints: np.ndarray, tips: np.ndarray
) -> int | None:
    """Index of the first of N poses that is free of self-collision, else None. Arguments as place_skeleton
    returns them."""
    hands = hand_keypoints(joints, tips)
    middles = (hands[:, :, _BEYOND_KNUCKLES[:, 1:]] + hands[:, :, _BEYOND_KNUCKLES[:, :-1]]) / 2
    hand = np.concatenate([hands, middles.reshape(len(hands), 2, -1, 3)], axis=2)   # (N, 2, 31, 3)
    elbows, wrists = (joints[:, [skeleton.JOINT[f'{side}_{name}'] for side in skeleton.SIDES]]
                      for name in ('elbow', 'wrist'))
    along = np.linspace(0.15, 0.95, 6)[:, None]
    fore = elbows[:, :, None] + along * (wrists - elbows)[:, :, None]       # (N, 2, 6, 3)
    clear = _min_distance(hand[:, 0], hand[:, 1]) > _MIN_HAND_DISTANCE
    clear &= _min_distance(fore[:, 0], fore[:, 1]) > _MIN_FOREARM_DISTANCE
    for k in range(2):
        clear &= _min_distance(fore[:, k], hand[:, 1 - k]) > _MIN_FOREARM_HAND_DISTANCE
    for k in np.flatnonzero(clear):
        if not _penetrates_skin(figure, rotations[k], joints[k], np.concatenate([fore[k], hand[k]], axis=1)):
            return int(k)
    return None


def posed_skin_points(figure: PosableBody, rotations: np.ndarray, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of the skin (P, 3) and their normals, around joints (55, 3) of global rotations (55, 3, 3)."""
    ids, normals, follows = skin_points()
    rest = figure.rest_vertices[ids] - figure.rest_joints[follows]
    turned, offsets = (rotations @ t_pose_rotations()).astype(np.float32), joints.astype(np.float32)
    points = np.einsum('pab,pb->pa', turned[follows], rest.astype(np.float32)) + offsets[follows]
    return points, np.einsum('pab,pb->pa', rotations.astype(np.float32)[follows], normals)


def _penetrates_skin(figure, rotations, joints, parts):
    """Whether one of parts (2, K, 3), forearms and hands, is within the skin or too near above it."""
    points, normals = posed_skin_points(figure, rotations, joints)
    parts = parts.astype(np.float32)
    lengths = (points ** 2).sum(-1)
    clear = np.r_[np.full(6, _FOREARM_RADIUS), _WRIST, np.full(parts.shape[1] - 7, _FINGER)]
    for k in range(2):
        others = _obstacle_points()[k]
        nearest = others[(lengths[others] - 2 * parts[k] @ points[others].T).argmin(-1)]
        away = parts[k] - points[nearest]
        outside = (away * normals[nearest]).sum(-1)
        # Beside a point, farther than the next one, its tangent plane is not valid.
        beside = (away ** 2).sum(-1) - outside ** 2
        if ((outside < clear) & (beside < _SKIN_SEARCH_RADIUS ** 2)).any():
            return True
    return False


def _min_distance(a, b):
    """(N, A, 3), (N, B, 3) -> (N,) the least distance."""
    squared = (a ** 2).sum(-1)[:, :, None] + (b ** 2).sum(-1)[:, None] - 2 * a @ np.swapaxes(b, 1, 2)
    return np.sqrt(np.maximum(squared.min((1, 2)), 0))


@lru_cache(maxsize=1)
def skin_points():
    """Points spread over head, trunk, arms and legs: vertex ids (P,), normals in the T-pose (P, 3), joints (P,)."""
    vertices, _ = reference_t_pose()
    follows = vertex_joints()
    names = np.array(skeleton.JOINT_NAMES)
    wanted = ~np.isin(names[follows], ('jaw', 'left_eye', 'right_eye', 'left_foot', 'right_foot'))
    wanted &= ~np.isin(follows, [joint for side in skeleton.SIDES for joint in _ARM[side][3:]])
    normals = vertex_normals(vertices, body_faces())
    # Of each little cube the outermost vertex: those within the mouth are dropped.
    cubes = np.floor(vertices / _SPACING).astype(int)
    centre = vertices.copy()
    centre[:, 1] = 0
    reach = np.linalg.norm(centre, axis=1)
    order = np.lexsort((-reach, *cubes.T))
    order = order[wanted[order]]
    first = np.r_[True, (np.diff(cubes[order], axis=0) != 0).any(1)]
    ids = order[first]
    return ids, normals[ids].astype(np.float32), follows[ids]


@lru_cache(maxsize=1)
def _obstacle_points():
    """For each arm the skin points that it must not touch: all but its own."""
    follows = skin_points()[2]
    return [np.flatnonzero(~np.isin(follows, _ARM[side])) for side in skeleton.SIDES]


# The body as capsules

#: Name -> ends of its axis and radius, m. An end is a joint, or a joint and a fraction of the way to another.
_LEFT = {
    'upper_arm': ('left_shoulder', 'left_elbow', 0.045), 'forearm': ('left_elbow', 'left_wrist', 0.036),
    'hand': ('left_wrist', 'left_middle2', 0.034), 'thigh': ('left_hip', 'left_knee', 0.070),
    'shin': ('left_knee', 'left_ankle', 0.048), 'foot': ('left_ankle', 'left_foot', 0.040)}
_MIDDLE = {'belly': ('pelvis', 'spine2', 0.110), 'chest': ('spine2', 'neck', 0.110), 'head': ('neck', 'head', 0.085),
           'skull': ('head', 'head', 0.095)}

#: Parts that are joined, or in contact in many poses. A thigh may rest on belly and shin.
_TOUCHING = (('upper_arm', 'forearm'), ('forearm', 'hand'), ('thigh', 'shin'), ('shin', 'foot'), ('upper_arm', 'chest'),
             ('thigh', 'belly'), ('thigh', 'chest'), ('upper_arm', 'belly'), ('upper_arm', 'hand'), ('thigh', 'foot'),
             ('hand', 'thigh'), ('hand', 'shin'), ('hand', 'foot'), ('hand', 'hand'))

#: Fraction of the sum of two radii that their axes must keep apart; less for soft bodies.
_APART = 0.8
_SOFT_APART = {('thigh', 'thigh'): 0.55, ('forearm', 'belly'): 0.7, ('hand', 'belly'): 0.8, ('hand', 'chest'): 0.8,
               ('hand', 'head'): 0.8, ('hand', 'skull'): 0.9, ('forearm', 'thigh'): 0.7, ('shin', 'shin'): 0.7,
               ('shin', 'thigh'): 0.7, ('upper_arm', 'thigh'): 0.6, ('foot', 'foot'): 0.8}


def _tables():
    """Joints of the ends (P, 2), and of the pairs that are compared: their parts (Q, 2) and least distance (Q,)."""
    names, ends, radii = [], [], []
    for name, (start, end, radius) in _MIDDLE.items():
        names.append((name, ''))
        ends.append((start, end))
        radii.append(radius)
    for side in skeleton.SIDES:
        for name, (start, end, radius) in _LEFT.items():
            names.append((name, side))
            ends.append(tuple(joint.replace('left', side) for joint in (start, end)))
            radii.append(radius)
    pairs, least = [], []
    for a in range(len(names)):
        for b in range(a):
            (one, side), (other, other_side) = names[a], names[b]
            key = (one, other) if (one, other) in _SOFT_APART else (other, one)
            same = side == other_side or not side or not other_side
            joined = (one, other) in _TOUCHING or (other, one) in _TOUCHING
            if {one, other} <= set(_MIDDLE) or (joined and (same or one == other == 'hand')):
                continue
            pairs.append((a, b))
            least.append(_SOFT_APART.get(key, _APART) * (radii[a] + radii[b]))
    joints = np.array([[skeleton.JOINT[name] for name in pair] for pair in ends])
    return joints, np.array(pairs), np.array(least)


_ENDS, _PAIRS, _LEAST = _tables()


def limbs_clear(joints: np.ndarray) -> np.ndarray:
    """(N,) bool: poses (N, 55, 3) m, of an adult, whose limbs collide neither with each other nor with the body."""
    start, end = joints[:, _ENDS[:, 0]], joints[:, _ENDS[:, 1]]
    a, b = _PAIRS.T
    return (segment_distance(start[:, a], end[:, a], start[:, b], end[:, b]) > _LEAST).all(axis=1)


def segment_distance(p: np.ndarray, q: np.ndarray, r: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Least distance (...) between the segments from p to q and from r to s, (..., 3) each; points where both ends are
    one (Ericson, Real-Time Collision Detection, section 5.1.9)."""
    along, other, between = q - p, s - r, p - r
    a, e, f = (along * along).sum(-1), (other * other).sum(-1), (other * between).sum(-1)
    b, c = (along * other).sum(-1), (along * between).sum(-1)
    denominator = a * e - b * b
    t = np.where(denominator > 1e-12, np.clip((b * f - c * e) / np.maximum(denominator, 1e-12), 0, 1), 0)
    u = np.where(e > 1e-12, (b * t + f) / np.maximum(e, 1e-12), 0)
    clipped = np.clip(u, 0, 1)
    t = np.where((u != clipped) | (e <= 1e-12), np.clip((b * clipped - c) / np.maximum(a, 1e-12), 0, 1), t)
    return np.linalg.norm(between + along * t[..., None] - other * clipped[..., None], axis=-1)
