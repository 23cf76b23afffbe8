"""The lifting network's view of a person: a camera directed at the person, rotated upright, of size one.

Rotating a camera about its centre changes its image only by a homography, so landmarks from any lens, any position in
the image and any roll of the camera give the same numbers here. numpy, N people at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..geometry.directions import ray_directions
from ..landmarks.indices import EARS, HIPS, LIMBS, SHOULDERS, WRISTS, PoseLandmark

#: Nose and ears; and the landmarks by which the size is measured.
_SHOULDERS, _HIPS, _WRISTS, _SIZED = (list(rows) for rows in (SHOULDERS, HIPS, WRISTS, LIMBS))
_HEAD = [PoseLandmark.NOSE, *EARS]

#: Weight of the head's direction from the shoulders relative to that of the shoulders from the hips.
_HEAD_SHARE = 0.5

#: Minimum weight of a landmark in the size, if it is not visible at all; minimum size, as a tangent.
_MIN_SHARE, _MIN_SIZE = 0.15, 1e-4

#: Maximum distance of a landmark from the middle, and of a hand's from the wrist, in sizes.
FARTHEST, _FARTHEST_IN_HAND = 8.0, 2.0


class PersonViews(NamedTuple):
    """The views of N people."""

    rotation: np.ndarray    #: (N, 3, 3) from the camera's axes to the view's: x right, y down, z towards the person
    size: np.ndarray        #: (N,) tangent of the angle of one unit of `points`
    points: np.ndarray      #: (N, 33, 2) landmarks, x and y over z in the view, over the size
    world: np.ndarray       #: (N, 33, 3) m, MediaPipe's world landmarks along the view's axes
    hands: np.ndarray       #: (N, 2, 21, 3) left and right: as `points` from the body's wrist, and relative depth


def person_views(rays: np.ndarray, visibility: np.ndarray, world: np.ndarray,
                 hands: np.ndarray | None = None) -> PersonViews:
    """rays (N, 33, 2) x/z, y/z of landmarks in the camera; visibility (N, 33) 0 to 1; world (N, 33, 3) m.

    World landmarks are assumed along the axes of a camera directed at the person, as MediaPipe returns them, so that
    only the roll rotates them. hands (N, 2, 21, 3): x/z, y/z, and depth from the wrist over the wrist's z, of left and
    right; NaN, which becomes zero, for hands that were not detected.
    """
    rays = np.asarray(rays, np.float64)
    directions = ray_directions(rays)
    directions = directions / np.linalg.norm(directions, axis=-1, keepdims=True)
    forward = _unit(directions[:, _SHOULDERS + _HIPS].mean(axis=1))
    to_front = facing(forward)
    seen = directions @ np.swapaxes(to_front, -1, -2)
    flat = seen[..., :2] / np.maximum(seen[..., 2:], 0.05)
    shoulders, hips, head = (flat[:, part].mean(axis=1) for part in (_SHOULDERS, _HIPS, _HEAD))
    roll = upright(shoulders - hips + _HEAD_SHARE * (head - shoulders))
    share = np.maximum(visibility[:, _SIZED], _MIN_SHARE)
    squares = (flat[:, _SIZED] ** 2).sum(axis=-1)
    size = np.maximum(np.sqrt((share * squares).sum(axis=1) / share.sum(axis=1)), _MIN_SIZE)
    points = flat @ np.swapaxes(roll[:, :2, :2], -1, -2) / size[:, None, None]
    points = np.clip(points, -FARTHEST, FARTHEST)
    rotation = roll @ to_front
    return PersonViews(rotation, size, points, world @ np.swapaxes(roll, -1, -2),
                       _hand_points(hands, rotation, size, points[:, _WRISTS]))


def _hand_points(hands, rotation, size, wrists):
    """As in PersonViews."""
    if hands is None:
        return np.zeros((len(size), 2, 21, 3))
    known = np.isfinite(hands).all(axis=(2, 3))[..., None, None]
    hands = np.where(known, hands, 0.0)
    directions = ray_directions(hands[..., :2])
    seen = directions @ np.swapaxes(rotation, -1, -2)[:, None]
    unit_size = size[:, None, None, None]
    flat = seen[..., :2] / np.maximum(seen[..., 2:], 0.05) / unit_size - wrists[:, :, None]
    points = np.concatenate([flat, hands[..., 2:] / unit_size], axis=-1)
    return np.where(known, np.clip(points, -_FARTHEST_IN_HAND, _FARTHEST_IN_HAND), 0.0)


def roll_of(rotation: np.ndarray) -> np.ndarray:
    """Rotations (N, 3, 3) of views -> (N, 3, 3): their part about the view's axis, after pointing at the person."""
    return rotation @ np.swapaxes(facing(rotation[:, 2]), -1, -2)


def facing(forward: np.ndarray) -> np.ndarray:
    """(N, 3) unit, of positive z -> (N, 3, 3): the smallest rotation after which that direction is the z axis."""
    x, y, z = forward.T
    # Rodrigues' formula for the rotation of (x, y, z) to (0, 0, 1); no ray points backwards.
    k = 1 / (1 + np.maximum(z, 0))
    rows = [1 - k * x * x, -k * x * y, -x, -k * x * y, 1 - k * y * y, -y, x, y, z]
    return np.stack(rows, axis=-1).reshape(-1, 3, 3)


def upright(up: np.ndarray) -> np.ndarray:
    """(N, 2) -> (N, 3, 3) about z: afterwards this direction points up, against y."""
    length = np.linalg.norm(up, axis=-1)
    x, y = np.where(length > 1e-9, up.T / np.maximum(length, 1e-9), [[0.0], [-1.0]])
    zero, one = np.zeros_like(x), np.ones_like(x)
    return np.stack([-y, x, zero, -x, -y, zero, zero, zero, one], axis=-1).reshape(-1, 3, 3)


def _unit(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
