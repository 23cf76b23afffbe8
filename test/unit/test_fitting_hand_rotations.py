"""Wrist and finger rotations from 21 landmarks: those of hands whose rotations are known."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hand4whole_ros import skeleton
from hand4whole_ros.fitting.hand_rotations import HandRotations
from hand4whole_ros.fitting.landmark_offsets import HAND_OFFSETS, HAND_POINTS
from hand4whole_ros.synthetic.hands import HAND_SHAPES, finger_rotations


def landmarks_of(body, side, wrist, fingers):
    """(21, 3) m as a network sees them, of a hand with these rotations (3, 3), (15, 3, 3)."""
    local = torch.zeros(55, 3)
    local[skeleton.WRIST[side]] = torch.from_numpy(Rotation.from_matrix(wrist).as_rotvec())
    local[skeleton.HAND_SLICE[side]] = torch.from_numpy(Rotation.from_matrix(fingers).as_rotvec()).float()
    found = body.skeleton(local, torch.zeros(10))
    rotations = found.joint_rotations[HAND_POINTS[side][0]]
    return found.hand_keypoints[side] + np.einsum('kij,kj->ki', rotations, HAND_OFFSETS[side])


@pytest.mark.parametrize('side', skeleton.SIDES)
@pytest.mark.parametrize('shape', ['open', 'relaxed', 'grasp', 'fist', 'pinch', 'point'])
def test_the_rotations_of_a_hand_are_found_again(body, side, shape):
    kinematics = body.kinematics
    fingers = finger_rotations(side, np.array(HAND_SHAPES[shape]), 0.1, rest_joints=kinematics.rest_joints,
                               rest_tips=kinematics.rest_tips)
    wrist = Rotation.from_euler('xyz', [0.7, -2.0, 1.1]).as_matrix()
    seen = 1.3 * landmarks_of(body, side, wrist, fingers) + (0.1, -0.2, 0.8)     # of any size, anywhere
    found_wrist, found = HandRotations(kinematics)(seen, side)
    assert np.degrees(Rotation.from_matrix(found_wrist.T @ wrist).magnitude()) < 3
    off = np.degrees((Rotation.from_rotvec(found).inv() * Rotation.from_matrix(fingers)).magnitude())
    assert np.median(off) < 4 and off.max() < 8, off.round()
    # Posed with what was found, the hand lies where it was seen.
    again = landmarks_of(body, side, found_wrist, Rotation.from_rotvec(found).as_matrix())
    there = (seen - seen[0]) / 1.3
    assert np.linalg.norm(again - again[0] - there, axis=1).max() < 0.005


def test_a_hand_that_is_one_point_has_finite_rotations(body):
    wrist, fingers = HandRotations(body.kinematics)(np.ones((21, 3)), 'left')
    assert np.isfinite(wrist).all() and np.isfinite(fingers).all() and np.linalg.det(wrist) == pytest.approx(1)
