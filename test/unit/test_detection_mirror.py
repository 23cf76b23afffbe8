"""A picture and its mirror image are the same person, sides exchanged."""

from dataclasses import replace

import numpy as np
import pytest

from hand4whole_ros.detection.mediapipe_holistic import (
    HolisticLandmarks,
    MediaPipeHolistic,
    average_landmarks,
    mirror_landmarks,
)
from hand4whole_ros.synthetic import dataset, people


def some_landmarks():
    rng = np.random.default_rng(0)
    return HolisticLandmarks(rng.uniform(0, 640, (33, 2)), rng.uniform(0, 1, 33), rng.normal(size=(33, 3)),
                             rng.uniform(0, 640, (21, 3)), None, True)


def test_two_mirrors_undo_each_other_and_one_exchanges_the_sides():
    landmarks = some_landmarks()
    once, twice = mirror_landmarks(landmarks, 640), mirror_landmarks(mirror_landmarks(landmarks, 640), 640)
    assert once.left_hand is None and np.allclose(once.right_hand[:, 0], 639 - landmarks.left_hand[:, 0])
    assert np.allclose(once.pose[12], (639 - landmarks.pose[11, 0], landmarks.pose[11, 1]))
    for name in ('pose', 'visibility', 'world', 'left_hand'):
        assert np.allclose(getattr(twice, name), getattr(landmarks, name))


def test_what_one_look_missed_is_taken_from_the_other():
    landmarks = some_landmarks()
    other = replace(landmarks, left_hand=None, pose=landmarks.pose + 2)
    assert average_landmarks(None, landmarks) is landmarks and average_landmarks(landmarks, None) is landmarks
    both = average_landmarks(landmarks, other)
    assert np.allclose(both.pose, landmarks.pose + 1)
    assert np.array_equal(both.left_hand, landmarks.left_hand) and both.right_hand is None


def test_two_looks_at_two_people_are_not_mixed():
    landmarks = some_landmarks()
    shy = replace(landmarks, visibility=landmarks.visibility / 2)
    other = replace(shy, pose=landmarks.pose + (300, 0))
    assert average_landmarks(landmarks, other) is landmarks and average_landmarks(other, landmarks) is landmarks
    swapped = mirror_landmarks(shy, 640)        # one person, whose sides were taken for each other
    swapped = replace(swapped, pose=swapped.pose * (-1, 1) + (639, 0))
    assert average_landmarks(swapped, landmarks) is landmarks


def test_a_picture_and_its_mirror_image_give_the_same_person():
    image, _ = people.render_person(people.sample_person(dataset.person_seed(3, 0)))
    detector = MediaPipeHolistic(static_images=True)
    try:
        plain, turned = detector.detect(image), detector.detect(np.ascontiguousarray(image[:, ::-1]))
    finally:
        detector.close()
    back = mirror_landmarks(turned, image.shape[1])
    assert back.pose == pytest.approx(plain.pose, abs=0.01) and back.world == pytest.approx(plain.world, abs=1e-4)
