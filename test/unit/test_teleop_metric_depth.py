"""The distance of a hand from the known length of its palm, or from the known height of its person."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from teleop_hands import placed, right_hand

from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.teleop.metric_depth import HeightCorrection, PalmLengthCorrection, height, palm_length

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


@pytest.fixture(scope='module')
def standing():
    """Joints (55, 3) m of an adult in any pose, and the height, by the skin, of the same adult."""
    from hand4whole_ros.synthetic.figure import PosableBody
    from hand4whole_ros.synthetic.people import sample_phenotype
    figure = PosableBody(sample_phenotype(57))
    rng = np.random.default_rng(1)
    turned = Rotation.from_rotvec(rng.normal(0, 0.4, (55, 3))).as_matrix()
    return figure.pose(turned, np.array([0.1, 0.2, 2.0])).joints, float(np.ptp(figure.rest_vertices[:, 1]))


def test_a_height_follows_from_the_bones_in_any_pose(standing):
    joints, true = standing
    assert height(joints) == pytest.approx(true, rel=0.025)


def test_a_person_of_known_height_is_at_the_true_distance(standing):
    joints, true = standing
    correct = HeightCorrection(height(joints))
    np.testing.assert_allclose(correct(1.2 * TRUE, 1.2 * joints, 1), TRUE, atol=1e-9)
    np.testing.assert_allclose(correct(1.2 * TRUE, 1.3 * joints, 2), TRUE * 1.2 / 1.3, atol=1e-9)    # somebody else
    for broken in (np.nan * joints, 0 * joints, 10 * joints):
        np.testing.assert_array_equal(correct(TRUE, broken, 2), TRUE)
    for nobody in (0.3, 3.0, float('nan')):
        with pytest.raises(ValueError, match='a person is 1 to 2.3 m tall'):
            HeightCorrection(nobody)
