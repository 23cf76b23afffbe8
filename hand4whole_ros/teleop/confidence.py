"""Confidence of a hand from the agreement between its keypoints seen in the image and its 3D keypoints projected.

Source: Liu et al., "DaHyF" (section 3.4, equations 8 and 9): both sets of keypoints are expressed from the centre of
the hand's box, in units of its size, concatenated to one vector each, and compared by the cosine of the angle between
them. If the box holds no hand, or the pose is wrong, the two sets differ.
"""

from __future__ import annotations

import numpy as np


def box_of(keypoints_2d: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre (2,) px and side, px, of the smallest square around keypoints (21, 2)."""
    low, high = keypoints_2d.min(axis=0), keypoints_2d.max(axis=0)
    return (low + high) / 2, float((high - low).max())


def agreement(seen: np.ndarray, projected: np.ndarray, center: np.ndarray | None = None, size: float | None = None
              ) -> float:
    """Cosine between keypoints (21, 2) px seen and projected, both in the whole image: -1 to 1.

    center (2,), size: of the square box that was given to the network, px; None: the square around the keypoints seen.
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
