"""The errors of one person, in the units that tables show."""

from __future__ import annotations

import numpy as np

from .. import skeleton
from ..landmarks.indices import LIMBS, NUM_POSE_LANDMARKS
from ..landmarks.measures import trunk_diagonal
from . import metrics

#: The body joints compared: both shoulders, elbows, wrists, hips.
BODY_JOINTS = tuple(skeleton.JOINT[f'{side}_{name}'] for name in ('shoulder', 'elbow', 'wrist', 'hip')
                    for side in skeleton.SIDES)
_LEFT_WRIST, _RIGHT_WRIST = 4, 5     # among BODY_JOINTS
_SHOULDERS, _HIPS = slice(0, 2), slice(6, 8)

#: Those and both knees and ankles, as landmarks.indices.LIMBS.
LIMB_JOINTS = (*BODY_JOINTS, *(skeleton.JOINT[f'{side}_{name}'] for name in ('knee', 'ankle')
                               for side in skeleton.SIDES))


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


def posture_errors(limbs: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Points of LIMB_JOINTS (12, 3) m, camera axes, against their truth: mm of knees and ankles from the middle of the
    hips, and degrees of the heading: of the trunk's front, seen from above the camera."""
    legs = slice(len(BODY_JOINTS), None)
    ahead, true_ahead = _heading(limbs), _heading(true)
    turn = np.arctan2(ahead[0] * true_ahead[1] - ahead[1] * true_ahead[0], ahead @ true_ahead)
    return {'legs_mm': 1e3 * float(metrics.root_relative_mpjpe(limbs[legs], true[legs], limbs[_HIPS].mean(0),
                                                               true[_HIPS].mean(0))),
            'heading_deg': abs(float(np.degrees(turn)))}


def _heading(limbs):
    """(2,) x and z: where the front of the trunk is turned to."""
    across = limbs[_SHOULDERS] + limbs[_HIPS]
    front = np.cross(limbs[_SHOULDERS].sum(0) - limbs[_HIPS].sum(0), across[0] - across[1])
    return front[[0, 2]]


def image_error(limbs: np.ndarray, true: np.ndarray, visible: np.ndarray) -> float | None:
    """Points of LIMB_JOINTS (12, 2) px against their truth: mean distance of the visible ones (12,) bool, in torsos,
    from shoulder to opposite hip; None if none is visible."""
    if not visible.any():
        return None
    landmarks = np.zeros((NUM_POSE_LANDMARKS, 2))
    landmarks[list(LIMBS)] = true
    return float(np.linalg.norm(limbs - true, axis=1)[visible].mean() / trunk_diagonal(landmarks))


def hand_errors(keypoints: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Keypoints (21, 3) m against their truth: mm after Procrustes, and degrees of the palm."""
    return {'hand_pa_mm': 1e3 * float(metrics.pa_mpjpe(keypoints, true)),
            'palm_deg': float(metrics.palm_angle(keypoints, true))}
