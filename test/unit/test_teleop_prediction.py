"""Prediction over a known delay: exact for steady motion, quiet at rest, bounded always."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand4whole_ros.teleop.prediction import MAX_ROTATION, MAX_SHIFT, PointPrediction, RotationPrediction

DT, DELAY = 1 / 30, 0.1


def test_a_steady_motion_is_predicted():
    predict, velocity = PointPrediction(DELAY), np.array([[0.8, 0.0, -0.6], [0.0, 1.0, 0.0]])
    for k in range(90):
        ahead = predict(k * DT * velocity, DT)
    true = (89 * DT + DELAY) * velocity
    assert np.linalg.norm(ahead - true, axis=1).max() < 0.03 * DELAY


def test_a_steady_turn_is_predicted():
    predict, rate = RotationPrediction(DELAY), np.array([0.0, 2.0, 1.0])
    for k in range(90):
        ahead = predict(Rotation.from_rotvec(k * DT * rate).as_matrix(), DT)
    true = Rotation.from_rotvec((89 * DT + DELAY) * rate)
    assert (Rotation.from_matrix(ahead) * true.inv()).magnitude() < 0.05 * DELAY * np.linalg.norm(rate)


def test_a_hand_at_rest_is_left_alone():
    """What prediction adds to noise is less than the noise."""
    rng, predict = np.random.default_rng(0), PointPrediction(DELAY)
    noise = rng.normal(0, 0.001, (300, 21, 3))
    added = np.array([predict(points, DT) for points in noise]) - noise
    assert np.linalg.norm(added, axis=-1).std() < 0.5 * np.linalg.norm(noise, axis=-1).std()


def test_a_hand_that_stops_is_not_predicted_on_for_long():
    predict = PointPrediction(DELAY)
    for k in range(30):
        predict(np.array([[k * DT, 0.0, 0.0]]), DT)
    for _ in range(10):
        ahead = predict(np.array([[29 * DT, 0.0, 0.0]]), DT)
    assert ahead[0, 0] - 29 * DT < 0.01 * DELAY


@pytest.mark.parametrize('dt', [0.0, -1.0, 0.5, math.nan])
def test_gaps_and_jumps_of_time_predict_nothing(dt):
    predict, turn = PointPrediction(DELAY), RotationPrediction(DELAY)
    for k in range(30):
        predict(np.array([[k * DT, 0.0, 0.0]]), DT)
        turn(Rotation.from_rotvec((0, 0, k * DT)).as_matrix(), DT)
    point, rotation = np.array([[3.0, 1.0, 2.0]]), Rotation.from_rotvec((1, 0, 0)).as_matrix()
    assert np.array_equal(predict(point, dt), point) and np.allclose(turn(rotation, dt), rotation)
    # And what was measured before is forgotten.
    assert np.array_equal(predict(point, DT), point) and np.allclose(turn(rotation, DT), rotation)


def test_predictions_are_bounded():
    predict, turn = PointPrediction(1.0), RotationPrediction(1.0)
    predict(np.zeros((1, 3)), DT)
    turn(np.eye(3), DT)
    assert np.linalg.norm(predict(np.full((1, 3), 5.0), DT) - 5.0) <= MAX_SHIFT + 1e-9
    step = Rotation.from_rotvec((3.0, 0, 0))
    assert (Rotation.from_matrix(turn(step.as_matrix(), DT)) * step.inv()).magnitude() <= MAX_ROTATION + 1e-9


@pytest.mark.parametrize('delay', [-0.1, 2.0, math.nan])
def test_a_delay_that_is_none_is_refused(delay):
    with pytest.raises(ValueError, match='delay'):
        PointPrediction(delay)
