"""Probability that a fitted person, and each joint, lies within a fifth of the trunk from the true one in the image.

The best predictor is the disagreement of the landmarks in several regions of an image and their mirror images. It is
multiplied by the spread that the lifting network expects of the bones: a person may be estimated alike in all regions
and yet have a pose that is hard to lift. Lengths in the image are in trunk diagonals (landmarks.measures).

So there are two estimates, for people estimated both ways and for those estimated one way. A person's is multiplied by
the probability that it is a person at all (landmarks.person_evidence).

A person, both ways: a logistic regression on the logarithm of that product, on 361 drawn people in every posture
outside the training data and 50 labelled people in photographs. Rank correlation with the error of people in
photographs, each picture left out of the regression in turn: 0.58. One way: on the distance of the fitted body from
its landmarks and on the spread, on 475 drawn people; 0.36.

A joint, both ways: on the same product with the disagreement of its own landmarks, on their visibility, and on the
part of the body, on the same people. One way: by visibility, counted on 455 drawn people. Joints without a landmark use
those around them, fingers use their hand's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..detection.holistic_landmarks import HolisticLandmarks
from ..landmarks.indices import EARS, HIPS, LIMBS, MIRRORED_POSE, SHOULDERS, PoseLandmark
from ..landmarks.measures import torso_length, trunk_diagonal
from ..skeleton import HAND_SLICE, JOINT, MIRROR, NUM_JOINTS
from .visibility import logit

#: One way. Visibility, and the share of joints that are near, by part; shoulders and hips are as the trunk.
_VISIBILITY = np.array([0.05, 0.2, 0.4, 0.6, 0.8, 0.93, 0.98, 0.994])
_NEAR = {
    'trunk': np.array([0.20, 0.30, 0.40, 0.50, 0.60, 0.78, 0.84, 0.93]),
    'elbow': np.array([0.48, 0.64, 0.72, 0.84, 0.89, 0.90, 0.91, 0.96]),
    'wrist': np.array([0.39, 0.52, 0.74, 0.79, 0.88, 0.91, 0.95, 0.99]),
    'knee': np.array([0.26, 0.46, 0.52, 0.60, 0.70, 0.85, 0.89, 0.92]),
    'foot': np.array([0.18, 0.26, 0.43, 0.65, 0.80, 0.89, 0.94, 0.96])}

#: Both ways: constant, factor of the logarithm of disagreement times spread, trunk diagonals times m.
_PERSON_BOTH_WAYS = (-14.10, -2.454)

#: One way: constant, and factors of the logarithms of misfit and spread.
_PERSON_ONE_WAY = (-25.3, -2.54, -4.91)

#: Both ways: constant by part, factor of that logarithm for the joint, and of the logit of the visibility.
_JOINT_BOTH_WAYS = {'trunk': -11.04, 'shoulder': -12.34, 'hip': -12.72, 'elbow': -11.46, 'wrist': -10.98,
                    'knee': -11.36, 'foot': -11.98}
_BY_PRODUCT, _BY_VISIBILITY = -1.84, 0.265

#: Added to a disagreement, trunk diagonals: landmarks that agree may still be wrong together.
_LEAST = 0.005

#: Joint of the left side or the middle -> its part, and the landmarks of left and right whose visibility it has.
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
_CONSTANTS = np.array([_JOINT_BOTH_WAYS[part] for part in _PARTS])


def person_confidence(landmarks: HolisticLandmarks, misfit: float, spread: float) -> float:
    """0 to 1. misfit: see `misfit`; spread: the lifting network's mean error of bones (geometric mean), m."""
    log_spread, apart = np.log(max(spread, 1e-4)), _disagreement(landmarks)
    if apart is None:
        constant, by_misfit, by_spread = _PERSON_ONE_WAY
        log_odds = constant + by_misfit * np.log(max(misfit, 1e-4)) + by_spread * log_spread
    else:
        constant, by_product = _PERSON_BOTH_WAYS
        log_odds = constant + by_product * (np.log(apart[list(LIMBS)].mean() + _LEAST) + log_spread)
    return float(landmarks.person * _probability(log_odds))


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
    visible, apart = _MEAN_OF_LANDMARKS @ logit(landmarks.visibility), _disagreement(landmarks)
    confidence = np.zeros(NUM_JOINTS)
    if apart is None or spread is None:
        knots = logit(_VISIBILITY)
        by_part = {part: np.interp(visible, knots, near) for part, near in _NEAR.items()}
        confidence[_ESTIMATED] = [by_part.get(part, by_part['trunk'])[row] for row, part in enumerate(_PARTS)]
    else:
        product = np.log(_MEAN_OF_LANDMARKS @ apart + _LEAST) + np.log(max(spread, 1e-4))
        confidence[_ESTIMATED] = _probability(_CONSTANTS + _BY_PRODUCT * product + _BY_VISIBILITY * visible)
    for side, value in hands.items():
        confidence[HAND_SLICE[side]] = value
    return confidence


def _disagreement(landmarks):
    """(33,) in trunk diagonals; None if the person was estimated one way."""
    if landmarks.disagreement is None:
        return None
    return landmarks.disagreement * (torso_length(landmarks.pose) / trunk_diagonal(landmarks.pose))


def _probability(logit):
    return 1 / (1 + np.exp(-np.clip(logit, -30, 30)))
