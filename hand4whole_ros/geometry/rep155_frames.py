"""Joints in the frames of REP-155, with the axes of ros4hri's human_description.

For a person who stands upright with hanging arms, palms to the thighs, every frame has x forward, y to the person's
left and z up. SMPL-X's axes in the T-pose are: x to the left, y up, z forward.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from .. import skeleton

#: (3, 3) whose columns are REP-155's axes in SMPL-X's of the same joint: trunk, head and legs; arms and hands by side,
#: which point sideways in the T-pose.
TRUNK_AXES = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])
ARM_AXES = {'left': np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]]),
            'right': np.array([[0.0, 0, 1], [0, -1, 0], [1, 0, 0]])}

#: Axes of the gaze in SMPL-X's of an eye, as columns: z along the gaze, x to the person's right, y down.
_GAZE_AXES = np.diag([-1.0, -1, 1])

_HIPS = [skeleton.JOINT['left_hip'], skeleton.JOINT['right_hip']]
_EYES = [skeleton.JOINT['left_eye'], skeleton.JOINT['right_eye']]
_HEAD = skeleton.JOINT['head']


def _joint_axes():
    """(55, 3, 3)."""
    axes = np.tile(TRUNK_AXES, (skeleton.NUM_JOINTS, 1, 1))
    for side in skeleton.SIDES:
        axes[[skeleton.JOINT[f'{side}_{name}'] for name in ('shoulder', 'elbow', 'wrist')]] = ARM_AXES[side]
        axes[skeleton.HAND_SLICE[side]] = ARM_AXES[side]
    return axes


_PARENTS = np.array(skeleton.PARENTS[1:])
_AXES = _joint_axes()
#: (55, 3, 3) of each joint's parent; the frame of the pelvis itself is unchanged.
_PARENT_AXES = np.concatenate([np.eye(3)[None], _AXES[_PARENTS]])
# Computed once: for 55 matrices that takes longer than all else here.
_TURNS, _INVERSE_PARENT_TURNS = Rotation.from_matrix(_AXES), Rotation.from_matrix(_PARENT_AXES).inv()


def convert_relative_poses(poses: np.ndarray) -> np.ndarray:
    """(55, 7) joints in the frames of their parents, as geometry.kinematics.relative_poses -> the same in REP-155's.

    The pelvis stays in its frame, and its origin becomes the middle between the hips.
    """
    places, rotations = poses[:, :3].copy(), Rotation.from_quat(poses[:, 3:])
    middle = places[_HIPS].mean(axis=0)
    children = np.flatnonzero(_PARENTS == 0) + 1
    places[0] += rotations[0].apply(middle)
    places[children] -= middle
    places = (places[:, None] @ _PARENT_AXES)[:, 0]
    turned = _INVERSE_PARENT_TURNS * rotations * _TURNS
    return np.concatenate([places, turned.as_quat(canonical=True)], axis=1)


def convert_tips(poses: np.ndarray, side: str) -> np.ndarray:
    """(N, 7) points in the frames of finger joints, with these joints' axes -> the same in REP-155's."""
    return np.concatenate([poses[:, :3] @ ARM_AXES[side], poses[:, 3:]], axis=1)


def convert_wrist_pose(pose: np.ndarray, side: str) -> np.ndarray:
    """(7,) a wrist in any frame, with SMPL-X's axes -> with REP-155's."""
    turned = Rotation.from_quat(pose[3:]) * Rotation.from_matrix(ARM_AXES[side])
    return np.concatenate([pose[:3], turned.as_quat(canonical=True)])


def face_and_gaze(joints: np.ndarray, joint_rotations: np.ndarray) -> np.ndarray:
    """(2, 7): the face in the frame of joints (55, 3) m and joint_rotations (55, 3, 3); the gaze in that of the face.

    The origin of both is the middle between the eyes, the face's x points out of it, z to the top of the head. The
    gaze is the mean of both eyes', which are at rest in the head if unknown: z forward, x right, y down.
    """
    face = Rotation.from_matrix(joint_rotations[_HEAD] @ TRUNK_AXES)
    gaze = face.inv() * Rotation.from_matrix(joint_rotations[_EYES]).mean() * Rotation.from_matrix(_GAZE_AXES)
    return np.stack([np.concatenate([joints[_EYES].mean(axis=0), face.as_quat(canonical=True)]),
                     np.concatenate([np.zeros(3), gaze.as_quat(canonical=True)])])
