"""The frame of a hand: its axes, its mirror image, and what is no hand."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from teleop_hands import mirrored, placed, right_hand

from hand4whole_ros.teleop import hand_frame
from hand4whole_ros.teleop.hand_frame import hand_rotation, rejection_reason, to_hand_frame


@pytest.mark.parametrize('seed', range(5))
def test_a_right_hand_comes_back_into_its_own_frame(seed):
    hand = right_hand(0.3)
    turn = Rotation.random(random_state=seed).as_matrix()
    assert np.allclose(to_hand_frame(hand @ turn.T + (0.3, -0.1, 0.9), 'right'), hand, atol=1e-12)


def test_axes_point_out_of_the_palm_to_the_thumb_and_to_the_fingers():
    # The person's right palm faces the camera, fingers up: the thumb is to the right in the picture (optical frame).
    keypoints = placed(right_hand(0.5), rotation=np.array([[0, 1, 0], [0, 0, -1], [-1, 0, 0]], float))
    x, y, z = hand_rotation(keypoints, 'right').T
    assert np.allclose(x, (0, 0, -1), atol=1e-9)        # to the camera
    assert np.allclose(y, (1, 0, 0), atol=1e-9)
    assert np.allclose(z, (0, -1, 0), atol=1e-9)        # up
    bent = to_hand_frame(keypoints, 'right')
    assert bent[8, 0] > bent[5, 0] + 0.02               # bent fingers come out of the palm


def test_the_left_hand_is_the_mirror_of_the_right_one():
    keypoints = placed(right_hand(0.4, 0.5), rotation=Rotation.from_rotvec((0.3, -0.8, 1.1)).as_matrix())
    left = to_hand_frame(mirrored(keypoints), 'left')
    assert np.abs(hand_frame.mirrored(left) - to_hand_frame(keypoints, 'right')).max() < 1e-9
    for side, points in (('right', keypoints), ('left', mirrored(keypoints))):
        assert np.linalg.det(hand_rotation(points, side)) == pytest.approx(1.0)


def test_the_frame_is_that_of_the_plane_through_wrist_and_knuckles():
    keypoints = placed(right_hand(), rotation=Rotation.from_rotvec((1.0, 0.2, -0.5)).as_matrix())
    points = keypoints[[0, 5, 9]]
    normal = np.linalg.svd(points - points.mean(axis=0))[2][2]
    assert abs(hand_rotation(keypoints, 'right')[:, 0] @ normal) == pytest.approx(1.0)


def test_closing_the_hand_does_not_turn_its_frame():
    assert np.allclose(hand_rotation(placed(right_hand(0.0)), 'right'), hand_rotation(placed(right_hand(1.4)), 'right'))


@pytest.mark.parametrize('change, words', [
    (lambda k: k[:20], 'shape'), (lambda k: np.where(np.arange(63).reshape(21, 3) == 40, np.nan, k), 'not finite'),
    (lambda k: k * 0, 'palm is 0 mm'), (lambda k: k * 3, 'palm is 291 mm'),
    (lambda k: np.where(np.arange(21)[:, None] == 12, k + 0.5, k), 'from the wrist'),
    (lambda k: np.where(np.arange(21)[:, None] == 5, k[0] + 0.9 * (k[9] - k[0]), k), 'one line')])
def test_what_is_no_hand_is_named(change, words):
    keypoints = change(placed(right_hand()))
    assert words in rejection_reason(keypoints)
    with pytest.raises(ValueError, match=words):
        hand_rotation(keypoints, 'right')


def test_a_hand_is_not_rejected():
    assert rejection_reason(placed(right_hand(1.4, 1.0))) == ''
