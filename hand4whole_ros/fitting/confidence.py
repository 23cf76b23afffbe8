"""How likely a fitted person, and each joint, lies in the picture where the true one is: within a fifth of the torso.

A person: by how far the fitted body lies from its landmarks, and by how sure the lifting network is of its bones. Both
are large where a detector sees a person in what is none, such as a hand alone. A logistic regression on 475 drawn
people in every posture who were not learnt from; mean visibility says little (rank correlation with the error -0.33;
these two -0.68).

A joint: by how visible MediaPipe says that the joint's landmark is; counted on 455 drawn people in every posture who
were not learnt from. Joints that have no landmark go by those around them, fingers by the hand they are of.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..landmarks.indices import EARS, HIPS, MIRRORED_POSE, SHOULDERS, PoseLandmark
from ..skeleton import HAND_SLICE, JOINT, MIRROR, NUM_JOINTS

#: Visibility, and the share of joints that are near, by part.
_VISIBILITY = np.array([0.05, 0.2, 0.4, 0.6, 0.8, 0.93, 0.98, 0.994])
_NEAR = {
    'trunk': np.array([0.20, 0.30, 0.40, 0.50, 0.60, 0.78, 0.84, 0.93]),
    'elbow': np.array([0.48, 0.64, 0.72, 0.84, 0.89, 0.90, 0.91, 0.96]),
    'wrist': np.array([0.39, 0.52, 0.74, 0.79, 0.88, 0.91, 0.95, 0.99]),
    'knee': np.array([0.26, 0.46, 0.52, 0.60, 0.70, 0.85, 0.89, 0.92]),
    'foot': np.array([0.18, 0.26, 0.43, 0.65, 0.80, 0.89, 0.94, 0.96])}

#: Joint of the left side or the middle -> its part, and the landmarks of left and right that say how visible it is.
_JOINTS = {
    'pelvis': ('trunk', HIPS), 'left_hip': ('trunk', (PoseLandmark.LEFT_HIP,)), 'spine1': ('trunk', SHOULDERS + HIPS),
    'spine2': ('trunk', SHOULDERS + HIPS), 'spine3': ('trunk', SHOULDERS), 'neck': ('trunk', SHOULDERS),
    'head': ('trunk', EARS + SHOULDERS), 'jaw': ('trunk', (PoseLandmark.MOUTH_LEFT, PoseLandmark.MOUTH_RIGHT)),
    'left_eye': ('trunk', (PoseLandmark.LEFT_EYE,)), 'left_collar': ('trunk', (PoseLandmark.LEFT_SHOULDER,)),
    'left_shoulder': ('trunk', (PoseLandmark.LEFT_SHOULDER,)), 'left_elbow': ('elbow', (PoseLandmark.LEFT_ELBOW,)),
    'left_wrist': ('wrist', (PoseLandmark.LEFT_WRIST,)), 'left_knee': ('knee', (PoseLandmark.LEFT_KNEE,)),
    'left_ankle': ('foot', (PoseLandmark.LEFT_ANKLE,)), 'left_foot': ('foot', (PoseLandmark.LEFT_FOOT_INDEX,))}


def _logit(visibility):
    clipped = np.clip(visibility, 1e-3, 1 - 1e-3)
    return np.log(clipped / (1 - clipped))


#: Of a person: constant, and factors of the logarithms of misfit and spread.
_PERSON = (-25.3, -2.54, -4.91)


def person_confidence(misfit: float, spread: float) -> float:
    """0 to 1. misfit: mean distance of landmarks from the fitted ones, weighted by visibility, torsos; spread: the
    network's mean error of bones (geometric mean), m."""
    constant, by_misfit, by_spread = _PERSON
    logit = constant + by_misfit * np.log(max(misfit, 1e-4)) + by_spread * np.log(max(spread, 1e-4))
    return float(1 / (1 + np.exp(-np.clip(logit, -30, 30))))


def joint_confidence(visibility: np.ndarray, hands: Mapping[str, float]) -> np.ndarray:
    """(55,) 0 to 1. visibility (33,) of the landmarks; hands: side -> 0 to 1 of those that were seen."""
    visible, knots, confidence = _logit(visibility), _logit(_VISIBILITY), np.zeros(NUM_JOINTS)
    for name, (part, landmarks) in _JOINTS.items():
        joint = JOINT[name]
        confidence[joint] = np.interp(visible[list(landmarks)].mean(), knots, _NEAR[part])
        if MIRROR[joint] != joint:
            right = [MIRRORED_POSE[landmark] for landmark in landmarks]
            confidence[MIRROR[joint]] = np.interp(visible[right].mean(), knots, _NEAR[part])
    for side, value in hands.items():
        confidence[HAND_SLICE[side]] = value
    return confidence
