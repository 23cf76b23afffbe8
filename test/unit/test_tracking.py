"""Identity, held hands and people, and the 1 euro filter."""

import math
from dataclasses import replace

import numpy as np
import pytest
from posed_layer import pose_with_layer
from scipy.spatial.transform import Rotation

from hand4whole_ros import skeleton
from hand4whole_ros.body.posing import repose_estimate, rest_joints
from hand4whole_ros.estimate import HandEstimate, WholeBodyEstimate
from hand4whole_ros.geometry.one_euro import OneEuroPoints, OneEuroRotations, OneEuroSeenRotations
from hand4whole_ros.ros.node.operator_choice import OperatorSelector
from hand4whole_ros.tracking import Tracker, TrackerConfig
from hand4whole_ros.tracking.tracker import MAX_EXTENDED_HOLD
from hand4whole_ros.tracking.validation import rejection_reason

EXACT = TrackerConfig(smoothing=False)


def person(body, x=0.0, states=(skeleton.OK, skeleton.OK), bend=0.0, confidence=0.9, z=2.0):
    """Somebody `z` m away, upright, `x` m to the right, fingers bent by `bend` radians."""
    local = np.zeros((55, 3), np.float32)
    local[0, 0] = math.pi
    local[skeleton.HAND_SLICE['left'], 2] = -bend
    local[skeleton.HAND_SLICE['right'], 2] = bend
    hands = [HandEstimate(side, state, 0.8 if state == skeleton.OK else 0.0, np.zeros((21, 3), np.float32),
                          np.zeros((21, 2), np.float32), None, np.zeros(4, np.float32))
             for side, state in zip(skeleton.SIDES, states)]
    blank = WholeBodyEstimate(
        **{name: np.zeros((s.stop - s.start, 3) if s.stop - s.start > 1 else 3, np.float32)
           for name, s in skeleton.POSE_SLICES.items()},
        betas=np.zeros(10, np.float32), expression=np.zeros(10, np.float32), transl=np.zeros(3, np.float32),
        joints=np.zeros((55, 3), np.float32), joint_rotations=np.tile(np.eye(3, dtype=np.float32), (55, 1, 1)),
        left_hand=hands[0], right_hand=hands[1],
        bbox_xyxy=np.array([0.0, 0, 100, 200], np.float32), confidence=confidence)
    return repose_estimate(body, blank, local, betas=np.zeros(10, np.float32),
                           pelvis=np.array([x, 0.0, z], np.float32))


def test_posed_agrees_with_the_body_model(body):
    rng = np.random.default_rng(0)
    local, betas, pelvis = (np.float32(part) for part in (rng.normal(0, 0.4, (55, 3)), rng.normal(0, 1, 10),
                                                          [0.3, -0.2, 2.5]))
    estimate = repose_estimate(body, person(body), local, betas=betas, pelvis=pelvis)
    output = pose_with_layer(body, estimate)
    assert np.allclose(output.joints, estimate.joints, atol=1e-4)
    assert np.allclose(output.joint_rotations, estimate.joint_rotations, atol=1e-4)
    assert np.allclose(estimate.joints[0], pelvis, atol=1e-5)
    assert np.allclose(rest_joints(body, betas)[0] + estimate.transl, pelvis, atol=1e-5)


def test_ids_stay_with_people_who_cross_in_the_list(body):
    tracker = Tracker(body, EXACT)
    first = tracker.update([person(body, 0.0), person(body, 1.5)], 0.0)
    ids = {round(float(p.joints[0, 0]), 1): p.track_id for p in first}
    second = tracker.update([person(body, 1.4), person(body, 0.1)], 0.1)
    assert {round(float(p.joints[0, 0]), 1): p.track_id for p in second} == {0.1: ids[0.0], 1.4: ids[1.5]}


def test_who_is_near_two_is_whoever_leaves_the_other_a_person_as_well(body):
    tracker = Tracker(body, EXACT)
    ids = [p.track_id for p in tracker.update([person(body, 0.0), person(body, 0.5)], 0.0)]
    # The first is nearest to where the second was; then nobody could be the first.
    second = tracker.update([person(body, 0.3), person(body, 1.0)], 0.1)
    assert {round(float(p.joints[0, 0]), 1): p.track_id for p in second} == {0.3: ids[0], 1.0: ids[1]}


@pytest.mark.parametrize('hidden', (10, 14, 30))     # images at 30 a second; after half a second he is forgotten
def test_somebody_who_passes_before_another_does_not_become_him_however_long_he_hides_him(body, hidden):
    def passing(x):
        return person(body, x, z=1.65)
    tracker = Tracker(body, EXACT)
    operator, walker = (one.track_id for one in tracker.update([person(body), passing(-1.0)], 0.0))
    for k in range(1, 41):
        last = tracker.update([person(body), passing(-1.0 + 0.8 * k / 40)], k / 30)
    assert [one.track_id for one in last] == [operator, walker]
    for k in range(41, 41 + hidden):
        found = tracker.update([passing(-0.2 + 0.4 * (k - 40) / hidden)], k / 30)
        assert [one.track_id for one in found if not one.held] == [walker]
    found = tracker.update([person(body), passing(0.22)], (41 + hidden) / 30)
    ids = {round(float(one.joints[0, 0]), 1): one.track_id for one in found}
    assert ids[0.2] == walker and (ids[0.0] == operator if hidden < 15 else ids[0.0] not in (operator, walker))


def test_who_comes_near_where_somebody_is_hidden_is_new(body):
    """Pairs are not exchanged so that nobody is left over."""
    tracker = Tracker(body, EXACT)
    operator, walker = (one.track_id for one in tracker.update([person(body, 0.0), person(body, 0.35)], 0.0))
    for k in range(1, 12):
        tracker.update([person(body, 0.35)], k / 30)
    found = tracker.update([person(body, 0.36), person(body, 1.3)], 12 / 30)
    ids = {round(float(one.joints[0, 0]), 1): one.track_id for one in found if not one.held}
    assert ids[0.4] == walker and ids[1.3] not in (operator, walker)


def test_whom_the_estimator_follows_keeps_its_id_and_is_who_it_says(body):
    tracker = Tracker(body, EXACT)

    def update(stamp, **people):    # id of the estimator -> x
        found = tracker.update([replace(person(body, x), track_id=int(name[1:])) for name, x in people.items()], stamp)
        return {p.track_id: round(float(p.joints[0, 0]), 1) for p in found if not p.held}
    assert update(0.0, _7=0.0, _4=0.5) == {7: 0.0, 4: 0.5}
    # Each is now nearest to where the other was.
    assert update(0.1, _7=0.4, _4=0.1) == {7: 0.4, 4: 0.1}
    # Lost for a moment, and given a number of his own: he is known by his place, and from then on by that number.
    assert update(0.2, _4=0.1) == {4: 0.1}
    assert update(0.3, _4=0.1, _8=0.5) == {4: 0.1, 7: 0.5}
    assert update(0.4, _4=0.6, _8=0.0) == {4: 0.6, 7: 0.0}
    # Nobody goes three metres in an image, whatever the estimator says.
    assert update(0.5, _4=0.6, _8=3.0) == {4: 0.6, 8: 3.0}
    assert update(0.6, _4=0.6, _8=3.1) == {4: 0.6, 8: 3.1}
    tracker.reset()
    assert update(0.7, _4=0.6) == {4: 0.6}


def test_a_person_is_held_then_gone_and_a_newcomer_gets_a_new_id(body):
    tracker = Tracker(body, replace(EXACT, hold_time=0.5))
    somebody = person(body)
    hands = {f'{hand.side}_hand': replace(hand, agreement=0.9) for hand in somebody.hands}
    (seen,) = tracker.update([replace(somebody, **hands)], 0.0)
    (held,) = tracker.update([], 0.4)
    assert held.held and held.track_id == seen.track_id and 0 < held.confidence < seen.confidence
    assert [hand.agreement for hand in (*seen.hands, *held.hands)] == [0.9, 0.9, None, None]
    assert {hand.state for hand in held.hands} == {skeleton.HELD}
    assert tracker.update([], 0.6) == []
    (newcomer,) = tracker.update([person(body)], 0.7)
    assert newcomer.track_id != seen.track_id and not newcomer.held


def test_a_hand_not_seen_keeps_its_fingers_on_the_moving_arm_then_is_lost(body):
    tracker = Tracker(body, replace(EXACT, hold_time=0.5))
    tracker.update([person(body, bend=0.7)], 0.0)
    (held,) = tracker.update([person(body, x=0.2, states=(skeleton.LOST, skeleton.OK))], 0.3)
    assert [hand.state for hand in held.hands] == [skeleton.HELD, skeleton.OK]
    assert np.allclose(held.left_hand_pose[:, 2], -0.7) and not held.right_hand_pose.any()
    assert 0 < held.left_hand.confidence < 0.8
    wrist = held.joints[skeleton.WRIST['left']]
    assert np.allclose(held.left_hand.keypoints_3d[0], wrist, atol=1e-5)
    (lost,) = tracker.update([person(body, states=(skeleton.LOST, skeleton.OK))], 0.6)
    assert lost.left_hand.state == skeleton.LOST and not lost.left_hand_pose.any()


@pytest.mark.parametrize('step', [0.0, 1e-9, 0.5 / 30], ids=['standing', 'crawling', 'half as fast'])
def test_holding_ends_by_arrival_where_stamps_do_not_keep_time(body, step):
    tracker = Tracker(body, replace(EXACT, hold_time=0.5))
    held = []
    for k in range(60):
        people = tracker.update([person(body)] if k < 10 else [], 7.0 + k * step, k / 30)
        held += [(k - 9) / 30] * len([p for p in people if p.held])
    assert 0.45 <= max(held) <= 0.5 and len(held) == 15


@pytest.mark.parametrize('step', [0.0, 1e-9, 0.5 / 30], ids=['standing', 'crawling', 'half as fast'])
def test_a_held_hand_is_lost_by_arrival_too(body, step):
    tracker = Tracker(body, replace(EXACT, hold_time=0.5))
    states = []
    for k in range(40):
        seen = skeleton.OK if k < 10 else skeleton.LOST
        (found,) = tracker.update([person(body, states=(seen, skeleton.OK))], 7.0 + k * step, k / 30)
        states.append(found.left_hand.state)
    assert states[10:24] == [skeleton.HELD] * 14 and set(states[26:]) == {skeleton.LOST}


def test_stamps_that_crawl_do_not_freeze_the_filters(body):
    tracker = Tracker(body)
    for k in range(60):
        (found,) = tracker.update([person(body, x=0.01 * k)], 7.0 + 1e-9 * k, k / 30)
    assert float(found.joints[0, 0]) > 0.55


def test_what_was_seen_before_stamps_stood_still_is_not_held_after(body):
    tracker = Tracker(body, replace(EXACT, hold_time=0.5))
    for k in range(10):
        tracker.update([person(body)], k / 30, k / 30)
    # Three seconds of duplicates, which never come here; then stamps go on from where they stood.
    (found,) = tracker.update([person(body, states=(skeleton.LOST, skeleton.OK))], 10 / 30, 3 + 10 / 30)
    assert found.left_hand.state == skeleton.LOST
    assert tracker.update([], 11 / 30, 6 + 11 / 30) == []


@pytest.mark.parametrize('rate', [30, 5, 1, 0.5, 0.1])
def test_at_any_rate_one_missed_image_loses_nobody(body, rate):
    """Hand4Whole++ on a processor gives one image a second."""
    tracker, ids, held = Tracker(body, EXACT), set(), []
    for k in range(12):
        people = tracker.update([] if k % 4 == 3 else [person(body)], k / rate)
        ids |= {p.track_id for p in people}
        held += [p.held for p in people if k % 4 == 3]
    assert ids == {0}
    assert held == [True] * 3 if rate >= 0.5 else held == []      # a pose of ten seconds ago is not repeated


@pytest.mark.parametrize('rate', [1, 0.5, 0.2])
def test_at_any_rate_somebody_who_walks_stays_the_same(body, rate):
    tracker = Tracker(body, EXACT)
    (first,) = tracker.update([person(body)], 0.0)
    (second,) = tracker.update([person(body, x=min(1.5 / rate, 2.4))], 1 / rate)
    assert second.track_id == first.track_id
    others = tracker.update([person(body, x=6.0)], 2 / rate)
    assert {p.track_id for p in others if not p.held} == {first.track_id + 1}


def test_a_hand_is_held_over_one_image_at_one_a_second(body):
    tracker = Tracker(body, EXACT)
    states = []
    for k, seen in enumerate([1, 1, 1, 0, 1, 0, 0, 0]):
        state = skeleton.OK if seen else skeleton.LOST
        (found,) = tracker.update([person(body, states=(state, skeleton.OK))], float(k))
        states.append(found.left_hand.state)
    assert states == [skeleton.OK] * 3 + [skeleton.HELD, skeleton.OK, skeleton.HELD] + [skeleton.LOST] * 2


def test_nothing_is_held_longer_than_asked_for_but_for_slow_images_and_never_for_more_than_three_seconds(body):
    quick = Tracker(body, EXACT)
    for k in range(30):
        quick.update([person(body)], k / 30)
    assert quick.hold_time == 0.5
    assert quick.update([], 29 / 30 + 0.6) == [], 'one long gap is no slow camera'
    slow = Tracker(body, EXACT)
    for k in range(5):
        slow.update([person(body)], 2.9 * k)
    assert slow.hold_time == MAX_EXTENDED_HOLD == 3.0
    assert len(slow.update([], 4 * 2.9 + 2.9)) == 1 and slow.update([], 4 * 2.9 + 3.1) == []
    patient = Tracker(body, replace(EXACT, hold_time=8.0))
    patient.update([person(body)], 0.0)
    assert len(patient.update([], 7.9)) == 1 and patient.update([], 8.1) == []
    never = Tracker(body, replace(EXACT, hold_time=0.0))
    for k in range(3):
        never.update([person(body)], float(k))
    assert never.update([], 3.0) == []


def test_nobody_is_recognised_after_a_long_pause(body):
    tracker = Tracker(body, EXACT)
    for k in range(10):
        tracker.update([person(body)], k / 30)
    (again,) = tracker.update([person(body)], 60.0)
    assert again.track_id == 1


def test_the_operator_who_was_missed_at_a_slow_rate_is_the_operator_again(body):
    tracker, operator = Tracker(body, EXACT), OperatorSelector()
    chosen = []
    for k, people in enumerate([[person(body)], [person(body)], [], [person(body), person(body, x=1.2)]]):
        found = tracker.update(people, 5.0 * k)
        chosen.append(operator.update(found, 'nearest'))
    assert chosen[2] is None and chosen[3].track_id == chosen[0].track_id


def raising(body, side, x=0.0, **changes):
    """Somebody as above with an arm straight up."""
    one = person(body, x)
    local = one.local_rotations.copy()
    local[skeleton.JOINT[f'{side}_shoulder'], 2] = math.pi / 2 if side == 'left' else -math.pi / 2
    return replace(repose_estimate(body, one, local, betas=one.betas, pelvis=one.joints[0]), **changes)


def chosen(images):
    """Track ids of the operators of images a tenth of a second apart, each a list of people."""
    operator, found = OperatorSelector(), []
    for k, people in enumerate(images):
        people = [replace(one, track_id=number) for number, one in enumerate(people)]
        one = operator.update(people, 'raised_hand', 0.1 * k)
        found.append(None if one is None else one.track_id)
    return found


@pytest.mark.parametrize('side', skeleton.SIDES)
def test_nobody_is_the_operator_until_a_hand_has_been_held_up_for_half_a_second(body, side):
    up, down = raising(body, side, 1.0), person(body, 1.0)
    assert chosen([[person(body), up]] * 8) == [None] * 5 + [1] * 3
    assert chosen(([[person(body), up]] * 4 + [[person(body), down]]) * 3) == [None] * 15, 'it was lowered in between'


def test_whoever_raised_a_hand_stays_the_operator_with_the_hand_down_and_when_others_raise_theirs(body):
    first, second = raising(body, 'left'), raising(body, 'right', 1.0)
    images = [[first, person(body, 1.0)]] * 7 + [[person(body), second]] * 10
    assert chosen(images)[-10:] == [0] * 10


def test_a_wrist_that_is_only_inferred_and_a_person_who_is_only_held_raise_no_hand(body):
    unseen = np.ones(skeleton.NUM_JOINTS, np.float32)
    unseen[[skeleton.WRIST[side] for side in skeleton.SIDES]] = 0.3
    assert set(chosen([[raising(body, 'left', joint_confidence=unseen)]] * 9)) == {None}
    assert set(chosen([[raising(body, 'left', held=True)]] * 9)) == {None}


def test_somebody_behind_the_camera_is_nobody_and_counted(body):
    tracker = Tracker(body)
    ahead = person(body)
    behind = repose_estimate(body, ahead, ahead.local_rotations, betas=ahead.betas,
                             pelvis=np.array([0.0, 0.0, -2.0], np.float32))
    reaching = repose_estimate(body, ahead, ahead.local_rotations, betas=ahead.betas,
                               pelvis=np.array([0.0, 0.0, 0.1], np.float32))
    assert tracker.update([behind, reaching], 0.0) == [] and tracker.refused == {'behind the camera': 2}
    assert len(tracker.update([ahead, replace(ahead, betas=np.full((10,), float('nan'), np.float32))], 0.1)) == 1
    assert tracker.refused == {'behind the camera': 2, 'impossible numbers': 1}


def test_time_jumping_back_forgets_everybody(body):
    tracker = Tracker(body, EXACT)
    tracker.update([person(body)], 100.0)
    assert tracker.update([], 5.0) == []
    (again,) = tracker.update([person(body)], 5.1)
    assert again.track_id == 0


@pytest.mark.parametrize('change', [{'confidence': 0.1}, {'confidence': float('nan')},
                                    {'transl': np.array([float('inf'), 0, 0], np.float32)}])
def test_uncertain_and_broken_estimates_are_nobody(body, change):
    assert Tracker(body).update([replace(person(body), **change)], 0.0) == []


@pytest.mark.parametrize('agreement', [float('nan'), -0.1, 1.5])
def test_a_hand_whose_agreement_cannot_be_makes_nobody(body, agreement):
    broken = replace(person(body), left_hand=replace(person(body).left_hand, agreement=agreement))
    assert f'left hand: agreement is {agreement}' in rejection_reason(broken)
    assert Tracker(body).update([broken], 0.0) == []


def test_filter_calms_trembling_and_keeps_up_with_motion():
    steady, moving = OneEuroPoints(2.0, 1.0), OneEuroPoints(2.0, 1.0)
    dt, noise = 1 / 30, np.random.default_rng(0).normal(0, 0.005, (300, 1, 3))
    out = np.stack([steady(n, dt) for n in noise])
    assert out[30:].std() < 0.5 * noise[30:].std()
    for k in range(60):
        last = moving(np.array([[2.0 * k * dt, 0.0, 0.0]], np.float32), dt)
    lag = (2.0 * 59 * dt - float(last[0, 0])) / 2.0
    assert 0 <= lag < 0.06


@pytest.mark.parametrize('rate', [2, 1, 0.2])
def test_the_filter_does_not_lag_at_low_rates(rate):
    point, turn = OneEuroPoints(2.0, 1.0), OneEuroRotations(2.0, 1.0)
    for step in (np.zeros((1, 3), np.float32), np.array([[1.0, 0.0, 0.0]], np.float32)):
        moved, turned = point(step, 1 / rate), turn(step, 1 / rate)
    assert float(moved[0, 0]) > 0.85 and float(turned[0, 0]) > 0.85


def test_rotation_filter_stays_on_the_short_way_round():
    smooth = OneEuroRotations(2.0, 1.0)
    smooth(np.array([[0.0, 0.0, math.pi - 0.01]], np.float32), 1 / 30)
    out = smooth(np.array([[0.0, 0.0, -math.pi + 0.01]], np.float32), 1 / 30)
    away = Rotation.from_rotvec(out) * Rotation.from_rotvec([0.0, 0.0, -math.pi])
    assert float(away.magnitude()[0]) < 0.02
    assert np.isfinite(out).all()


@pytest.mark.parametrize('sight', [(0.0, 0.0, 1.0), (0.6, 0.0, 0.8)])
def test_what_tilts_out_of_the_image_is_steadier_and_what_turns_in_it_follows_faster(sight):
    sight, dt, rng = np.array(sight), 1 / 30, np.random.default_rng(0)
    across = np.cross(sight, [0.0, 1.0, 0.0])
    left, behind = {}, {}
    for name, axis in (('within', sight), ('out', across)):
        trembling, turning = OneEuroSeenRotations(2.0, 2.0), OneEuroSeenRotations(2.0, 2.0)
        noise = rng.normal(0, 0.05, 300)
        out = np.concatenate([trembling(Rotation.from_rotvec([a * axis]).as_matrix(), sight[None], dt) for a in noise])
        left[name] = (Rotation.from_matrix(out).as_rotvec() @ axis)[30:].std() / noise[30:].std()
        for k in range(90):
            last = turning(Rotation.from_rotvec([1.0 * k * dt * axis]).as_matrix(), sight[None], dt)
        behind[name] = (Rotation.from_rotvec(89 * dt * axis) * Rotation.from_matrix(last[0]).inv()).magnitude()
    assert left['out'] < 0.6 * left['within'] < 0.6
    assert behind['within'] < 0.5 * behind['out'] and behind['within'] < 0.04


def test_smoothed_person_keeps_consistent_joints(body):
    tracker = Tracker(body)
    for k in range(5):
        (out,) = tracker.update([person(body, x=0.05 * k, bend=0.1 * k)], k / 30)
    again = repose_estimate(body, out, out.local_rotations, betas=out.betas, pelvis=out.joints[0])
    assert np.allclose(again.joints, out.joints, atol=1e-5) and out.is_finite()


def test_somebody_who_walks_by_is_where_the_image_shows_it(body):
    """Only distance and pose are filtered: a filter of the position would be 4 cm behind at this speed."""
    tracker, behind = Tracker(body), []
    for k in range(60):
        estimate = person(body, x=-1.0 + 1.2 * k / 30)
        (out,) = tracker.update([estimate], k / 30)
        behind.append(estimate.joints[:22, 0] - out.joints[:22, 0])
    assert np.abs(behind).max() < 1e-3


def test_a_turning_person_projects_in_the_mean_onto_the_estimate_at_a_steadier_distance(body):
    tracker, rng = Tracker(body), np.random.default_rng(0)
    seen = np.ones(55, np.float32)
    seen[[skeleton.JOINT[f'{side}_{name}'] for side in skeleton.SIDES for name in ('knee', 'ankle', 'foot')]] = 0
    off, distances = [], []
    for k in range(90):
        one = person(body, z=2.0 + rng.normal(0, 0.03))
        local = one.local_rotations
        local[0] = Rotation.from_euler('xz', [math.pi, 1.5 * k / 30]).as_rotvec()
        estimate = replace(repose_estimate(body, one, local, betas=one.betas, pelvis=one.joints[0]),
                           joint_confidence=seen)
        (out,) = tracker.update([estimate], k / 30)
        away = out.joints[:22, :2] / out.joints[:22, 2:] - estimate.joints[:22, :2] / estimate.joints[:22, 2:]
        off.append(np.average(away * out.joints[:22, 2:], axis=0, weights=seen[:22]))
        distances.append((estimate.joints[0, 2], out.joints[0, 2]))
    measured, filtered = np.diff(distances[10:], n=2, axis=0).std(axis=0)
    assert np.abs(off).max() < 1e-3 and filtered < 0.5 * measured
    again = repose_estimate(body, out, out.local_rotations, betas=out.betas, pelvis=out.joints[0])
    assert np.allclose(again.joints, out.joints, atol=1e-5)
    assert np.allclose(again.left_hand.keypoints_3d, out.left_hand.keypoints_3d, atol=1e-5)
