"""Agreement between a hand's keypoints that were detected in the image and its 3D keypoints projected.

Source: Liu et al., "DaHyF" (section 3.4, equations 8 and 9): both sets of keypoints are expressed from the centre of
the hand's box, in units of its size, concatenated to one vector each, and compared by the cosine of the angle between
them. If the box contains no hand, or the pose is wrong, the two sets differ. networks.dahyf trains with this cosine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .camera import Intrinsics


def box_of(keypoints_2d: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre (2,) px and side, px, of the smallest square around keypoints (N, 2)."""
    low, high = keypoints_2d.min(axis=0), keypoints_2d.max(axis=0)
    return (low + high) / 2, float((high - low).max())


def keypoint_agreement(seen: np.ndarray, projected: np.ndarray, center: np.ndarray | None = None,
                       size: float | None = None) -> float:
    """Cosine between keypoints (N, 2) px detected and projected, both in the whole image: -1 to 1.

    center (2,), size: of the square box of the network's input, px; None: the square around the detected keypoints.
    Returns 0 if either set is not finite or has no extent.
    """
    seen, projected = np.asarray(seen, np.float64), np.asarray(projected, np.float64)
    if seen.shape != projected.shape or not (np.isfinite(seen).all() and np.isfinite(projected).all()):
        return 0.0
    if center is None or size is None:
        center, size = box_of(seen)
    if not size > 0:
        return 0.0
    # Equation 8 scales from pixels of the crop to pixels of the image first; here both are in the image already.
    v_seen, v_projected = ((points - center).ravel() / size for points in (seen, projected))
    lengths = np.linalg.norm(v_seen) * np.linalg.norm(v_projected)
    return float(v_seen @ v_projected / lengths) if lengths > 0 else 0.0


def measure_agreement(detected: ArrayLike, keypoints: ArrayLike, intrinsics: Intrinsics) -> float:
    """0 to 1, as HandEstimate.agreement: of keypoints (21, 2) px detected and (21, 3) m in the camera optical frame.

    detected: NaN for keypoints that were not detected. A negative cosine, of keypoints in opposite directions, gives 0;
    so do keypoints behind the camera.
    """
    detected = np.asarray(detected, np.float64)
    known = np.isfinite(detected).all(axis=1)
    if not known.any():
        return 0.0
    projected = intrinsics.project(np.asarray(keypoints, np.float64))
    return min(max(keypoint_agreement(detected[known], projected[known]), 0.0), 1.0)
