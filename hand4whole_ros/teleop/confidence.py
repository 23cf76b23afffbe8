"""How far a hand can be trusted, from the agreement between where its keypoints are seen and where it projects to.

Source: Liu et al., "DaHyF" (section 3.4, equations 8 and 9): both sets of keypoints are taken from the centre of the
hand's box, in units of its size, strung together to one vector each, and compared by the cosine of the angle between
them. A hand that is none, or whose pose is wrong, projects to other places than its keypoints are seen at.
"""

from __future__ import annotations

import numpy as np


def box_of(keypoints_2d: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre (2,) px and size, px, of the least square around keypoints (21, 2)."""
    low, high = keypoints_2d.min(axis=0), keypoints_2d.max(axis=0)
    return (low + high) / 2, float((high - low).max())


def agreement(seen: np.ndarray, projected: np.ndarray, center: np.ndarray | None = None, size: float | None = None
              ) -> float:
    """Cosine between keypoints (21, 2) px that are seen and that are projected, both of the whole image: -1 to 1.

    center (2,), size: of the square that the hand was sought in, px; None: the one around the keypoints that are seen.
    0 where either set is not finite or has no extent.
    """
    seen, projected = np.asarray(seen, np.float64), np.asarray(projected, np.float64)
    if seen.shape != projected.shape or not (np.isfinite(seen).all() and np.isfinite(projected).all()):
        return 0.0
    if center is None or size is None:
        center, size = box_of(seen)
    if not size > 0:
        return 0.0
    # Equation 8 first scales from the crop's pixels to the image's; here both are the image's already.
    v_seen, v_projected = ((points - center).ravel() / size for points in (seen, projected))
    lengths = np.linalg.norm(v_seen) * np.linalg.norm(v_projected)
    return float(v_seen @ v_projected / lengths) if lengths > 0 else 0.0
