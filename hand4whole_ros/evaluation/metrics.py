"""The field's error measures, on points in metres; leading dimensions are a batch and stay.

MPJPE and its variants: Ionescu et al., Human3.6M, 2014, PA- being after a similarity (Procrustes)
alignment; on vertices of a mesh the same functions give MPVPE and PA-MPVPE. Which points are aligned first
(`root_relative_mpjpe`) is defined by each data set: the pelvis for whole bodies, the wrist for hands, the neck for
faces (Hand4Whole, CVPR workshops 2022, section 5.1); protocols.py has the table. MRRPE: Moon et al., InterHand2.6M,
2020, here between the wrists. Shares of near points are in
threshold_metrics.py, measures of motion in temporal_metrics.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..geometry.alignment import procrustes_aligned
from ..skeleton import HAND_KEYPOINT

#: Wrist, index MCP, pinky MCP among the 21 hand keypoints.
_PALM = tuple(HAND_KEYPOINT[name] for name in ('wrist', 'index1', 'pinky1'))


def mpjpe(predicted: ArrayLike, true: ArrayLike) -> np.ndarray:
    """(..., N, 3) twice -> (...) mean distance of corresponding points."""
    return np.linalg.norm(np.asarray(predicted, float) - np.asarray(true, float), axis=-1).mean(-1)


def root_relative_mpjpe(predicted: np.ndarray, true: np.ndarray, predicted_root: np.ndarray,
                        true_root: np.ndarray) -> np.ndarray:
    """MPJPE after both sets are moved so that their roots (..., 3) lie at the origin."""
    return mpjpe(np.asarray(predicted) - np.asarray(predicted_root)[..., None, :],
                 np.asarray(true) - np.asarray(true_root)[..., None, :])


def bone_scaled_mpjpe(predicted: np.ndarray, true: np.ndarray, predicted_bone: np.ndarray,
                      true_bone: np.ndarray) -> np.ndarray:
    """MPJPE with one bone aligned to the true one at its first end, the prediction scaled to the true bone's length.

    (..., N, 3) twice; bones (..., 2, 3), the first end is the root. InterHand2.6M is measured so since IntagHand (Li et
    al., CVPR 2022), from the middle MCP to the wrist: it ignores the size of the hand.
    """
    predicted, true = np.asarray(predicted, float), np.asarray(true, float)
    predicted_bone, true_bone = np.asarray(predicted_bone, float), np.asarray(true_bone, float)
    length, true_length = (np.linalg.norm(np.diff(bone, axis=-2), axis=-1) for bone in (predicted_bone, true_bone))
    scaled = (predicted - predicted_bone[..., :1, :]) * (true_length / length)[..., None]
    return mpjpe(scaled, true - true_bone[..., :1, :])


def pa_mpjpe(predicted: ArrayLike, true: ArrayLike) -> np.ndarray:
    """MPJPE after the rotation, translation and scale that best align the prediction with the truth."""
    predicted, true = np.asarray(predicted, float), np.asarray(true, float)
    return mpjpe(procrustes_aligned(predicted, true), true)


def palm_frame(keypoints: np.ndarray) -> np.ndarray:
    """(..., 21, 3) hand keypoints -> (..., 3, 3) axes of the palm, as columns.

    x from the wrist to the middle between index and pinky MCP; z at right angles to the plane of wrist, index
    MCP and pinky MCP; y completes a right-handed frame.
    """
    wrist, index, pinky = (np.asarray(keypoints, float)[..., k, :] for k in _PALM)
    x = _unit((index + pinky) / 2 - wrist)
    z = _unit(np.cross(index - wrist, pinky - wrist))
    return np.stack([x, np.cross(z, x), z], axis=-1)


def palm_angle(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(..., 21, 3) twice -> (...) degrees of the rotation between the two palms."""
    return rotation_angle(palm_frame(predicted), palm_frame(true))


def rotation_angle(predicted: ArrayLike, true: ArrayLike) -> np.ndarray:
    """(..., 3, 3) twice -> (...) geodesic distance in degrees, 0 to 180."""
    between = np.swapaxes(np.asarray(predicted, float), -1, -2) @ np.asarray(true, float)
    # The arc tangent of both sine and cosine: an arc cosine alone loses small angles.
    sine = np.linalg.norm(np.stack([between[..., 2, 1] - between[..., 1, 2],
                                    between[..., 0, 2] - between[..., 2, 0],
                                    between[..., 1, 0] - between[..., 0, 1]], -1), axis=-1)
    return np.degrees(np.arctan2(sine, np.trace(between, axis1=-2, axis2=-1) - 1))


def mrrpe(predicted_left: ArrayLike, predicted_right: ArrayLike, true_left: ArrayLike,
          true_right: ArrayLike) -> np.ndarray:
    """(..., 3) four times -> (...) error of the vector from the left wrist to the right one."""
    predicted = np.asarray(predicted_right, float) - np.asarray(predicted_left, float)
    true = np.asarray(true_right, float) - np.asarray(true_left, float)
    return np.linalg.norm(predicted - true, axis=-1)


def rrve(predicted: dict[str, np.ndarray], true: dict[str, np.ndarray], predicted_root: np.ndarray,
         true_root: np.ndarray) -> np.ndarray:
    """Mean distance over the vertices of both hands (side -> (..., V, 3)) after the right wrists (..., 3) are
    aligned: shape, pose and relation of the two in one figure (Moon, InterWild, CVPR 2023)."""
    both, true_both = (np.concatenate([np.asarray(hands[side]) for side in ('left', 'right')], axis=-2)
                       for hands in (predicted, true))
    return root_relative_mpjpe(both, true_both, predicted_root, true_root)


def relative_depth_error(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(..., 3) twice, camera optical frame -> (...) |z - z_true| / z_true."""
    predicted_z, true_z = np.asarray(predicted, float)[..., 2], np.asarray(true, float)[..., 2]
    return np.abs(predicted_z - true_z) / true_z


def _unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
