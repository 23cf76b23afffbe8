"""Positions of MediaPipe's 33 pose landmarks on the SMPL-X skeleton.

They are not SMPL-X's joints. The offsets were measured once, as the constants in body-part frames that best explain
MediaPipe's landmarks on 1,800 drawn people in every posture, from all directions (robust least squares, rounded to
millimetres); landmarks of the face on those whose face is visible.
"""

from __future__ import annotations

import numpy as np

from .. import skeleton
from ..geometry.kinematics import attached_points
from ..landmarks.indices import MIRRORED_POSE, PoseLandmark

#: Landmark of the left side and the middle -> (joint it is attached to, joint it marks, offset from the marked joint
#: in the frame of the first, m); x to the person's left, y up, z forward.
_LEFT = {
    PoseLandmark.NOSE: ('head', 'head', (0.000, 0.013, 0.102)),
    PoseLandmark.LEFT_EYE_INNER: ('head', 'head', (0.015, 0.042, 0.085)),
    PoseLandmark.LEFT_EYE: ('head', 'head', (0.026, 0.042, 0.080)),
    PoseLandmark.LEFT_EYE_OUTER: ('head', 'head', (0.036, 0.042, 0.075)),
    PoseLandmark.LEFT_EAR: ('head', 'head', (0.052, 0.027, 0.031)),
    PoseLandmark.MOUTH_LEFT: ('head', 'head', (0.018, -0.021, 0.090)),
    PoseLandmark.LEFT_SHOULDER: ('left_collar', 'left_shoulder', (-0.016, 0.025, 0.002)),
    PoseLandmark.LEFT_ELBOW: ('left_elbow', 'left_elbow', (-0.004, 0.001, 0.016)),
    PoseLandmark.LEFT_WRIST: ('left_wrist', 'left_wrist', (0.010, -0.006, 0.003)),
    PoseLandmark.LEFT_PINKY: ('left_wrist', 'left_pinky1', (-0.015, -0.007, 0.028)),
    PoseLandmark.LEFT_INDEX: ('left_wrist', 'left_index1', (-0.024, -0.015, -0.019)),
    PoseLandmark.LEFT_THUMB: ('left_wrist', 'left_thumb2', (0.000, 0.001, -0.024)),
    PoseLandmark.LEFT_HIP: ('pelvis', 'left_hip', (-0.021, 0.010, 0.020)),
    PoseLandmark.LEFT_KNEE: ('left_knee', 'left_knee', (-0.007, -0.007, 0.001)),
    PoseLandmark.LEFT_ANKLE: ('left_ankle', 'left_ankle', (-0.006, 0.025, 0.008)),
    PoseLandmark.LEFT_HEEL: ('left_ankle', 'left_ankle', (-0.002, -0.035, -0.034)),
    PoseLandmark.LEFT_FOOT_INDEX: ('left_foot', 'left_foot', (-0.024, -0.006, 0.026))}


def _table():
    rides, marks = np.zeros((2, len(PoseLandmark)), int)
    offsets = np.zeros((len(PoseLandmark), 3))
    for landmark, (riding, marked, offset) in _LEFT.items():
        other = MIRRORED_POSE[landmark]
        for index, name, mirror in ((landmark, str, 1), (other, skeleton.mirror_joint_name, -1)):
            if index != landmark or mirror == 1:
                rides[index], marks[index] = skeleton.JOINT[name(riding)], skeleton.JOINT[name(marked)]
                offsets[index] = np.array(offset) * (mirror, 1, 1)
    return rides, marks, offsets


#: Of each landmark: the joint it is attached to, the joint it marks, and its offset (3,) m from the marked joint in the
#: frame of the first.
RIDES, MARKS, OFFSETS = _table()


def landmark_points(joints: np.ndarray, rotations: np.ndarray, rest_joints: np.ndarray) -> np.ndarray:
    """Positions (..., 33, 3) m of the landmarks of posed bodies.

    joints (..., 55, 3) m and their rotations (..., 55, 3, 3) out of the T-pose; rest_joints (..., 55, 3) of the T-pose.
    """
    offsets = rest_joints[..., MARKS, :] - rest_joints[..., RIDES, :] + OFFSETS
    return attached_points(joints, rotations, RIDES, offsets)
