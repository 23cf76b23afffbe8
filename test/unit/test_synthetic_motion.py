"""The moving person: smooth, repeating, inside the picture, and where its truth says."""

import cv2
import numpy as np
import pytest

pytest.importorskip('anny')

from hand4whole_ros import skeleton  # noqa: E402
from hand4whole_ros.synthetic import collisions, operator  # noqa: E402
from hand4whole_ros.synthetic.motion import PERIOD, PersonMotion  # noqa: E402
from hand4whole_ros.synthetic.visibility import body_rasterizer  # noqa: E402


@pytest.fixture(scope='module')
def motion():
    return PersonMotion(10)


def runs_into_itself(motion, t):
    scene = motion.scene(t)
    tips = scene.hand_keypoints[:, list(skeleton.FINGERTIP_KEYPOINTS)].reshape(10, 3)
    return not collisions.collision_free(scene.figure, scene.joint_rotations, scene.joints, tips)


def test_frames_show_the_person_the_truth_describes(motion):
    for t in (0.5, 9.2, 22.5):
        image, truth = motion.frame(t), motion.truth(t)
        assert image.shape == (480, 640, 3) and image.dtype == np.uint8
        ids = body_rasterizer().face_ids(truth.vertices, truth.intrinsics)
        other = body_rasterizer().face_ids(motion.truth(t + 5.3).vertices, truth.intrinsics)
        changed = (image != motion.frame(t + 5.3)).any(2)
        apart = cv2.dilate(((ids >= 0) | (other >= 0)).astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
        assert not changed[apart].any()                         # the background stands still
        assert changed[(ids >= 0) != (other >= 0)].mean() > 0.8     # the person moves before it
        for side in skeleton.SIDES:
            assert truth.hand(side).visibility > 0.6


def test_hands_stay_in_the_picture_and_clear_of_the_body(motion):
    for t in np.arange(0.2, PERIOD, 0.8):
        truth = motion.truth(t)
        pixels = np.concatenate([truth.left_hand.keypoints_2d, truth.right_hand.keypoints_2d])
        assert (pixels > 0).all() and (pixels < (639, 479)).all(), f'a hand leaves the picture at {t} s'
        assert not runs_into_itself(motion, t), t


def test_motion_is_smooth_and_repeats(motion):
    step = 1 / 30
    tracks = np.stack([motion.truth(t).joints for t in np.arange(PERIOD - 0.25, PERIOD + 0.25, step)])
    assert np.linalg.norm(np.diff(tracks, axis=0), axis=-1).max() < 3.0 * step      # 3 m/s
    assert np.allclose(motion.truth(1.7).joints, motion.truth(1.7 + PERIOD).joints, atol=1e-9)
    fastest = max(np.linalg.norm(motion.truth(t + step).joints - motion.truth(t).joints, axis=-1).max()
                  for t in np.arange(0, PERIOD, 0.8))
    assert 0.3 * step < fastest < 3.0 * step


def test_equal_seeds_equal_frames():
    assert np.array_equal(PersonMotion(4).frame(3.0), PersonMotion(4).frame(3.0))


def test_other_sizes_keep_the_field_of_view():
    small = PersonMotion(10, 320, 240)
    assert small.frame(1.0).shape == (240, 320, 3)
    assert small.intrinsics.fx == pytest.approx(PersonMotion(10).intrinsics.fx / 2, rel=1e-9)


# Who drives a robot hand

@pytest.fixture(scope='module')
def driving():
    return PersonMotion(10, score=operator.OPERATOR_SCRIPT)


def test_keypoints_alone_are_those_of_the_truth(driving):
    for t in (0.4, 2.4, 7.3):
        truth, keypoints = driving.truth(t), driving.hand_keypoints(t)
        for side in skeleton.SIDES:
            assert np.array_equal(keypoints[side], truth.hand(side).keypoints_3d)


@pytest.mark.parametrize('seed', [10, 2, 5])
def test_the_operators_fingertips_touch_and_part(seed):
    driving = PersonMotion(seed, score=operator.OPERATOR_SCRIPT)
    for begin, end in operator.PINCHED:
        for t in (begin, (begin + end) / 2, end):
            for hand in driving.hand_keypoints(t).values():
                assert 0.008 < np.linalg.norm(hand[4] - hand[8]) < 0.015    # skin on skin
    for t in (0.5, 1.5, 5.0, 12.0):
        for hand in driving.hand_keypoints(t).values():
            assert np.linalg.norm(hand[4] - hand[8]) > 0.06


def test_the_operator_leaves_the_picture_and_comes_back(driving):
    for t in np.arange(0, driving.score.period, 0.25):
        pixels = driving.intrinsics.project(np.concatenate(list(driving.hand_keypoints(t).values())))
        inside = ((pixels > 0) & (pixels < (639, 479))).all(axis=1)
        if operator.OUT_OF_VIEW[0] <= t <= operator.OUT_OF_VIEW[1]:
            assert not inside.any(), t
        elif not 8.0 < t < 11.0:
            assert inside.all(), t


def test_the_operator_does_not_run_into_the_body(driving):
    for t in np.arange(0.0, driving.score.period, 1.1):
        assert not runs_into_itself(driving, t), t
