"""From a landmark network's outputs to landmarks in the image."""

from __future__ import annotations

import numpy as np

from .regions import Region, rotated


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Probabilities, float64, of these networks' logits, which are never so large that exp overflows."""
    return 1 / (1 + np.exp(-logits.astype(float)))


def image_landmarks(values: np.ndarray, region: Region) -> np.ndarray:
    """Landmarks (N, 3) of a region, 0 and 1 at its edges, depth in its sides -> px, px, depth in px."""
    return np.concatenate([region.to_image(values[:, :2]), values[:, 2:3] * region.side], axis=1)


def world_landmarks(values: np.ndarray, region: Region) -> np.ndarray:
    """Landmarks (N, 3) m in axes of a region -> m in axes of the image: x right, y down, z away from the camera."""
    return np.concatenate([rotated(values[:, :2], region.rotation), values[:, 2:3]], axis=1)
