"""Positions of MediaPipe's landmarks on the SMPL-X skeleton, and their standard deviations.

MediaPipe's landmarks are not SMPL-X's joints: for example, its hips are 4 cm higher and further apart. The
offsets here were measured once, as the constants in body-part frames that best explain MediaPipe's
landmarks on 250 rendered people of the anny library (robust least squares, rounded to millimetres).
"""

from __future__ import annotations

import numpy as np

from ..landmarks.indices import MIRRORED_POSE, PoseLandmark
from ..skeleton import HAND_KEYPOINT_JOINTS, JOINT, SIDES

#: Landmark -> (joint, offset in that joint's frame in m, standard deviation across the view in m),
#: for the person's left and middle; x to the person's left, y up, z forward.
_LEFT = {
    PoseLandmark.NOSE: ('head', (0.000, 0.009, 0.106), 0.018),
    PoseLandmark.LEFT_EYE: ('head', (0.028, 0.039, 0.081), 0.018),
    PoseLandmark.LEFT_EAR: ('head', (0.055, 0.027, 0.036), 0.022),
    PoseLandmark.MOUTH_LEFT: ('head', (0.021, -0.024, 0.090), 0.020),
    PoseLandmark.LEFT_SHOULDER: ('left_collar', (-0.017, 0.020, 0.008), 0.022),
    PoseLandmark.LEFT_ELBOW: ('left_elbow', (-0.010, -0.001, 0.013), 0.027),
    PoseLandmark.LEFT_WRIST: ('left_wrist', (0.010, -0.004, 0.002), 0.022),
    PoseLandmark.LEFT_HIP: ('pelvis', (-0.018, 0.010, 0.033), 0.027),
    PoseLandmark.LEFT_KNEE: ('left_knee', (-0.006, -0.015, 0.003), 0.037),
    PoseLandmark.LEFT_ANKLE: ('left_ankle', (0.000, 0.022, 0.003), 0.037),
    PoseLandmark.LEFT_FOOT_INDEX: ('left_foot', (-0.023, 0.001, 0.030), 0.050),
}

#: Landmarks that mark one joint but are attached, with their offset, to another.
_LANDMARK_TABLE = {PoseLandmark.LEFT_SHOULDER: 'left_shoulder', PoseLandmark.LEFT_HIP: 'left_hip'}

#: The same for the 21 hand landmarks, in the frames of the left hand's joints, m.
_LEFT_HAND = np.array((
    (11, 0, -1), (-5, -12, 3), (1, -4, 2), (0, 2, -6), (-5, 5, -4),
    (-6, -7, -3), (3, -5, 0), (3, -4, 0), (-7, 0, -1),
    (-4, -9, 2), (1, -4, 2), (-1, -4, 2), (-9, 0, 3),
    (-4, -9, 2), (2, -5, 1), (1, -4, 1), (-8, -1, 4),
    (-5, -7, 3), (1, -4, 1), (1, -3, 0), (-5, -1, 3))) / 1000

HAND_OFFSETS = {'left': _LEFT_HAND, 'right': _LEFT_HAND * (-1, 1, 1)}

#: Pairs of landmarks -> (gain, offset m, standard deviation m): their true difference of depth is about
#: gain * MediaPipe's + offset. Same rendered people, regression of the truth.
_PAIRS = {
    ('LEFT_ELBOW', 'LEFT_SHOULDER'): (0.98, -0.007, 0.09),
    ('LEFT_WRIST', 'LEFT_ELBOW'): (0.66, -0.079, 0.06),
    ('LEFT_SHOULDER', 'RIGHT_SHOULDER'): (1.22, 0.0, 0.09),
    ('LEFT_HIP', 'RIGHT_HIP'): (1.20, 0.0, 0.06),
    ('LEFT_SHOULDER', 'LEFT_HIP'): (0.50, -0.008, 0.15),
    ('LEFT_KNEE', 'LEFT_HIP'): (0.48, 0.028, 0.11),
    ('LEFT_ANKLE', 'LEFT_KNEE'): (0.57, -0.021, 0.10),
    ('NOSE', 'LEFT_SHOULDER'): (0.93, 0.020, 0.12),
    ('LEFT_EAR', 'RIGHT_EAR'): (0.83, 0.0, 0.03),
    ('LEFT_EAR', 'NOSE'): (0.59, -0.004, 0.025)}


def _offset_table():
    rows = []
    for landmark, (rides, offset, spread) in _LEFT.items():
        marks = _LANDMARK_TABLE.get(landmark, rides)
        rows.append((landmark, JOINT[rides], JOINT[marks], offset, spread))
        other = MIRRORED_POSE[landmark]
        if other != landmark:
            rides, marks = (name.replace('left_', 'right_') for name in (rides, marks))
            rows.append((other, JOINT[rides], JOINT[marks], (-offset[0], offset[1], offset[2]), spread))
    return tuple(np.array(column) for column in zip(*rows))


#: Of each pose landmark used: its index in MediaPipe's 33, the joint it is attached to, the joint it marks, its
#: offset (3,) m from the marked joint in the frame of the joint it is attached to, and sigma m.
POSE_INDEX, POSE_JOINTS, POSE_REFERENCE_JOINTS, POSE_OFFSETS, POSE_SIGMA = _offset_table()

_ROW = {int(index): row for row, index in enumerate(POSE_INDEX)}


def _depth_pairs():
    pairs = {}
    for names, values in _PAIRS.items():
        landmarks = tuple(int(PoseLandmark[name]) for name in names)
        other = tuple(MIRRORED_POSE[landmark] for landmark in landmarks)
        pairs[landmarks] = values
        if set(other) != set(landmarks):
            pairs[other] = values
    landmarks = np.array(list(pairs))
    return landmarks, np.vectorize(_ROW.get)(landmarks), *np.array(list(pairs.values())).T


#: Depth pairs as landmark indices (D, 2), as rows of POSE_INDEX (D, 2), their gain, offset and sigma (D,).
DEPTH_LANDMARKS, DEPTH_ROWS, DEPTH_GAIN, DEPTH_OFFSET, DEPTH_SIGMA = _depth_pairs()

#: Standard deviation of a hand landmark across the view and, relative to the wrist, in depth, m.
HAND_SIGMA = 0.005
HAND_DEPTH_SIGMA = 0.06


def hand_points(side: str) -> tuple[np.ndarray, np.ndarray]:
    """(21,) joint each keypoint is attached to, and (21,) number of the finger tip (0 thumb to 4) or -1."""
    joints, tips = [], []
    for keypoint, joint in enumerate(HAND_KEYPOINT_JOINTS[side]):
        joints.append(joints[-1] if joint is None else joint)
        tips.append(keypoint // 4 - 1 if joint is None else -1)
    return np.array(joints), np.array(tips)


HAND_POINTS = {side: hand_points(side) for side in SIDES}
