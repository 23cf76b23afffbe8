"""Which poses run into themselves: points within arms and fingers against a few hundred points of the skin.

Works on joints alone, many poses at once; the mesh is never posed.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .. import skeleton
from ..geometry.mesh import vertex_normals
from .figure import PosableBody, body_faces, hand_keypoints, reference_t_pose, t_pose_rotations, vertex_joints

_SPACING = 0.055        # m between skin points
_FOREARM_RADIUS, _WRIST, _FINGER = (
    0.032,
    0.024,
    0.011,
)  # m that centres of forearm, wrist and finger bones stay off the skin
_MIN_HAND_DISTANCE = 0.020        # m between bones of two hands
_MIN_FOREARM_DISTANCE, _MIN_FOREARM_HAND_DISTANCE = (
    0.07,
    0.05,
)  # m between the two forearms; between a forearm and the other hand
_SKIN_SEARCH_RADIUS = 0.045             # m

#: Hand keypoints of thumb and fingers beyond the knuckles.
MAX_EXTENSION = np.array([(2, 3, 4), (6, 7, 8), (10, 11, 12), (14, 15, 16), (18, 19, 20)])
_ARM = {side: [skeleton.JOINT[f'{side}_{name}'] for name in ('collar', 'shoulder', 'elbow', 'wrist')]
        + list(range(*skeleton.HAND_SLICE[side].indices(55))) for side in skeleton.SIDES}


def first_collision_free(
    figure: PosableBody, rotations: np.ndarray, joints: np.ndarray, tips: np.ndarray
) -> int | None:
    """Index of the first of N poses that does not run into itself, None if all do. Arguments as place_skeleton
    returns them."""
    hands = hand_keypoints(joints, tips)
    middles = (hands[:, :, MAX_EXTENSION[:, 1:]] + hands[:, :, MAX_EXTENSION[:, :-1]]) / 2
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
    """Whether one of parts (2, K, 3), forearms and hands, lies within the skin or too near above it."""
    points, normals = posed_skin_points(figure, rotations, joints)
    parts = parts.astype(np.float32)
    lengths = (points ** 2).sum(-1)
    clear = np.r_[np.full(6, _FOREARM_RADIUS), _WRIST, np.full(parts.shape[1] - 7, _FINGER)]
    for k in range(2):
        others = _obstacle_points()[k]
        nearest = others[(lengths[others] - 2 * parts[k] @ points[others].T).argmin(-1)]
        away = parts[k] - points[nearest]
        outside = (away * normals[nearest]).sum(-1)
        # Beside a point, farther than the next one is, its tangent says nothing.
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
    # Of each little cube the outermost vertex: those within the mouth drop out.
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
    """For each arm the skin points that it must stay clear of: all but its own."""
    follows = skin_points()[2]
    return [np.flatnonzero(~np.isin(follows, _ARM[side])) for side in skeleton.SIDES]
