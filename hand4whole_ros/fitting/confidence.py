"""Probability that a fitted person, and each joint, lies within a fifth of the torso from the true one in the image.

The best predictor is the distance between the landmarks of an image and of its mirror image: rank correlation with the
error of a person 0.55 on 35 photographs and 0.63 on the drawn people below, where mean visibility has -0.22 and -0.33.
So there are two estimates, for people estimated both ways and for those estimated one way.

A person: by the distance of the fitted body from its landmarks, and by that disagreement, or by the spread of the
lifting network's bones. All are large for false detections, such as a hand alone. Logistic regressions on drawn people
in every posture outside the training data: 256 estimated both ways, 475 one way.

A joint: by that disagreement at the joint's own landmark and MediaPipe's visibility of it, likewise on those 256
people; or by the latter alone, counted on 455. Joints without a landmark use those around them, fingers use their
hand's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..landmarks.indices import EARS, HIPS, LIMBS, MIRRORED_POSE, SHOULDERS, PoseLandmark
from ..skeleton import HAND_SLICE, JOINT, MIRROR, NUM_JOINTS

#: Visibility, and the share of joints that are near, by part.
_VISIBILITY = np.array([0.05, 0.2, 0.4, 0.6, 0.8, 0.93, 0.98, 0.994])
_NEAR = {
    'trunk': np.array([0.20, 0.30, 0.40, 0.50, 0.60, 0.78, 0.84, 0.93]),
    'elbow': np.array([0.48, 0.64, 0.72, 0.84, 0.89, 0.90, 0.91, 0.96]),
    'wrist': np.array([0.39, 0.52, 0.74, 0.79, 0.88, 0.91, 0.95, 0.99]),
    'knee': np.array([0.26, 0.46, 0.52, 0.60, 0.70, 0.85, 0.89, 0.92]),
    'foot': np.array([0.18, 0.26, 0.43, 0.65, 0.80, 0.89, 0.94, 0.96])}

#: Of people estimated both ways, by part: constant, factor of the logarithm of the disagreement, torsos, and of the
#: logit of the visibility.
_NEAR_BY_DISAGREEMENT = {'trunk': (-5.29, -1.65, 0.28), 'elbow': (-4.06, -1.59, 0.23), 'wrist': (-3.92, -1.74, 0.19),
                         'knee': (-4.02, -1.74, 0.17), 'foot': (-4.95, -1.69, 0.32)}

#: Torsos; smaller values count as this.
_LEAST = 1e-3

#: Joint of the left side or the middle -> its part, and the landmarks of left and right whose visibility it has.
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


#: Of a person: constant, and factors of the logarithms of misfit and spread, or of misfit and disagreement.
_BY_SPREAD, _BY_DISAGREEMENT = (-25.3, -2.54, -4.91), (-8.10, -1.08, -2.01)


def person_confidence(misfit: float, spread: float, disagreement: np.ndarray | None = None) -> float:
    """0 to 1.

    misfit: mean distance of landmarks from the fitted ones, weighted by visibility, torsos; spread: the network's mean
    error of bones (geometric mean), m; disagreement (33,) torsos: see HolisticLandmarks, None if estimated one way.
    """
    if disagreement is None:
        factors, second = _BY_SPREAD, max(spread, 1e-4)
    else:
        factors, second = _BY_DISAGREEMENT, max(float(disagreement[list(LIMBS)].mean()), _LEAST)
    return float(_probability(factors[0] + factors[1] * np.log(max(misfit, 1e-4)) + factors[2] * np.log(second)))


def joint_confidence(visibility: np.ndarray, hands: Mapping[str, float], disagreement: np.ndarray | None = None
                     ) -> np.ndarray:
    """(55,) 0 to 1.

    visibility (33,) of the landmarks; hands: side -> 0 to 1 of those that were detected; disagreement (33,): see
    person_confidence.
    """
    visible, knots, confidence = _logit(visibility), _logit(_VISIBILITY), np.zeros(NUM_JOINTS)
    apart = None if disagreement is None else np.log(np.maximum(disagreement, _LEAST))

    def near(part, landmarks):
        if apart is None:
            return np.interp(visible[landmarks].mean(), knots, _NEAR[part])
        constant, by_disagreement, by_visibility = _NEAR_BY_DISAGREEMENT[part]
        return _probability(constant + by_disagreement * apart[landmarks].mean()
                            + by_visibility * visible[landmarks].mean())

    for name, (part, landmarks) in _JOINTS.items():
        joint = JOINT[name]
        confidence[joint] = near(part, list(landmarks))
        if MIRROR[joint] != joint:
            confidence[MIRROR[joint]] = near(part, [MIRRORED_POSE[landmark] for landmark in landmarks])
    for side, value in hands.items():
        confidence[HAND_SLICE[side]] = value
    return confidence


def _probability(logit):
    return 1 / (1 + np.exp(-np.clip(logit, -30, 30)))
