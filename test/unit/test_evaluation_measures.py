"""F-scores, PCK, jitter and the rest: cases worked out by hand, and scipy's own answers."""

import numpy as np
import pytest
from scipy.interpolate import BSpline
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from hand4whole_ros.evaluation import metrics, temporal_metrics, threshold_metrics


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def test_f_score_of_two_points_and_three():
    true = np.array([[0.0, 0, 0], [1, 0, 0]])
    predicted = np.array([[0.004, 0, 0], [0.006, 0, 0], [9, 0, 0]])
    # One of three predictions is near, and one of two true points has somebody near: 2 (1/3) (1/2) / (5/6).
    assert threshold_metrics.f_score(predicted, true, 0.005) == pytest.approx(0.4)
    assert threshold_metrics.f_score(predicted + 5, true, 0.005) == 0.0
    assert threshold_metrics.f_score(true, true, 0.005) == 1.0


def test_f_score_agrees_with_all_distances(rng):
    predicted, true = rng.normal(size=(40, 3)), rng.normal(size=(30, 3))
    distances = cdist(predicted, true)
    precision, recall = (distances.min(axis=axis) < 0.6 for axis in (1, 0))
    expected = 2 * precision.mean() * recall.mean() / (precision.mean() + recall.mean())
    assert 0.1 < expected < 0.95 and threshold_metrics.f_score(predicted, true, 0.6) == pytest.approx(expected)


def test_pck_and_its_area():
    distances = np.array([[0.01, 0.02], [0.03, 0.07]])
    assert threshold_metrics.pck(distances, [0.0, 0.02, 0.05, 0.1]).tolist() == [0, 0.5, 0.75, 1]
    # Each distance d covers what is right of it: (1 - d / 0.05) of the width, and nothing beyond 50 mm.
    assert threshold_metrics.auc(distances, steps=50001) == pytest.approx((0.8 + 0.6 + 0.4) / 4, abs=1e-4)
    assert threshold_metrics.auc(np.zeros(3)) == pytest.approx(1.0) and threshold_metrics.auc(np.ones(3)) == 0.0


def test_jitter_of_a_cubic_is_its_third_derivative():
    times = np.arange(8) / 30
    joints = np.stack([2 * times ** 3, times ** 2, 0 * times + 5], axis=-1)[:, None]
    assert temporal_metrics.jitter(joints, 30) == pytest.approx(12.0)
    assert temporal_metrics.jitter(joints[:, :, 1:], 30) == pytest.approx(0.0, abs=1e-6)
    assert np.isnan(temporal_metrics.jitter(joints[:3], 30))


def test_jitter_agrees_with_scipys_splines(rng):
    """A cubic spline's third derivative is constant between knots; four samples within one piece have it exactly."""
    spline = BSpline(np.arange(-3, 7), rng.normal(size=(6, 2, 3)), 3)
    for piece in range(3):
        times = piece + np.arange(4) / 4 + 0.1
        expected = np.linalg.norm(spline.derivative(3)(piece + 0.5), axis=-1).mean()
        assert temporal_metrics.jitter(spline(times), 4) == pytest.approx(expected)


def test_acceleration_error_ignores_constant_velocity(rng):
    true = rng.normal(size=(5, 4, 3))
    drift = np.arange(5)[:, None, None] * np.array([0.1, 0, 0])
    assert temporal_metrics.acceleration_error(true + drift, true, 25) == pytest.approx(0, abs=1e-9)
    fall = 0.5 * 9.81 * (np.arange(5) / 25) ** 2
    assert temporal_metrics.acceleration_error(
        true + fall[:, None, None] * np.array([0, 1, 0]), true, 25
    ) == pytest.approx(9.81)
    assert np.isnan(temporal_metrics.acceleration_error(true[:2], true[:2], 25))


def test_bone_scaled_error_leaves_out_size_and_place_and_nothing_else(rng):
    true = rng.normal(size=(3, 21, 3))
    bone = [9, 0]
    assert metrics.bone_scaled_mpjpe(3 * true + 1, true, 3 * true[:, bone] + 1, true[:, bone]) == pytest.approx(0)
    turned = Rotation.from_rotvec([0, 0, np.pi]).apply(true[0])
    expected = np.linalg.norm((turned - turned[9]) - (true[0] - true[0][9]), axis=-1).mean()
    assert metrics.bone_scaled_mpjpe(turned, true[0], turned[bone], true[0][bone]) == pytest.approx(expected)


def test_right_relative_error_is_that_of_the_relation_where_the_hands_are_right(rng):
    true = {side: rng.normal(size=(778, 3)) for side in ('left', 'right')}
    predicted = {'right': true['right'] + 7, 'left': true['left'] + 7 + np.array([0, 0, 0.1])}
    root = true['right'][0]
    assert metrics.rrve(predicted, true, root + 7, root) == pytest.approx(0.05)
