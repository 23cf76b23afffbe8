"""The distance of a hand from the known length of its palm."""

import numpy as np
import pytest
from teleop_hands import placed, right_hand

from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.teleop.metric_depth import PalmLengthCorrection, palm_length

CAMERA = Intrinsics.from_fov(640, 480)
TRUE = placed(right_hand())


def test_a_hand_of_the_wrong_size_comes_to_its_true_place_and_stays_in_the_picture():
    correct = PalmLengthCorrection(palm_length(TRUE))
    estimated = 1.2 * TRUE      # a person a fifth larger, a fifth farther away
    np.testing.assert_allclose(correct(estimated), TRUE, atol=1e-9)
    np.testing.assert_allclose(CAMERA.project(correct(estimated)), CAMERA.project(estimated), atol=1e-6)


def test_noise_of_one_image_moves_the_hand_little_and_another_person_starts_anew():
    correct = PalmLengthCorrection(palm_length(TRUE))
    for _ in range(20):
        correct(TRUE, 1)
    assert np.linalg.norm(correct(1.1 * TRUE, 1)[0] - 1.1 * TRUE[0]) < 1e-9     # not judged by itself
    np.testing.assert_allclose(correct(1.1 * TRUE, 2), TRUE, atol=1e-9)


@pytest.mark.parametrize('broken', [np.nan * TRUE, 10 * TRUE, 0 * TRUE])
def test_what_is_no_hand_is_left_to_the_gate(broken):
    correct = PalmLengthCorrection(0.09)
    np.testing.assert_array_equal(correct(broken), broken)
    np.testing.assert_allclose(palm_length(correct(TRUE)), 0.09)


@pytest.mark.parametrize('length', [0.01, 0.5, float('nan')])
def test_a_length_that_no_palm_has_is_refused(length):
    with pytest.raises(ValueError, match='a palm is 0.045 to 0.19 m long'):
        PalmLengthCorrection(length)
