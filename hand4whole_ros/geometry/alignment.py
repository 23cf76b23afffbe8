"""Laying one set of points onto another: rigid and similarity (Procrustes) alignment, batched."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from .._vendor_patches.roma_import import roma


def rigid_alignment(source: Tensor, target: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The rotation R (..., 3, 3) and translation t (..., 3) that make R @ source + t nearest to target.

    source and target (..., N, 3); weights (..., N), not negative, or None for equal ones. Least squares;
    R is always a proper rotation (Kabsch, Umeyama 1991).
    """
    _prepare(source.device)
    rotation, translation = roma.rigid_points_registration(source, target, weights=weights)
    return rotation, translation


def similarity_alignment(source: Tensor, target: Tensor,
                         weights: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """As rigid_alignment, with a scale s (...): R, t, s make s * R @ source + t nearest to target."""
    _prepare(source.device)
    return roma.rigid_points_registration(source, target, weights=weights, compute_scaling=True)


def apply_alignment(points: Tensor, rotation: Tensor, translation: Tensor,
                    scale: Tensor | None = None) -> Tensor:
    """s * R @ p + t for every point of (..., N, 3)."""
    moved = points @ rotation.transpose(-1, -2)
    if scale is not None:
        moved = moved * scale[..., None, None]
    return moved + translation[..., None, :]


def procrustes_aligned(source: Tensor, target: Tensor) -> Tensor:
    """`source` (..., N, 3) laid onto `target` by the best rotation, translation and scale.

    What is left between the result and the target is the error after Procrustes (PA-MPJPE, PA-MPVPE).
    """
    return apply_alignment(source, *similarity_alignment(source, target))


@functools.cache
def _prepare(device):
    # roma keeps a constant from its first call on a device; made in inference mode, it would refuse gradients for good.
    with torch.inference_mode(False):
        roma.special_procrustes(torch.eye(3, device=device))
