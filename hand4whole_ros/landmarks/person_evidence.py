"""The evidence that the landmarks of a region are those of a person, and whether two poses are of the same person.

The pose network gives landmarks of anything, with a high visibility. Its heat maps tell people from objects and animals
best: their maxima are sharp at a person's landmarks. Landmarks of a person and of the mirror image of that person are
near each other, those of an object are not: that counts as well for a pose that was estimated both ways.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..geometry.boxes import inside
from .detection import Detection
from .indices import EARS, LIMBS, SHOULDERS, FaceKeypoint, PoseLandmark
from .measures import torso_length
from .pose import PoseLandmarks

#: Nose, shoulders, elbows, wrists, hips, knees, ankles; nose, ears and shoulders; and all of these with the mouth.
_BODY = [int(PoseLandmark.NOSE), *LIMBS]
_TOP = [int(PoseLandmark.NOSE), *EARS, *SHOULDERS]
_FRAME = [*_TOP[:3], PoseLandmark.MOUTH_LEFT, PoseLandmark.MOUTH_RIGHT, *_BODY[1:]]

#: In torsos: landmarks this far apart have a similarity of exp(-1/2).
_SIGMA = 0.2

#: Poses with a higher similarity, of the whole body or of head and shoulders, are of the same person.
SAME_PERSON, SAME_TOP = 0.5, 0.6

#: See visible_share.
_LOSS_OUTSIDE = 0.25

#: See world_residual.
_WEIGHT_OUTSIDE = 0.05

#: Minimum weight of a landmark that is not visible.
_MIN_WEIGHT = 0.05

#: Torsos; smaller values count as this.
_LEAST_DISAGREEMENT = 0.01

#: See shown_score.
_LEAST_WEIGHT = 0.02


def similarity(one: PoseLandmarks, other: PoseLandmarks, rows: list[int] | None = None) -> float:
    """Object keypoint similarity, 0 to 1, of the body's landmarks (or those `rows`), weighted with visibility."""
    rows = _BODY if rows is None else rows
    size = max(torso_length(one.landmarks), torso_length(other.landmarks))
    distance = np.linalg.norm(one.landmarks[rows, :2] - other.landmarks[rows, :2], axis=1) / size
    weights = np.sqrt(np.maximum(one.visibility[rows], _MIN_WEIGHT) * np.maximum(other.visibility[rows], _MIN_WEIGHT))
    return float(weights @ np.exp(-0.5 * (distance / _SIGMA) ** 2) / weights.sum())


def same_person(one: PoseLandmarks, other: PoseLandmarks) -> bool:
    """Whether two poses of one image are of the same person: their landmarks coincide, not only their boxes."""
    return similarity(one, other) > SAME_PERSON or similarity(one, other, _TOP) > SAME_TOP


def world_residual(pose: PoseLandmarks, width: int, height: int) -> float:
    """Residual of the world landmarks, scaled and moved, on those in the image: 0 to 1, a share of their extent.

    The network estimates both independently of each other; they agree on a person. Landmarks outside the image,
    of that size in px, hardly count.
    """
    points, world = pose.landmarks[_FRAME, :2], pose.world_landmarks[_FRAME, :2]
    shown = inside(points, width, height)
    weights = np.maximum(pose.visibility[_FRAME], 0.1) * np.where(shown, 1, _WEIGHT_OUTSIDE)
    weights = (weights / weights.sum())[:, None]
    points, world = points - (weights * points).sum(0), world - (weights * world).sum(0)
    scale = (weights * points * world).sum() / max((weights * world ** 2).sum(), 1e-12)
    extent = (weights * points ** 2).sum()
    return float(np.sqrt((weights * (points - scale * world) ** 2).sum() / max(extent, 1e-12)))


def visible_share(pose: PoseLandmarks, width: int, height: int) -> float:
    """The mean visibility of the landmarks, 0 to 1; one outside the image counts three quarters of the mean inside.

    Landmarks outside the image cannot be visible: a person seen from the chest up must count like one seen completely.
    """
    shown = inside(pose.landmarks[:, :2], width, height)
    if not shown.any():
        return 0.0
    return float(pose.visibility[shown].mean() * (1 - _LOSS_OUTSIDE * (1 - shown.mean())))


def shown_score(pose: PoseLandmarks, width: int, height: int) -> float:
    """The mean keypoint score, weighted with the visibility of the landmarks that are inside the image, 0 to 1."""
    weights = pose.visibility * inside(pose.landmarks[:, :2], width, height) + _LEAST_WEIGHT
    return float(weights @ pose.keypoint_score / weights.sum())


def mirror_distance(pose: PoseLandmarks) -> float | None:
    """Logarithm of the mean distance of a pose and that of the mirror image from their mean, in tenths of a torso.

    None for a pose estimated one way only.
    """
    if pose.disagreement is None:
        return None
    weights = np.maximum(pose.visibility[_BODY], _MIN_WEIGHT)
    return float(np.log(max(weights @ pose.disagreement[_BODY] / weights.sum(), _LEAST_DISAGREEMENT) / 0.1))


def features(score: float, pose: PoseLandmarks, *, width: int, height: int) -> np.ndarray:
    """Inputs of `evidence`: (4,), or (5,) for a pose that was estimated both ways."""
    both = mirror_distance(pose)
    return np.array([score, visible_share(pose, width, height), world_residual(pose, width, height),
                     shown_score(pose, width, height), *(() if both is None else (both,))])


class _Regression(NamedTuple):
    """A logistic regression on candidates of photographs: 1180 of people, 3610 of objects and animals."""

    weights: np.ndarray     # of `features`
    bias: float
    face: float             # contribution of a face at the pose's eyes


_ONE_WAY = _Regression(np.array([4.4, 9.7, -7.6, 21.4]), -21.8, 2.2)
_BOTH_WAYS = _Regression(np.array([4.6, 10.6, -7.8, 20.2, -0.84]), -22.35, 2.2)


#: Weights of `features`; see evidence_and_clarity.
_CLARITY = np.array([0.0, 8.0, 0.0, 10.0, -1.0])


def _regression(pose):
    return _ONE_WAY if pose.disagreement is None else _BOTH_WAYS


def evidence(score: float, pose: PoseLandmarks, *, width: int, height: int) -> float:
    """Log-odds that landmarks in an image of that size, px, are those of a person; score: of the detector, 0 to 1."""
    return evidence_and_clarity(score, pose, width=width, height=height)[0]


def evidence_and_clarity(score: float, pose: PoseLandmarks, *, width: int, height: int) -> tuple[float, float]:
    """`evidence`, and the clarity: of several poses of one person the one with the highest is taken.

    On photographs such poses are nearer to the labelled joints than those of the most evidence.
    """
    model, inputs = _regression(pose), features(score, pose, width=width, height=height)
    return float(model.weights @ inputs + model.bias), float(_CLARITY[:len(inputs)] @ inputs)


#: Minimum score of a face that confirms a pose; maximum distance of its eyes from the pose's, in distances of the eyes.
MIN_FACE_SCORE, _MAX_EYE_GAP = 0.7, 0.5


def face_evidence(face: Detection | None, pose: PoseLandmarks) -> float:
    """Contribution of a face to a pose's evidence if it was detected at the pose's eyes, otherwise 0."""
    if face is None or face.score < MIN_FACE_SCORE:
        return 0.0
    eyes = face.keypoints[[FaceKeypoint.RIGHT_EYE, FaceKeypoint.LEFT_EYE]]
    gap = np.linalg.norm(eyes - pose.landmarks[[PoseLandmark.RIGHT_EYE, PoseLandmark.LEFT_EYE], :2], axis=1).max()
    return _regression(pose).face if gap < _MAX_EYE_GAP * np.linalg.norm(eyes[0] - eyes[1]) else 0.0
