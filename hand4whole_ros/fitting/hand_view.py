"""The lifting network's view of a hand: a camera directed at it, fingers up, of size one, a right hand.

The counterpart of person_view. numpy, N hands at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..geometry.directions import ray_directions
from ..skeleton import PALM_KEYPOINTS
from .person_view import facing, upright

#: Wrist and knuckles; the size is measured over them, and the roll goes from the first to the middle of the others.
_PALM = list(PALM_KEYPOINTS)

_MIN_SIZE = 1e-4
_FARTHEST, _FARTHEST_ELBOW = 6.0, 12.0

#: A mirror in x.
MIRROR = np.diag([-1.0, 1.0, 1.0])


class HandViews(NamedTuple):
    """The views of N hands, left ones mirrored."""

    rotation: np.ndarray    #: (N, 3, 3) from the camera's axes to the view's; for left hands with a reflection
    size: np.ndarray        #: (N,) tangent of the angle of one unit of `points`
    points: np.ndarray      #: (N, 21, 2) x and y over z in the view, over the size
    depths: np.ndarray      #: (N, 21) relative depth over the size
    elbow: np.ndarray       #: (N, 2) as `points`
    arm: np.ndarray         #: (N, 2, 3) m, elbow to wrist and shoulder to elbow along the view's axes


def hand_views(left: np.ndarray, hands: np.ndarray, elbow: np.ndarray, arm: np.ndarray) -> HandViews:
    """left (N,) bool; hands (N, 21, 3) x/z, y/z and depth from the wrist over its z; elbow (N, 2) x/z, y/z; arm
    (N, 2, 3) m along the camera's axes: elbow to wrist, shoulder to elbow."""
    mirror = np.where(np.asarray(left)[:, None, None], MIRROR, np.eye(3))
    directions = ray_directions(hands[..., :2]) @ mirror
    to_front = facing(_unit(directions[:, _PALM].mean(axis=1)))
    flat = _flat(directions @ np.swapaxes(to_front, -1, -2))
    roll = upright(flat[:, _PALM[1:]].mean(axis=1) - flat[:, 0])
    palm = flat[:, _PALM] - flat[:, _PALM].mean(axis=1, keepdims=True)
    size = np.maximum(np.sqrt((palm ** 2).sum(axis=-1).mean(axis=1)), _MIN_SIZE)
    rotation = roll @ to_front @ mirror
    points = flat @ np.swapaxes(roll[:, :2, :2], -1, -2) / size[:, None, None]
    at_elbow = _flat(ray_directions(elbow[:, None]) @ np.swapaxes(rotation, -1, -2))[:, 0] / size[:, None]
    return HandViews(rotation, size, np.clip(points, -_FARTHEST, _FARTHEST),
                     np.clip(hands[..., 2] / size[:, None], -_FARTHEST, _FARTHEST),
                     np.clip(at_elbow, -_FARTHEST_ELBOW, _FARTHEST_ELBOW), arm @ np.swapaxes(rotation, -1, -2))


def hand_features(views: HandViews, elbow_visibility: np.ndarray) -> np.ndarray:
    """Input of the network, (N, networks.lifting_layout.HAND.num_features) float32; elbow_visibility (N,)."""
    parts = (views.points, views.depths, np.log(views.size)[:, None], views.elbow, elbow_visibility[:, None], views.arm)
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1).astype(np.float32)


def _flat(seen):
    return seen[..., :2] / np.maximum(seen[..., 2:], 0.05)


def _unit(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
