"""Probability that a fitted person, and each joint, lies within a fifth of the trunk from the true one in the image.

There are two estimates, for people estimated both ways and for those estimated one way. Lengths in the image are in
trunk diagonals (landmarks.measures).

A person: a logistic regression, on 529 labelled people in photographs, on the logarithms of three numbers: what the
keypoint scores of the limbs lack to 1, the distance of the body from its landmarks, and the spread that the lifting
network expects of the bones. Both ways the spread is multiplied by the disagreement of the landmarks in several regions
of an image and their mirror images. The rank correlation with the error of people in four sets of photographs, each
left out of the regression, is 0.54 (36 people), 0.73 (27), 0.66 (255) and 0.73 (211); one way 0.48, 0.69, 0.62 and
0.70. It is multiplied by the probability that it is a person at all (landmarks.person_evidence). Of somebody whom the
edge of the image cuts, limbs outside it are left out of the means, and that it may be no person counts more, by as much
as limbs are missing: it may be a dog's face.

A joint, on the 3,100 labelled joints of 318 of these people: by the score of its landmark, and by the part of the body.
Both ways, by the same product with the larger of the disagreement of its landmark and a distance that the score
implies. Alone, scores tell joints that are near from others with an area under the curve of 0.78 to 0.92, visibility of
0.69 to 0.77. Joints without a landmark use those around them, fingers use their hand's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..detection.holistic_landmarks import HolisticLandmarks
from ..landmarks.indices import EARS, HIPS, LIMBS, MIRRORED_POSE, SHOULDERS, PoseLandmark
from ..landmarks.measures import torso_length, trunk_diagonal
from ..skeleton import HAND_SLICE, JOINT, MIRROR, NUM_JOINTS
from .visibility import logit

#: Constant, and factors of the logarithms of what the limbs' mean score lacks to 1, of the misfit, and of the spread;
#: both ways of disagreement times spread, trunk diagonals times m.
_PERSON_BOTH_WAYS, _PERSON_ONE_WAY = (-13.30, -1.30, -1.62, -1.11), (-12.12, -3.87, -1.49, -1.07)

#: Constant of a joint by part, both ways and one way.
_JOINT = {'trunk': (-8.9, 1.7), 'shoulder': (-10.20, 0.41), 'hip': (-10.65, 0.17), 'elbow': (-9.88, 0.73),
          'wrist': (-10.12, 0.24), 'knee': (-9.95, 0.78), 'foot': (-10.08, 0.63)}

#: Factor of the logarithm of a joint's product, both ways; of the logit of its score, one way.
_BY_PRODUCT, _BY_SCORE = -1.75, 1.88

#: Trunk diagonals: the distance that a score of 0.5 implies; it is inversely proportional to the odds of the score.
_AT_EVEN_ODDS = 0.05

#: Added to a disagreement, trunk diagonals: landmarks that agree may still be wrong together.
_LEAST = 0.005

#: Joint of the left side or the middle -> its part, and the landmarks of left and right whose score it has.
_JOINTS = {
    'pelvis': ('trunk', HIPS), 'left_hip': ('hip', (PoseLandmark.LEFT_HIP,)), 'spine1': ('trunk', SHOULDERS + HIPS),
    'spine2': ('trunk', SHOULDERS + HIPS), 'spine3': ('trunk', SHOULDERS), 'neck': ('trunk', SHOULDERS),
    'head': ('trunk', EARS + SHOULDERS), 'jaw': ('trunk', (PoseLandmark.MOUTH_LEFT, PoseLandmark.MOUTH_RIGHT)),
    'left_eye': ('trunk', (PoseLandmark.LEFT_EYE,)), 'left_collar': ('trunk', (PoseLandmark.LEFT_SHOULDER,)),
    'left_shoulder': ('shoulder', (PoseLandmark.LEFT_SHOULDER,)), 'left_elbow': ('elbow', (PoseLandmark.LEFT_ELBOW,)),
    'left_wrist': ('wrist', (PoseLandmark.LEFT_WRIST,)), 'left_knee': ('knee', (PoseLandmark.LEFT_KNEE,)),
    'left_ankle': ('foot', (PoseLandmark.LEFT_ANKLE,)), 'left_foot': ('foot', (PoseLandmark.LEFT_FOOT_INDEX,))}


def _joint_table() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The N joints of _JOINTS and of the other side, their parts, and the weights (N, 33) of their landmarks."""
    found = {}
    for name, (part, rows) in _JOINTS.items():
        joint = JOINT[name]
        for each, landmarks in ((joint, rows), (MIRROR[joint], [MIRRORED_POSE[row] for row in rows])):
            found[each] = part, np.isin(np.arange(len(MIRRORED_POSE)), landmarks) / len(rows)
    parts, weights = zip(*found.values())
    return np.array(list(found)), np.array(parts), np.array(weights)


_ESTIMATED, _PARTS, _MEAN_OF_LANDMARKS = _joint_table()
_CONSTANTS_BOTH_WAYS, _CONSTANTS_ONE_WAY = np.array([_JOINT[part] for part in _PARTS]).T


def person_confidence(landmarks: HolisticLandmarks, misfit: float, spread: float, inside: np.ndarray) -> float:
    """0 to 1. misfit: see `misfit`; spread: the lifting network's mean error of bones (geometric mean), m.

    inside (33,): whether each landmark is in the image: limbs outside count neither for nor against the rest.
    """
    limbs, apart = [row for row in LIMBS if inside[row]] or list(LIMBS), _disagreement(landmarks)
    constant, *factors = _PERSON_ONE_WAY if apart is None else _PERSON_BOTH_WAYS
    product = spread * (1.0 if apart is None else apart[limbs].mean() + _LEAST)
    logarithms = np.log(np.maximum([1 - _score(landmarks)[limbs].mean(), misfit, product], (1e-2, 1e-3, 1e-6)))
    return float(landmarks.person ** (len(LIMBS) / len(limbs)) * _probability(constant + factors @ logarithms))


def misfit(fitted: np.ndarray, observed: np.ndarray, visibility: np.ndarray) -> float:
    """Mean distance of landmarks (33, 2) from the fitted ones, weighted by visibility, in trunk diagonals."""
    away = np.linalg.norm(fitted - observed, axis=1)
    return float((away @ visibility) / max(visibility.sum(), 1e-9) / trunk_diagonal(fitted))


def joint_confidence(landmarks: HolisticLandmarks, hands: Mapping[str, float], spread: float | None = None
                     ) -> np.ndarray:
    """(55,) 0 to 1.

    hands: side -> 0 to 1 of those that were detected. spread: see person_confidence; None without a lifting network:
    then all people count as estimated one way.
    """
    score_logit, apart = _MEAN_OF_LANDMARKS @ logit(_score(landmarks)), _disagreement(landmarks)
    confidence = np.zeros(NUM_JOINTS)
    if apart is None or spread is None:
        log_odds = _CONSTANTS_ONE_WAY + _BY_SCORE * score_logit
    else:
        distance = np.hypot(_MEAN_OF_LANDMARKS @ apart, _AT_EVEN_ODDS * np.exp(-score_logit)) + _LEAST
        log_odds = _CONSTANTS_BOTH_WAYS + _BY_PRODUCT * np.log(distance * max(spread, 1e-4))
    confidence[_ESTIMATED] = _probability(log_odds)
    for side, value in hands.items():
        confidence[HAND_SLICE[side]] = value
    return confidence


def _score(landmarks):
    """(33,) 0 to 1; of landmarks without scores their visibility."""
    return landmarks.visibility if landmarks.keypoint_score is None else landmarks.keypoint_score


def _disagreement(landmarks):
    """(33,) in trunk diagonals; None if the person was estimated one way."""
    if landmarks.disagreement is None:
        return None
    return landmarks.disagreement * (torso_length(landmarks.pose) / trunk_diagonal(landmarks.pose))


def _probability(logit):
    return 1 / (1 + np.exp(-np.clip(logit, -30, 30)))
