"""Smoothness and accuracy of a motion. Joints (T, J, 3) in metres, at a constant rate in images a second."""

from __future__ import annotations

import numpy as np


def jitter(joints: np.ndarray, rate: float) -> float:
    """Mean length of the third derivative of joints (T, J, 3), m/s^3; NaN for fewer than four images.

    By differences of successive images, without any truth (Yi et al., TransPose, SIGGRAPH 2021).
    """
    return _mean_length(np.diff(np.asarray(joints, float), n=3, axis=0)) * rate ** 3


def acceleration_error(predicted: np.ndarray, true: np.ndarray, rate: float) -> float:
    """Mean distance between predicted and true accelerations of joints (T, J, 3), m/s^2.

    NaN for fewer than three images. By second differences (Kanazawa et al., HMMR, CVPR 2019).
    """
    difference = np.asarray(predicted, float) - np.asarray(true, float)
    return _mean_length(np.diff(difference, n=2, axis=0)) * rate ** 2


def _mean_length(vectors):
    return float(np.linalg.norm(vectors, axis=-1).mean()) if vectors.size else float('nan')
