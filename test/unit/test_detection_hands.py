"""The gate for hands: it believes a hand that agrees with its arm and refuses the others."""

import numpy as np

from hand4whole_ros.detection.hand_filter import filter_hands
from hand4whole_ros.detection.holistic_landmarks import HolisticLandmarks

SIZE = (640, 480)


def hand_at(wrist, length=40.0):
    """21 points of an upright open hand."""
    points = np.zeros((21, 3))
    for finger in range(5):
        for k in range(4):
            points[1 + 4 * finger + k, :2] = (0.3 * (finger - 2), -1 - 0.3 * k)
    return points * length + (*wrist, 0)


def person(left=None, right=None, wrist_visibility=0.95):
    pose = np.zeros((33, 2))
    pose[[11, 12]] = (380, 150), (260, 150)
    pose[[23, 24]] = (350, 350), (290, 350)
    pose[15], pose[16] = (420, 300), (220, 300)
    visibility = np.full(33, 0.99)
    visibility[[15, 16]] = wrist_visibility
    return HolisticLandmarks(pose, visibility, np.zeros((33, 3)), left, right, True)


def test_a_person_is_as_certain_as_shoulders_elbows_wrists_and_hips_are_visible():
    seen = person()
    seen.visibility[:] = 0
    seen.visibility[[11, 12, 13, 14, 15, 16, 23, 24]] = np.linspace(0.3, 1, 8)
    assert np.isclose(seen.confidence, 0.65)


def test_hands_on_their_arms_are_believed():
    found = filter_hands(person(hand_at((420, 300)), hand_at((222, 298))), *SIZE)
    assert set(found) == {'left', 'right'}
    assert all(0.5 < confidence <= 1 for _, confidence in found.values())


def test_a_hand_far_from_its_arm_is_refused():
    assert set(filter_hands(person(hand_at((520, 200)), hand_at((220, 300))), *SIZE)) == {'right'}


def test_a_hand_whose_wrist_is_hidden_is_refused():
    assert filter_hands(person(hand_at((420, 300)), wrist_visibility=0.3), *SIZE) == {}


def test_a_hand_out_of_the_picture_is_refused():
    landmarks = person(hand_at((420, 300)))
    landmarks.pose[15] = (420, 5)
    landmarks.left_hand[:, 1] -= 298
    assert filter_hands(landmarks, *SIZE) == {}


def test_a_hand_of_impossible_size_is_refused():
    assert filter_hands(person(hand_at((420, 300), 4)), *SIZE) == {}
    assert filter_hands(person(hand_at((420, 300), 200)), *SIZE) == {}


def test_one_hand_seen_as_both_is_kept_on_the_nearer_arm():
    landmarks = person(hand_at((424, 300)), hand_at((425, 301)))
    landmarks.pose[16] = (440, 300)
    assert set(filter_hands(landmarks, *SIZE)) == {'left'}


def test_points_that_are_not_finite_are_refused():
    assert filter_hands(person(hand_at((420, 300)) * np.nan), *SIZE) == {}
