"""Confidence of joints: what is seen is told from what is only inferred, on the right side, and nothing is left out."""

from dataclasses import replace

import numpy as np
import pytest

from hand4whole_ros.detection.holistic_landmarks import HolisticLandmarks
from hand4whole_ros.fitting import confidence
from hand4whole_ros.fitting.confidence import joint_confidence, misfit
from hand4whole_ros.landmarks.indices import LIMBS, MIRRORED_POSE, PoseLandmark
from hand4whole_ros.landmarks.measures import torso_length, trunk_diagonal
from hand4whole_ros.skeleton import HAND_SLICE, JOINT, JOINT_NAMES, MIRROR

#: m, that the lifting network expects of people who are easy to lift, and of those who are hard.
EASY, HARD = 0.016, 0.035


def standing():
    """(33, 2) px, landmarks of somebody who stands and faces the camera."""
    points = np.zeros((33, 2))
    for name, place in {'SHOULDER': (36, 0), 'ELBOW': (48, 55), 'WRIST': (52, 105), 'HIP': (20, 100), 'KNEE': (22, 185),
                        'ANKLE': (24, 270), 'EAR': (14, -40), 'EYE': (6, -42)}.items():
        points[PoseLandmark[f'LEFT_{name}']] = place
        points[PoseLandmark[f'RIGHT_{name}']] = (-place[0], place[1])
    return points + (320, 100)


def seen(visibility, disagreement=None, pose=None):
    if disagreement is not None:
        disagreement = np.broadcast_to(disagreement, 33)
    return HolisticLandmarks(standing() if pose is None else pose, np.broadcast_to(visibility, 33), np.zeros((33, 3)),
                             None, None, False, disagreement)


def person_confidence(landmarks, miss, spread, inside=None):
    return confidence.person_confidence(landmarks, miss, spread, np.ones(33, bool) if inside is None else inside)


def one_joint(values, landmark, value):
    changed = np.full(33, values)
    changed[landmark] = value
    return changed


def test_a_joint_is_the_surer_the_more_its_own_landmark_is_seen():
    low, high = joint_confidence(seen(0.05), {}), joint_confidence(seen(0.999), {})
    body = [joint for joint, name in enumerate(JOINT_NAMES) if not name[-1].isdigit() or name.startswith('spine')]
    assert (low[body] < 0.5).all() and (high[body] > 0.9).all() and (high <= 1).all()
    for landmark, name in ((15, 'left_wrist'), (16, 'right_wrist'), (27, 'left_ankle'), (26, 'right_knee')):
        changed = joint_confidence(seen(one_joint(0.05, landmark, 0.999)), {}) - low
        assert changed[JOINT[name]] > 0.4 and np.delete(changed, JOINT[name]).max() == 0


@pytest.mark.parametrize('disagreement', [None, 0.03])
def test_confidence_grows_with_visibility_for_every_joint(disagreement):
    steps = np.array([joint_confidence(seen(v, disagreement), {'left': v, 'right': v}, 0.02)
                      for v in np.linspace(0, 1, 41)])
    assert (np.diff(steps, axis=0) >= 0).all() and (steps[-1] > steps[0]).all()


def test_fingers_of_a_hand_that_was_not_seen_are_not_known():
    found = joint_confidence(seen(0.9), {'right': 0.7})
    assert (found[HAND_SLICE['right']] == 0.7).all() and (found[HAND_SLICE['left']] == 0).all()


@pytest.mark.parametrize('both_ways', [False, True])
def test_a_mirror_mirrors(both_ways):
    rng = np.random.default_rng(0)
    visibility, apart, order = rng.random(33), 0.1 * rng.random(33), list(MIRRORED_POSE)
    apart, other_apart = (apart, apart[order]) if both_ways else (None, None)
    found = joint_confidence(seen(visibility, apart), {'left': 0.5}, 0.02)
    other = joint_confidence(seen(visibility[order], other_apart), {'right': 0.5}, 0.02)
    assert np.allclose(other, found[list(MIRROR)])


@pytest.mark.parametrize('disagreement', [None, 0.03])
def test_a_person_is_the_surer_the_nearer_the_body_lies_the_sharper_the_limbs_and_the_surer_the_network(disagreement):
    values = np.array([[[person_confidence(seen(score, disagreement), miss, spread) for spread in (0, 0.01, 0.04, 9)]
                        for miss in (0, 0.005, 0.05, 9)] for score in (1, 0.9, 0.4, 0)])
    assert ((values >= 0) & (values <= 1)).all() and values[1, 1, 1] > 0.95 > 0.5 > values[2, 2, 2]
    assert all((np.diff(values, axis=axis) <= 0).all() for axis in range(3))


def test_scores_count_before_visibility_and_who_is_hardly_a_person_is_not_sure():
    plain = seen(0.99, 0.02)
    blurred = replace(plain, keypoint_score=np.full(33, 0.3))
    assert (joint_confidence(blurred, {}, EASY) <= joint_confidence(plain, {}, EASY)).all()
    assert joint_confidence(blurred, {}, EASY)[JOINT['left_wrist']] < 0.8 < joint_confidence(
        replace(blurred, keypoint_score=np.full(33, 0.9)), {}, EASY)[JOINT['left_wrist']]
    assert person_confidence(replace(plain, person=0.4), 0.02, EASY) == pytest.approx(
        0.4 * person_confidence(plain, 0.02, EASY))


def test_who_looks_otherwise_in_a_mirror_is_less_sure_whatever_is_visible():
    sure, unsure = (person_confidence(seen(0.7, apart), 0.02, 0.02) for apart in (0.01, 0.3))
    assert sure > 0.95 > 0.7 > unsure
    high = joint_confidence(seen(0.99, 0.01), {}, EASY)
    assert high[JOINT['left_wrist']] > 0.95
    changed = joint_confidence(seen(0.99, one_joint(0.01, PoseLandmark.LEFT_WRIST, 0.5)), {}, EASY) - high
    assert changed[JOINT['left_wrist']] < -0.5 and np.delete(changed, JOINT['left_wrist']).min() == 0
    assert np.isfinite(joint_confidence(seen(0, 0), {}, 0.0)).all()


@pytest.mark.parametrize('ways', [1, 2])
def test_limbs_outside_the_image_leave_somebody_as_sure_as_the_others_make_him(ways):
    inside = np.ones(33, bool)
    inside[PoseLandmark.LEFT_KNEE:] = False     # an operator at a desk
    score, apart = np.where(inside, 0.8, 0.05), np.where(inside, 0.02, 0.3) if ways == 2 else None
    cut, whole = seen(score, apart), seen(0.8, None if apart is None else 0.02)
    sure = person_confidence(whole, 0.02, 0.02)
    assert person_confidence(cut, 0.02, 0.02, inside) == pytest.approx(sure)
    assert person_confidence(cut, 0.02, 0.02) < sure - 0.1
    doubtful = person_confidence(replace(cut, person=0.5), 0.02, 0.02, inside)
    assert doubtful == pytest.approx(0.5 ** 1.5 * sure)     # two thirds of the limbs are inside
    nothing = person_confidence(cut, 0.02, 0.02, np.zeros(33, bool))
    assert nothing == pytest.approx(person_confidence(cut, 0.02, 0.02))


def test_who_is_hard_to_lift_is_less_sure_though_all_estimates_agree():
    easy, hard = (person_confidence(seen(0.6, 0.08), 0.03, spread) for spread in (EASY, HARD))
    assert easy > 0.7 and easy - hard > 0.1
    joints = [joint_confidence(seen(0.9, 0.04), {}, spread) for spread in (EASY, HARD)]
    body = slice(0, JOINT['right_wrist'] + 1)
    assert (joints[0][body] > joints[1][body]).all()
    without = joint_confidence(seen(0.9, 0.04), {})         # no lifting network
    np.testing.assert_array_equal(without, joint_confidence(seen(0.9), {}, EASY))


def test_the_distance_of_estimates_counts_in_trunk_diagonals():
    bent = standing()
    rows = range(PoseLandmark.LEFT_HIP)
    bent[rows, 1] = 195 - 0.2 * (bent[rows, 1] - 195)
    apart = 6.0     # px
    found = person_confidence(seen(0.9, apart / torso_length(bent), bent), 0.02, 0.02)
    upright = standing()
    same = apart / trunk_diagonal(bent) * trunk_diagonal(upright)
    assert found == pytest.approx(person_confidence(seen(0.9, same / torso_length(upright)), 0.02, 0.02))
    assert abs(found - person_confidence(seen(0.9, apart / torso_length(bent)), 0.02, 0.02)) > 0.005


def test_a_misfit_is_a_distance_in_trunk_diagonals_weighted_by_visibility():
    points, visibility = standing(), np.zeros(33)
    visibility[list(LIMBS)] = 1
    moved = points.copy()
    moved[:11] += 500
    assert misfit(points, moved, visibility) == 0
    assert misfit(points, points + (0, 0.1 * trunk_diagonal(points)), visibility) == pytest.approx(0.1)
    assert np.isfinite(misfit(np.zeros((33, 2)), points, np.zeros(33)))
