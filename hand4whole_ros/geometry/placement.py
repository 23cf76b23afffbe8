"""Position in front of a real camera of a person that a network estimated in a crop.

A crop is like the image of a camera that is directed at the person from afar: the optical axis of the network is
the ray through the middle of the crop. All numpy float64.
"""

from __future__ import annotations

import numpy as np

from .camera import Intrinsics
from .directions import minimal_rotation, normalize_vector

#: Minimum depth of any point of a person, m. No lens focuses on nearer points, and points behind the camera are
#: not visible.
MIN_DEPTH = 0.05

#: Rounds of reweighting, from errors in metres to errors in pixels.
_NUM_ITERATIONS = 4

#: Depth from least squares over depth from size alone, below which the former is rejected. Least squares shrinks the
#: depth as points and their pixels agree less, through zero to behind the camera; people in photographs have 0.74 to
#: 1.07, hands alone that were detected as people 0.11 and less.
_MIN_AGREEMENT = 0.5


def view_rotation(ray: np.ndarray) -> np.ndarray:
    """Rotation from a camera directed along the ray (x/z, y/z) to the camera itself, (3, 3)."""
    return minimal_rotation(np.array([0, 0, 1.0]), normalize_vector(np.append(ray, 1.0)))


def root_translation(points: np.ndarray, rays: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Translation (3,) m that projects points (M, 3) onto rays (M, 2); weights (M,) > 0.

    Linear least squares of x + tx - u (z + tz) = 0 and of the same for y, with every point at least MIN_DEPTH in front
    of the camera. If the solution is not, because points and rays contradict each other, the middles of both are
    aligned, at the depth at which the points spread as the rays do.
    """
    rows = np.zeros((len(points), 2, 3))
    rows[:, 0, 0] = rows[:, 1, 1] = 1
    rows[:, :, 2] = -rays
    right = rays * points[:, 2:] - points[:, :2]
    rows, right = rows * weight[:, None, None], right * weight[:, None]
    found = np.linalg.lstsq(rows.reshape(-1, 3), right.reshape(-1), rcond=None)[0]
    middle, ray, depth = _depth_from_spread(points, rays, weight)
    nearest = MIN_DEPTH - (points[:, 2] - middle[2]).min()
    if middle[2] + found[2] >= max(nearest, _MIN_AGREEMENT * depth):
        return found
    return max(depth, nearest) * np.append(ray, 1.0) - middle


def _depth_from_spread(points, rays, weight):
    """Weighted middles (3,) and (2,) of points and rays, and the depth (m) at which both have the same spread."""
    share = (weight ** 2 / (weight ** 2).sum())[:, None]
    middle, ray = (share * points).sum(0), (share * rays).sum(0)
    across = (share * (points - middle)[:, :2] ** 2).sum()
    return middle, ray, float(np.sqrt(across / max((share * (rays - ray) ** 2).sum(), 1e-12)))


def place_in_camera(points: np.ndarray, pixels: np.ndarray, box_centre: np.ndarray,
                    intrinsics: Intrinsics) -> tuple[np.ndarray, np.ndarray]:
    """The rigid motion of a person from a crop's virtual camera to the real one.

    points (M, 3) m, in the virtual camera's axes, from any origin; pixels (M, 2): their projections by that camera,
    in the whole image; box_centre (2,) px of the crop. Returns R (3, 3) and t (3,): R @ p + t is the point in the
    real camera's optical frame. R rotates the virtual camera's axis to the ray through the crop's middle; t is the
    translation for which all points together come nearest to their pixels through the real lens, every one of them
    in front of it (root_translation). A person near the camera has more perspective than the virtual camera, so
    single points stay some pixels away; from afar they coincide.
    """
    turn = view_rotation(intrinsics.normalize(np.asarray(box_centre, np.float64)))
    return turn, translation_to_pixels(np.asarray(points, np.float64) @ turn.T, pixels, intrinsics)


def translation_to_pixels(points: np.ndarray, pixels: np.ndarray, intrinsics: Intrinsics) -> np.ndarray:
    """t (3,) m for which points (M, 3) m + t, in the camera's axes, come nearest to their pixels (M, 2)."""
    points, rays = np.asarray(points, np.float64), intrinsics.normalize(np.asarray(pixels, np.float64))
    weight, moved = np.ones(len(points)), np.zeros(3)
    for _ in range(_NUM_ITERATIONS):
        moved = root_translation(points, rays, weight)
        weight = 1 / np.maximum(points[:, 2] + moved[2], 0.1)
    return moved
