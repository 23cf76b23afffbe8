"""Shares of points within a distance: F-scores of meshes, PCK and the area under its curve. All in metres.

As FreiHAND measures them (Zimmermann et al., ICCV 2019); F-scores are of Knapitsch et al., Tanks and Temples, 2017.
"""

from __future__ import annotations

import numpy as np
from scipy.integrate import trapezoid
from scipy.spatial import KDTree


def f_score(predicted: np.ndarray, true: np.ndarray, threshold: float) -> float:
    """F@threshold of two sets of points (N, 3) and (M, 3) m, 0 to 1; correspondences are not used.

    The harmonic mean of two shares: of predicted points nearer than threshold to some true one (precision), and of
    true points nearer than that to some predicted one (recall). F@5 and F@15 of the papers are of meshes after
    Procrustes alignment, at 5 and 15 mm.
    """
    predicted, true = np.asarray(predicted, float), np.asarray(true, float)
    precision = float((KDTree(true).query(predicted)[0] < threshold).mean())
    recall = float((KDTree(predicted).query(true)[0] < threshold).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def pck(distances: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Distances (...) m -> (T,) the share, 0 to 1, that does not exceed each threshold (T,)."""
    return (np.asarray(distances, float).reshape(-1) <= np.asarray(thresholds, float)[:, None]).mean(axis=1)


def auc(distances: np.ndarray, start: float = 0.0, end: float = 0.05, steps: int = 100) -> float:
    """Area under PCK between two thresholds in m, over its width: 0 to 1.

    The defaults are FreiHAND's, 100 thresholds from 0 to 50 mm. Where every keypoint has as many distances as any
    other, this is also the mean of the keypoints' own areas.
    """
    thresholds = np.linspace(start, end, steps)
    return float(trapezoid(pck(distances, thresholds), thresholds) / (end - start))
