"""Confidence of joints: what is seen is told from what is only inferred, on the right side, and nothing is left out."""

import numpy as np

from hand4whole_ros.fitting.confidence import joint_confidence, person_confidence
from hand4whole_ros.skeleton import HAND_SLICE, JOINT, JOINT_NAMES, MIRROR


def test_a_joint_is_the_surer_the_more_its_own_landmark_is_seen():
    hidden, seen = np.full(33, 0.05), np.full(33, 0.999)
    low, high = joint_confidence(hidden, {}), joint_confidence(seen, {})
    body = [joint for joint, name in enumerate(JOINT_NAMES) if not name[-1].isdigit() or name.startswith('spine')]
    assert (low[body] < 0.5).all() and (high[body] > 0.9).all() and (high <= 1).all()
    for landmark, name in ((15, 'left_wrist'), (16, 'right_wrist'), (27, 'left_ankle'), (26, 'right_knee')):
        visibility = hidden.copy()
        visibility[landmark] = 0.999
        changed = joint_confidence(visibility, {}) - low
        assert changed[JOINT[name]] > 0.4 and np.delete(changed, JOINT[name]).max() == 0


def test_confidence_grows_with_visibility_for_every_joint():
    steps = np.array([joint_confidence(np.full(33, v), {'left': v, 'right': v}) for v in np.linspace(0, 1, 41)])
    assert (np.diff(steps, axis=0) >= 0).all() and (steps[-1] > steps[0]).all()


def test_fingers_of_a_hand_that_was_not_seen_are_not_known():
    found = joint_confidence(np.full(33, 0.9), {'right': 0.7})
    assert (found[HAND_SLICE['right']] == 0.7).all() and (found[HAND_SLICE['left']] == 0).all()


def test_a_mirror_mirrors():
    rng = np.random.default_rng(0)
    visibility = rng.random(33)
    order = (0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(k + 1 if k % 2 else k - 1 for k in range(11, 33)))
    found = joint_confidence(visibility, {'left': 0.5})
    other = joint_confidence(visibility[list(order)], {'right': 0.5})
    assert np.allclose(other, found[list(MIRROR)])


def test_a_person_is_the_surer_the_nearer_the_body_lies_and_the_surer_the_network_is():
    assert person_confidence(0.015, 0.018) > 0.95
    assert person_confidence(0.08, 0.06) < 0.1      # what a hand alone gave that was taken for a person
    values = [[person_confidence(misfit, spread) for spread in (0.01, 0.02, 0.04, 0.08)]
              for misfit in (0.005, 0.02, 0.05, 0.2)]
    assert (np.diff(values, axis=0) <= 0).all() and (np.diff(values, axis=1) <= 0).all()
    assert all(0 <= person_confidence(a, b) <= 1 for a in (0, 1e9) for b in (0, 1e9))


def test_who_looks_otherwise_in_a_mirror_is_less_sure_whatever_is_visible():
    sure, unsure = np.full(33, 0.01), np.full(33, 0.3)
    assert person_confidence(0.015, 0.018, sure) > 0.95 > 0.5 > person_confidence(0.015, 0.018, unsure)
    visibility = np.full(33, 0.99)
    high = joint_confidence(visibility, {}, sure)
    assert high[JOINT['left_wrist']] > 0.95
    apart = sure.copy()
    apart[15] = 0.5
    changed = joint_confidence(visibility, {}, apart) - high
    assert changed[JOINT['left_wrist']] < -0.5 and np.delete(changed, JOINT['left_wrist']).min() == 0
    assert np.isfinite(joint_confidence(np.zeros(33), {}, np.zeros(33))).all()
