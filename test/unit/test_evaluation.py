"""The error measures on cases worked out by hand and against scipy; the table on known errors."""

import numpy as np
import pytest
from scipy.spatial import procrustes
from scipy.spatial.transform import Rotation

from hand4whole_ros import skeleton
from hand4whole_ros.evaluation import metrics


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def test_mpjpe_is_the_mean_distance():
    true = np.zeros((2, 3))
    predicted = np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 1.0]])
    assert metrics.mpjpe(predicted, true) == pytest.approx((5 + 1) / 2)


def test_root_relative_mpjpe_ignores_a_shift_and_nothing_else():
    true = np.array([[0.0, 0, 0], [1.0, 0, 0]])
    predicted = true + (5.0, -2.0, 1.0)
    assert metrics.root_relative_mpjpe(predicted, true, predicted[0], true[0]) == pytest.approx(0)
    predicted[1] += (0, 0, 0.2)
    assert metrics.root_relative_mpjpe(predicted, true, predicted[0], true[0]) == pytest.approx(0.1)


def test_pa_mpjpe_ignores_similarity_but_not_mirroring(rng):
    true = rng.normal(size=(21, 3))
    turn = Rotation.random(random_state=1).as_matrix()
    assert metrics.pa_mpjpe(0.4 * true @ turn.T + (1, 2, 3), true) == pytest.approx(0, abs=1e-9)
    assert metrics.pa_mpjpe(true * (-1, 1, 1), true) > 0.1


def test_pa_mpjpe_agrees_with_scipy(rng):
    for _ in range(5):
        true = rng.normal(size=(21, 3))
        predicted = true + rng.normal(0, 0.1, (21, 3))
        standard, fitted, _ = procrustes(true, predicted)       # centred, and scaled to norm one
        scale = np.linalg.norm(true - true.mean(0))
        expected = np.linalg.norm(standard - fitted, axis=1).mean() * scale
        assert metrics.pa_mpjpe(predicted, true) == pytest.approx(expected, rel=1e-6)


def test_measures_are_batched(rng):
    predicted, true = rng.normal(size=(2, 4, 21, 3))
    together = metrics.pa_mpjpe(predicted, true)
    assert together.shape == (4,)
    assert np.allclose(together, [metrics.pa_mpjpe(p, t) for p, t in zip(predicted, true)])
    assert metrics.palm_angle(predicted, true).shape == (4,)


def test_palm_angle_is_the_angle_the_hand_was_turned_by(rng):
    hand = rng.normal(size=(21, 3))
    for degrees in (0.001, 13.0, 90.0, 179.0):
        turn = Rotation.from_rotvec(np.radians(degrees) * np.array([0.0, 0.6, 0.8]))
        assert metrics.palm_angle(turn.apply(hand) * 2 + 1, hand) == pytest.approx(degrees, rel=1e-6)


def test_palm_frame_of_a_flat_hand():
    hand = np.zeros((21, 3))
    hand[5], hand[17] = (0.1, 0.03, 0), (0.1, -0.03, 0)     # index and pinky MCP beside x
    assert np.allclose(metrics.palm_frame(hand), np.diag([1.0, -1.0, -1.0]))


def test_rotation_angle_agrees_with_scipy():
    a, b = Rotation.random(20, random_state=2), Rotation.random(20, random_state=3)
    expected = np.degrees((a.inv() * b).magnitude())
    assert np.allclose(metrics.rotation_angle(a.as_matrix(), b.as_matrix()), expected)


def test_mrrpe_and_depth():
    zero = np.zeros(3)
    assert metrics.mrrpe(zero, (1, 0, 0), (5, 5, 5), (6, 5, 5.3)) == pytest.approx(0.3)
    assert metrics.relative_depth_error((9, 9, 2.2), (0, 0, 2.0)) == pytest.approx(0.1)


def test_the_heading_is_seen_from_above_and_legs_count_from_the_hips():
    from hand4whole_ros.evaluation.pose_errors import posture_errors
    pairs = (0.2, -0.5), (0.3, -0.2), (0.35, 0), (0.1, 0), (0.1, 0.4), (0.1, 0.8)
    limbs = np.array([(side * x, y, 3) for x, y in pairs for side in (1, -1)])
    turned = Rotation.from_euler('y', 30, degrees=True).apply(limbs - (0, 0, 3)) + (1, 0, 4)
    found = posture_errors(turned, limbs)
    assert found['heading_deg'] == pytest.approx(30)
    assert found['legs_mm'] == pytest.approx(1e3 * 2 * 0.1 * np.sin(np.radians(15)))
    for degrees in (-20, 20):       # bending does not turn
        bent = Rotation.from_euler('x', degrees, degrees=True).apply(limbs - (0, 0, 3)) + (0, 0, 3)
        assert posture_errors(bent, limbs)['heading_deg'] == pytest.approx(0, abs=1e-9)
    behind = limbs.copy()
    behind[0::2], behind[1::2] = limbs[1::2], limbs[0::2]      # left and right exchanged
    assert posture_errors(behind, limbs)['heading_deg'] == pytest.approx(180)


def test_only_visible_joints_count_in_the_picture():
    from hand4whole_ros.evaluation.pose_errors import image_error
    pairs = (200, -300), (200, -100), (200, 0), (100, 100), (100, 300), (100, 500)
    true = np.array([(side * x, y) for x, y in pairs for side in (1, -1)], float)
    seen = true.copy()
    seen[0] += (30, 40)
    seen[5] += 1e4
    visible = np.ones(12, bool)
    visible[5] = False
    assert image_error(seen, true, visible) == pytest.approx(50 / 11 / 500)
    assert image_error(seen, true, np.zeros(12, bool)) is None


# -- the whole table ---------------------------------------------------------------------------------------

class Oracle:
    """Gives the truth back, moved `away` metres from the camera; every third hand is withheld."""

    name = 'oracle'

    def __init__(self, truths, away=0.0):
        self.truths, self.away, self.count = truths, away, 0

    def estimate(self, image, intrinsics, stamp=None):
        from hand4whole_ros.estimate import HandEstimate, WholeBodyEstimate
        truth = self.truths[self.count]
        shift = np.array([0, 0, self.away])
        hands = {}

        def zero(*shape):
            return np.zeros(shape, np.float32)
        for k, side in enumerate(skeleton.SIDES):
            state = skeleton.LOST if (2 * self.count + k) % 3 == 2 else skeleton.OK
            keypoints = np.float32(truth.hand(side).keypoints_3d + shift)
            hands[side] = HandEstimate(side, state, 1.0, keypoints, zero(21, 2), None, zero(4))
        self.count += 1
        return [WholeBodyEstimate(
            zero(3), zero(21, 3), zero(3), zero(3), zero(3), zero(15, 3), zero(15, 3), zero(10), zero(10),
            zero(3), np.float32(truth.joints + shift),
            np.float32(truth.joint_rotations), hands['left'], hands['right'], zero(4), 1.0,
            stage_times={'detector': 0.02, 'fit': 0.007, 'mesh': 0.001})]


@pytest.fixture(scope='module')
def tables():
    pytest.importorskip('anny')
    pytest.importorskip('mediapipe')
    from hand4whole_ros.evaluation import synthetic_evaluation
    from hand4whole_ros.synthetic import dataset
    truths = [dataset.render_person(2, i)[1] for i in range(3)]
    middle = truths[0].joints[[1, 2], 2].mean()
    return {away: synthetic_evaluation.evaluate_synthetic(Oracle(truths, away), count=3, seed=2, progress=False)
            for away in (0.0, 0.1 * middle)}, truths


def test_the_truth_itself_has_no_error(tables):
    table = tables[0][0.0]
    rows = {key: row['estimator'] for key, row in table['rows'].items()}
    for key in ('body_pa_mm', 'body_root_mm', 'hand_pa_mm', 'mrrpe_mm', 'depth_percent'):
        assert rows[key] == pytest.approx(0, abs=1e-2), key
    assert rows['palm_deg'] < 0.01 and rows['wrist_deg'] < 0.05
    assert rows['hands_missed'] == 2 and rows['people_missed'] == 0
    assert rows['fit_ms'] == pytest.approx(8.0)


def test_a_wrong_distance_shows_in_its_row_alone(tables):
    results, truths = tables
    away = max(results)
    rows = {key: row['estimator'] for key, row in results[away]['rows'].items()}
    expected = np.median([100 * away / truth.joints[[1, 2], 2].mean() for truth in truths])
    assert rows['depth_percent'] == pytest.approx(expected, rel=1e-4)
    assert rows['body_root_mm'] == pytest.approx(0, abs=1e-2)


def test_the_baseline_is_measured_beside_it(tables):
    table = tables[0][0.0]
    rows = {key: row['mediapipe'] for key, row in table['rows'].items()}
    assert 10 < rows['body_pa_mm'] < 150 and rows['body_pa_mm'] < rows['body_root_mm']
    assert 4 < rows['hand_pa_mm'] < 60 and 0 < rows['palm_deg'] < 120
    assert rows['depth_percent'] is None and rows['time_ms'] > 0
    assert table['rows']['fit_ms']['goal'] == pytest.approx(rows['time_ms'] / 2)


def test_the_table_reads_well_and_goes_into_json(tables):
    import json

    from hand4whole_ros.evaluation import synthetic_evaluation
    table = tables[0][0.0]
    text = synthetic_evaluation.format_table(json.loads(json.dumps(table)))
    assert '| | unit | oracle | MediaPipe 3D | goal |' in text
    assert '| hands missed | of 6 | 2 |' in text
    assert len({line.count('|') for line in text.splitlines()[2:]}) == 1


@pytest.mark.parametrize('away', (0.0, -30.0))
def test_people_in_every_posture_have_a_table_of_their_own(away):
    pytest.importorskip('anny')
    from hand4whole_ros.evaluation import synthetic_evaluation as evaluation
    truths = [evaluation._person_in_a_posture(3, k)[1] for k in range(3)]
    table = evaluation.evaluate_synthetic(Oracle(truths, away), count=3, seed=3, postures=True, progress=False)
    rows = {key: row['estimator'] for key, row in table['rows'].items()}
    for key in ('body_root_mm', 'legs_mm', 'heading_deg', 'mrrpe_mm'):
        assert rows[key] == pytest.approx(0, abs=1e-2), key
    assert rows['behind_camera'] == (0 if away == 0 else 3)
    assert rows['image_torsos'] is None if away else rows['image_torsos'] == pytest.approx(0, abs=1e-3)
    text = evaluation.format_table(table)
    assert '3 rendered people in every posture, seed 3' in text and 'hands missed' not in text
    other = evaluation._person_in_a_posture(4, 0)[1]
    assert not np.allclose(other.joints, truths[0].joints)


def test_an_estimator_that_finds_nobody_misses_every_hand():
    pytest.importorskip('anny')
    pytest.importorskip('mediapipe')
    from hand4whole_ros.evaluation import synthetic_evaluation

    class Nobody:
        name = 'nobody'

        def estimate(self, image, intrinsics, stamp=None):
            return []

    table = synthetic_evaluation.evaluate_synthetic(Nobody(), count=1, seed=2, progress=False)
    rows = {key: row['estimator'] for key, row in table['rows'].items()}
    assert rows['people_missed'] == 1 and rows['hands_missed'] == 2 and rows['hand_pa_mm'] is None


def test_found_hands_go_to_the_hand_they_lie_on():
    from hand4whole_ros.evaluation.people_matching import match_hands
    left, right = np.full((21, 2), 100.0), np.full((21, 2), 300.0)
    true = [('left', left, np.arange(21)), ('right', right, np.arange(21))]
    found = match_hands([right + 5, right + 2, left - 60], true, [50.0, 50.0])
    assert found == {1: (1, pytest.approx(2 * 2 ** 0.5 / 50))}
