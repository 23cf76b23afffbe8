"""The last look: it finds a hand that points at the camera, takes no other hand for it, leaves all else as it was."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('mediapipe')

from hand4whole_ros.detection.hand_redetection import HandRedetector  # noqa: E402
from hand4whole_ros.detection.mediapipe_holistic import MediaPipeHolistic, mirror_landmarks  # noqa: E402
from hand4whole_ros.synthetic import dataset, people  # noqa: E402


@pytest.fixture(scope='module')
def pointing():
    """Somebody whose left hand points at the camera: the picture, the truth, what Holistic says."""
    image, truth = people.render_person(people.sample_person(dataset.person_seed(21, 94)))
    detector = MediaPipeHolistic(static_images=True, hand_redetection=False)
    try:
        seen = detector.detect(image)
    finally:
        detector.close()
    assert seen.left_hand is None and seen.right_hand is not None
    return image, truth, seen


@pytest.fixture(scope='module')
def hand_redetection():
    made = HandRedetector()
    yield made
    made.close()


def test_a_hand_that_points_at_the_camera_is_found_by_the_last_look_alone(hand_redetection, pointing):
    image, truth, seen = pointing
    assert hand_redetection.find(image, seen.pose, seen.visibility, 'left') is None
    found = hand_redetection.detect_wide(image, seen.pose, seen.visibility, 'left')
    assert np.linalg.norm(found[:, :2] - truth.left_hand.keypoints_2d, axis=1).mean() < 5


def test_in_a_mirror_the_last_look_finds_the_same_hand(hand_redetection, pointing):
    image, _, seen = pointing
    plain = hand_redetection.detect_wide(image, seen.pose, seen.visibility, 'left')
    width = image.shape[1]
    turned = mirror_landmarks(seen, width)
    found = hand_redetection.detect_wide(np.ascontiguousarray(image[:, ::-1]), turned.pose, turned.visibility, 'right')
    assert found * (-1, 1, 1) + (width - 1, 0, 0) == pytest.approx(plain, abs=2)


def test_the_other_hand_is_not_taken_for_one_that_is_painted_over(hand_redetection, pointing):
    image, truth, seen = pointing
    image = image.copy()
    low = truth.left_hand.keypoints_2d.min(0).astype(int) - 15
    high = truth.left_hand.keypoints_2d.max(0).astype(int) + 15
    image[low[1]:high[1], low[0]:high[0]] = 127
    assert hand_redetection.detect_wide(image, seen.pose, seen.visibility, 'left') is None


def test_a_hidden_wrist_and_one_out_of_the_picture_are_not_looked_for(hand_redetection, pointing, monkeypatch):
    image, _, seen = pointing
    monkeypatch.setattr(hand_redetection, '_detect_in_crop', None)     # a look would be an error
    hidden = seen.visibility.copy()
    hidden[15] = 0.5
    assert hand_redetection.detect_wide(image, seen.pose, hidden, 'left') is None
    outside = seen.pose.copy()
    outside[15] = -5, 200
    assert hand_redetection.detect_wide(image, outside, seen.visibility, 'left') is None


def test_in_a_video_a_last_look_that_found_nothing_is_not_repeated_at_once(pointing, monkeypatch):
    image, _, seen = pointing
    hand_redetection, looks = HandRedetector(wait_after_failure=2), []
    monkeypatch.setattr(hand_redetection, '_detect_in_crop', lambda *_, **__: looks.append(1))
    try:
        asked = []
        for _ in range(4):
            assert hand_redetection.detect_wide(image, seen.pose, seen.visibility, 'left') is None
            asked.append(len(looks))
    finally:
        hand_redetection.close()
    assert asked == [2, 2, 2, 4]


def test_hands_that_are_believed_stay_and_those_that_are_not_are_looked_for(pointing):
    image, truth, seen = pointing
    detector = MediaPipeHolistic(static_images=True)
    try:
        found = detector.detect(image)
        assert np.array_equal(found.right_hand, seen.right_hand)
        wrong = replace(found, left_hand=found.left_hand * (0.2, 0.2, 1))
        again = detector._add_wide_hands(image, wrong)
    finally:
        detector.close()
    for hand in (found.left_hand, again.left_hand):
        assert np.linalg.norm(hand[:, :2] - truth.left_hand.keypoints_2d, axis=1).mean() < 5


def test_a_find_that_lies_on_the_other_hand_is_refused(pointing, monkeypatch):
    image, _, seen = pointing
    detector = MediaPipeHolistic(static_images=True)
    monkeypatch.setattr(detector._hand_redetector, 'detect_wide', lambda *_: seen.right_hand)
    # Both arms end near the one hand.
    pose = seen.pose.copy()
    pose[15] = pose[16] = seen.right_hand[0, :2]
    pose[16] += 3
    try:
        assert detector._add_wide_hands(image, replace(seen, pose=pose)).left_hand is None
    finally:
        detector.close()
