"""Hands under OpenXR's conventions and Isaac Teleop's names."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from teleop_hands import mirrored, placed, right_hand

from hand4whole_ros.teleop.openxr import BOTH_HANDS, IS_MEASURED, JOINT_NAMES, no_hand, to_openxr

TURN = Rotation.from_rotvec((0.7, -0.4, 0.9)).as_matrix()


def index(name):
    return JOINT_NAMES.index(name)


def test_names_are_those_of_openxr_without_the_palm():
    assert JOINT_NAMES == (
        'WRIST', 'THUMB_METACARPAL', 'THUMB_PROXIMAL', 'THUMB_DISTAL', 'THUMB_TIP',
        'INDEX_METACARPAL', 'INDEX_PROXIMAL', 'INDEX_INTERMEDIATE', 'INDEX_DISTAL', 'INDEX_TIP',
        'MIDDLE_METACARPAL', 'MIDDLE_PROXIMAL', 'MIDDLE_INTERMEDIATE', 'MIDDLE_DISTAL', 'MIDDLE_TIP',
        'RING_METACARPAL', 'RING_PROXIMAL', 'RING_INTERMEDIATE', 'RING_DISTAL', 'RING_TIP',
        'LITTLE_METACARPAL', 'LITTLE_PROXIMAL', 'LITTLE_INTERMEDIATE', 'LITTLE_DISTAL', 'LITTLE_TIP')
    assert len(BOTH_HANDS) == 50 and BOTH_HANDS[0] == 'left_WRIST' and BOTH_HANDS[25] == 'right_WRIST'


def test_measured_joints_are_the_keypoints_and_invented_ones_are_invalid():
    keypoints = placed(right_hand(0.4), rotation=TURN)
    hand = to_openxr(keypoints, 'right')
    invented = {'INDEX_METACARPAL', 'MIDDLE_METACARPAL', 'RING_METACARPAL', 'LITTLE_METACARPAL'}
    assert {name for name, valid in zip(JOINT_NAMES, hand.is_valid) if not valid} == invented
    assert np.array_equal(hand.positions[IS_MEASURED], keypoints)
    assert np.isfinite(hand.positions).all() and np.isfinite(hand.quaternions).all()


@pytest.mark.parametrize('flexion', [0.0, 0.3, 1.4])
@pytest.mark.parametrize('side', ['left', 'right'])
def test_minus_z_is_along_the_bone_and_frames_are_right_handed(flexion, side):
    keypoints = placed(right_hand(flexion, flexion / 2), rotation=TURN)
    hand = to_openxr(keypoints if side == 'right' else mirrored(keypoints), side)
    assert np.allclose(np.linalg.det(hand.rotations), 1) and np.allclose(
        hand.rotations @ hand.rotations.transpose(0, 2, 1), np.eye(3), atol=1e-12)
    for k, name in enumerate(JOINT_NAMES):
        if name == 'WRIST' or name.endswith('TIP'):
            continue
        bone = hand.positions[k + 1] - hand.positions[k]
        assert -hand.rotations[k, :, 2] @ bone / np.linalg.norm(bone) > 0.999
    knuckle = hand.positions[index('MIDDLE_PROXIMAL')] - hand.positions[0]
    assert -hand.rotations[0, :, 2] @ knuckle / np.linalg.norm(knuckle) > 0.999
    assert np.array_equal(hand.rotations[index('INDEX_TIP')], hand.rotations[index('INDEX_DISTAL')])


def test_y_comes_out_of_the_back_of_the_hand_and_of_bent_fingers():
    hand = to_openxr(right_hand(0.5), 'right')      # in its own frame: the palm is to +x
    assert np.allclose(hand.rotations[0, :, 1], (-1, 0, 0), atol=1e-9)
    assert np.allclose(hand.rotations[index('MIDDLE_PROXIMAL')][:, 1], (-np.cos(0.5), 0, np.sin(0.5)), atol=1e-9)
    assert np.allclose(hand.rotations[index('MIDDLE_DISTAL')][:, 1], (-np.cos(1.5), 0, np.sin(1.5)), atol=1e-9)
    # The thumb's nail looks away from the fingers' side of the palm.
    assert hand.rotations[index('THUMB_DISTAL')][1, 1] > 0.3


def test_the_left_hand_is_the_mirror_image():
    for flexion in (0.0, 0.6, 1.3):
        keypoints = placed(right_hand(flexion, 0.4), rotation=TURN)
        right, left = to_openxr(keypoints, 'right'), to_openxr(mirrored(keypoints), 'left')
        flip = np.diag([-1.0, 1.0, 1.0])
        assert np.abs(flip @ right.rotations @ flip - left.rotations).max() < 1e-9
        assert np.abs(mirrored(right.positions) - left.positions).max() < 1e-9


def test_a_hinge_turns_as_far_as_its_finger_and_no_farther():
    """From overstretched through straight to a fist: no frame flips."""
    before = None
    for flexion in np.linspace(-0.3, 1.5, 181):
        hand = to_openxr(right_hand(flexion), 'right')
        if before is not None:
            steps = Rotation.from_matrix(before.transpose(0, 2, 1) @ hand.rotations).magnitude()
            assert steps.max() == pytest.approx(0.03, abs=5e-4)     # three joints of 0.01 rad
        before = hand.rotations


def test_two_joints_at_one_place_are_no_bone():
    keypoints = placed(right_hand(0.3))
    keypoints[7] = keypoints[6]
    hand = to_openxr(keypoints, 'right')
    assert not hand.is_valid[index('INDEX_INTERMEDIATE')] and hand.is_valid[index('INDEX_DISTAL')]
    assert np.isfinite(hand.rotations).all() and np.isfinite(hand.quaternions).all()


def test_what_is_no_hand_is_refused_and_no_hand_is_invalid():
    with pytest.raises(ValueError, match='not finite'):
        to_openxr(np.full((21, 3), np.nan), 'right')
    nothing = no_hand()
    assert len(nothing.positions) == 25 and not nothing.is_valid.any()
    assert np.allclose(np.linalg.norm(nothing.quaternions, axis=1), 1)
