"""Alignment of one set of points to another: rigid and similarity (Procrustes), batched.

Least squares over rotations without reflections (Kabsch 1976, Umeyama 1991). Numpy arrays are aligned here, in a few
dozen microseconds each; tensors by roma, which is differentiable and costs twenty times as much.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

Array = TypeVar('Array', np.ndarray, 'Tensor')


def rigid_alignment(source: Array, target: Array) -> tuple[Array, Array]:
    """The rotation R (..., 3, 3) and translation t (..., 3) that make R @ source + t nearest to target.

    source and target (..., N, 3), both numpy or both tensors; for tensors differentiable. Numpy arrays broadcast, and
    if a point is not finite all of R and t are NaN.
    """
    if not isinstance(source, np.ndarray):
        rotation, translation = _tensor_alignment(source.device)(source, target)
        return rotation, translation
    (source, here), (target, there) = _centred(source), _centred(target)
    rotation = _rotation(source, target)
    return rotation, there - (rotation @ here[..., None])[..., 0]


def similarity_alignment(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As rigid_alignment, with a scale s (...): R, t, s make s * R @ source + t nearest to target."""
    (source, here), (target, there) = _centred(source), _centred(target)
    rotation = _rotation(source, target)
    spread = np.maximum((source ** 2).sum((-1, -2)), np.finfo(float).tiny)
    scale = ((source @ np.swapaxes(rotation, -1, -2)) * target).sum((-1, -2)) / spread
    return rotation, there - scale[..., None] * (rotation @ here[..., None])[..., 0], scale


def apply_alignment(points: Array, rotation: Array, translation: Array, scale: Array | None = None) -> Array:
    """s * R @ p + t for every point of (..., N, 3)."""
    turned = points @ rotation.swapaxes(-1, -2)
    scaled = turned if scale is None else turned * scale[..., None, None]
    return scaled + translation[..., None, :]  # pyright: ignore[reportReturnType] (of the argument's type)


def procrustes_aligned(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """`source` (..., N, 3) aligned to `target` by the best rotation, translation and scale. float64.

    The difference between the result and the target is the error after Procrustes (PA-MPJPE, PA-MPVPE).
    """
    return apply_alignment(np.asarray(source, float), *similarity_alignment(source, target))


def _centred(points):
    """Points (..., N, 3) about their mean, and the mean (..., 3). float64."""
    points = np.asarray(points, float)
    mean = points.mean(-2, keepdims=True)
    return points - mean, mean[..., 0, :]


def _rotation(source, target):
    """The rotations (..., 3, 3) that best map centred points to centred points."""
    covariance = np.swapaxes(target, -1, -2) @ source
    finite = np.isfinite(covariance).all((-1, -2), keepdims=True)
    u, _, vt = np.linalg.svd(np.where(finite, covariance, 0))
    proper = np.ones(u.shape[:-1])
    proper[..., 2] = np.linalg.det(u @ vt)
    return np.where(finite, (u * proper[..., None, :]) @ vt, np.nan)


@functools.cache
def _tensor_alignment(device):
    """roma's function, ready for tensors on a device. Imported here: numpy arrays need no torch."""
    import torch

    from .._vendor_patches.roma_import import roma
    # roma caches a constant at its first call on a device; created in inference mode, it would never allow gradients.
    with torch.inference_mode(False):
        roma.special_procrustes(torch.eye(3, device=device))
    return roma.rigid_points_registration
