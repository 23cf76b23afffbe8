"""The errors of one person, in the units that tables show."""

from __future__ import annotations

import numpy as np

from .. import skeleton
from . import metrics

#: The body joints compared: both shoulders, elbows, wrists, hips.
BODY_JOINTS = tuple(skeleton.JOINT[f'{side}_{name}'] for name in ('shoulder', 'elbow', 'wrist', 'hip')
                    for side in skeleton.SIDES)
_LEFT_WRIST, _RIGHT_WRIST = 4, 5     # among BODY_JOINTS
_HIPS = slice(6, 8)


def body_errors(body: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Points of BODY_JOINTS (8, 3) m against their truth: mm after Procrustes, from the middle of the
    hips, and of the vector from wrist to wrist."""
    return {
        'body_pa_mm': 1e3 * float(metrics.pa_mpjpe(body, true)),
        'body_root_mm': 1e3 * float(metrics.root_relative_mpjpe(
            body, true, body[_HIPS].mean(0), true[_HIPS].mean(0))),
        'mrrpe_mm': 1e3 * float(metrics.mrrpe(body[_LEFT_WRIST], body[_RIGHT_WRIST],
                                              true[_LEFT_WRIST], true[_RIGHT_WRIST]))}


def depth_error(body: np.ndarray, true: np.ndarray) -> float:
    """Points of BODY_JOINTS (8, 3) m in the camera frame: error of the hips' distance, per cent."""
    return 100 * float(metrics.relative_depth_error(body[_HIPS].mean(0), true[_HIPS].mean(0)))


def hand_errors(keypoints: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Keypoints (21, 3) m against their truth: mm after Procrustes, and degrees of the palm."""
    return {'hand_pa_mm': 1e3 * float(metrics.pa_mpjpe(keypoints, true)),
            'palm_deg': float(metrics.palm_angle(keypoints, true))}
