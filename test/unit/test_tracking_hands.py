"""Identity of hands over frames, of people and of nobody; held and lost hands; a side that the images agree on."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scripted_node import grasped_object, loose_hand
from scripted_node import person as upright

from hand4whole_ros import skeleton
from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.tracking import HandTracker, Tracker, TrackerConfig

CAMERA = Intrinsics.from_fov(640, 480)
EXACT = TrackerConfig(smoothing=False, hold_time=0.5)


class Scene:
    """Both trackers, and images 0.1 s apart."""

    def __init__(self, body, config=EXACT):
        self.body, self.now = body, 0.0
        self.people = Tracker(body, config)
        self.hands = HandTracker(body, self.people)

    def see(self, people=(), loose=(), after=0.1):
        """The hands of the next image, with the people in `self.seen`."""
        self.now += after
        self.seen = self.people.update(list(people), self.now)
        return self.hands.update(self.seen, list(loose))

    def person(self, x=0.0, **options):
        return upright(self.body, CAMERA, (x, 0.3, 2.0), **options)

    def loose(self, x=0.0, side='right', **changes):
        """A hand of nobody, where a person's would be who stands at x."""
        return loose_hand(self.person(x).hand(side), **changes)


@pytest.fixture
def scene(body):
    return Scene(body)


def ids(hands):
    return [(hand.track_id, hand.person, hand.hand.side) for hand in hands]


def test_hands_of_people_and_of_nobody_share_one_count(scene):
    hands = scene.see([scene.person()], [scene.loose(0.9, confidence=0.7)])
    assert ids(hands) == [(0, 0, 'left'), (1, 0, 'right'), (2, -1, 'right')]
    of_person, nobodys = hands[1], hands[2]
    person = scene.seen[0]
    assert of_person.hand is person.right_hand and not of_person.is_loose and of_person.side_confidence == 1
    np.testing.assert_array_equal(of_person.wrist_rotation, person.joint_rotations[skeleton.WRIST['right']])
    assert nobodys.is_loose and nobodys.hand.confidence == 0.7 and nobodys.hand.state == skeleton.OK
    # The same hand as the person's, known by its landmarks alone.
    turn = nobodys.wrist_rotation.T @ of_person.wrist_rotation
    assert np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))) < 12


def test_a_hand_keeps_its_id_while_it_moves(scene):
    first = scene.see(loose=[scene.loose(0.0), scene.loose(0.8)])
    for k in range(1, 6):
        # In any order.
        last = scene.see(loose=[scene.loose(0.8 - 0.02 * k), scene.loose(0.05 * k)])
    assert ids(first) == ids(last) == [(0, -1, 'right'), (1, -1, 'right')]
    places = [float(hand.hand.keypoints_2d[0, 0]) for hand in last]
    assert places[0] < places[1]


def test_two_hands_that_cross_keep_their_ids_by_side_and_by_the_estimators_names(scene):
    scene.see(loose=[scene.loose(0.0, 'right'), scene.loose(0.15 + 0.9, 'left')])
    crossed = scene.see(loose=[scene.loose(0.1, 'right'), scene.loose(0.95, 'left')])
    assert ids(crossed) == [(0, -1, 'right'), (1, -1, 'left')]
    scene.hands.reset()
    scene.see(loose=[scene.loose(0.0, track_id=7), scene.loose(0.2, track_id=9)])
    swapped = scene.see(loose=[scene.loose(0.0, track_id=9), scene.loose(0.2, track_id=7)])
    places = {hand.track_id: float(hand.hand.keypoints_2d[0, 0]) for hand in swapped}
    assert places[0] > places[1]


def test_a_loose_hand_is_held_then_gone_and_another_one_is_new(scene):
    (seen,) = scene.see(loose=[scene.loose(confidence=0.8)])
    (held,) = scene.see(after=0.3)
    assert (held.track_id, held.hand.state) == (seen.track_id, skeleton.HELD)
    assert 0 < held.hand.confidence < 0.8 and np.array_equal(held.hand.keypoints_3d, seen.hand.keypoints_3d)
    (back,) = scene.see(loose=[scene.loose()])
    assert (back.track_id, back.hand.state) == (seen.track_id, skeleton.OK)
    assert scene.see(after=0.55) == []
    (newcomer,) = scene.see(loose=[scene.loose()])
    assert newcomer.track_id != seen.track_id


def test_nothing_is_held_without_a_hold_time(body):
    scene = Scene(body, replace(EXACT, hold_time=0.0))
    (seen,) = scene.see(loose=[scene.loose()])
    assert ids(scene.see(loose=[scene.loose(0.02)])) == ids([seen])
    assert scene.see() == []
    assert scene.see(loose=[scene.loose()])[0].track_id != seen.track_id


def test_a_hand_on_the_desk_becomes_the_hand_of_who_leans_in_and_stays_itself(scene):
    (alone,) = scene.see(loose=[scene.loose()])
    hands = scene.see([scene.person()])
    assert ids(hands) == [(alone.track_id, 0, 'right'), (1, 0, 'left')]
    # Who leaves is held, but the hand that is still seen is seen, and once.
    left = scene.see(loose=[scene.loose()])
    assert (alone.track_id, -1, 'right') in ids(left) and len(left) == 2
    assert {hand.track_id: hand.hand.state for hand in left} == {alone.track_id: skeleton.OK, 1: skeleton.HELD}


def test_a_persons_hand_that_was_lost_for_long_is_the_same_hand(scene):
    before = scene.see([scene.person()])
    for _ in range(30):
        hidden = scene.see([scene.person(left_state=skeleton.LOST)])
    assert ids(hidden) == [ids(before)[1]]          # LOST hands are not there
    assert ids(scene.see([scene.person()])) == ids(before)


def test_a_side_that_one_image_mistakes_stays(scene):
    for _ in range(4):
        scene.see(loose=[scene.loose(side_confidence=0.95)])
    (mistaken,) = scene.see(loose=[replace(scene.loose(side_confidence=0.9), side='left')])
    assert (mistaken.track_id, mistaken.hand.side) == (0, 'right') and 0.5 < mistaken.side_confidence < 0.95
    for _ in range(8):
        (turned,) = scene.see(loose=[replace(scene.loose(side_confidence=0.95), side='left')])
    assert (turned.track_id, turned.hand.side) == (0, 'left') and turned.side_confidence > 0.65


def test_a_hand_that_is_held_holds_no_object_and_agrees_with_nothing(scene):
    """Of an image in which it was not seen nobody knows either."""
    thing = grasped_object(CAMERA)
    (hand,) = scene.see(loose=[scene.loose(object=thing, agreement=0.9)])
    assert hand.hand.object is thing and hand.hand.agreement == 0.9
    (held,) = scene.see()
    assert held.hand.state == skeleton.HELD and held.hand.object is None and held.hand.agreement is None


def test_loose_hands_are_filtered(body):
    rng = np.random.default_rng(3)
    scene = Scene(body, replace(EXACT, smoothing=True))
    still = scene.loose()
    noisy, filtered = [], []
    for _ in range(40):
        noise = np.asarray(rng.normal(0, 0.003, (21, 3)), np.float32)
        shaken = replace(still, keypoints_3d=still.keypoints_3d + noise)
        (hand,) = scene.see(loose=[shaken], after=1 / 30)
        noisy.append(shaken.keypoints_3d)
        filtered.append(hand.hand.keypoints_3d)
    assert np.stack(filtered[10:]).std(0).mean() < 0.7 * np.stack(noisy[10:]).std(0).mean()


def finger_length(points):
    return float(np.linalg.norm(np.diff(points[[0, 9, 10, 11, 12]], axis=0), axis=1).sum())


def test_the_filter_neither_lags_far_nor_shortens_a_hand_that_moves(body):
    scene = Scene(body, replace(EXACT, smoothing=True))
    still = scene.loose()
    fingers = np.array([0.0] + [0.0, 0.1, 0.6, 1.0] * 5, np.float32)[:, None] * np.array([0.05, 0.0, 0.02], np.float32)
    length = finger_length(still.keypoints_3d)
    for k in range(30):
        # 0.6 m/s, fingers that shake, and the hand as long as it is.
        points = still.keypoints_3d + fingers * math.sin(k) + np.array([0.02 * k, 0.0, 0.0], np.float32)
        points = points[0] + (points - points[0]) * np.float32(length / finger_length(points))
        (hand,) = scene.see(loose=[replace(still, keypoints_3d=points)], after=1 / 30)
        given = hand.hand.keypoints_3d
        assert finger_length(given) == pytest.approx(length, rel=1e-4)
    assert np.linalg.norm(given[0] - points[0]) < 0.025


@pytest.mark.parametrize('broken, reason', [
    ({'keypoints_3d': np.full((21, 3), float('nan'), np.float32)}, 'impossible numbers'),
    ({'keypoints_3d': -np.ones((21, 3), np.float32)}, 'behind the camera'),
    ({'keypoints_2d': np.full((21, 2), float('inf'), np.float32)}, 'impossible numbers'),
    ({'keypoints_3d': np.ones((20, 3), np.float32)}, 'impossible numbers'),
    ({'confidence': float('nan')}, 'impossible numbers'),
    ({'side_confidence': 2.0}, 'impossible numbers'),
    ({'agreement': float('nan')}, 'impossible numbers'), ({'agreement': -0.5}, 'impossible numbers'),
    ({'side': 'middle'}, 'impossible numbers')])
def test_a_hand_that_cannot_be_is_counted_and_not_given(scene, broken, reason):
    assert ids(scene.see(loose=[replace(scene.loose(), **broken), scene.loose(0.8)])) == [(0, -1, 'right')]
    assert dict(scene.hands.refused) == {reason: 1}


def test_an_unsure_hand_is_left_out(scene):
    assert scene.see(loose=[scene.loose(confidence=0.29)]) == [] and not scene.hands.refused


def test_a_jump_back_of_time_begins_anew(scene):
    scene.see(loose=[scene.loose(0.0), scene.loose(0.8)])
    (hand,) = scene.see(loose=[scene.loose(0.8)], after=-5.0)
    assert hand.track_id == 0


def test_joints_of_held_people_and_hands_are_less_and_less_sure(scene):
    sure = np.full((55,), 0.9, np.float32)
    scene.see([replace(scene.person(), joint_confidence=sure)])
    hidden = sure.copy()
    hidden[skeleton.HAND_SLICE['left']] = 0
    scene.see([replace(scene.person(left_state=skeleton.LOST), joint_confidence=hidden)], after=0.25)
    (person,) = scene.seen
    assert person.left_hand.state == skeleton.HELD and person.left_hand.confidence == pytest.approx(0.4)
    assert person.joint_confidence[skeleton.HAND_SLICE['left']].tolist() == pytest.approx([0.4] * 15)
    assert person.joint_confidence[skeleton.HAND_SLICE['right']].tolist() == pytest.approx([0.9] * 15)
    scene.see(after=0.25)
    (person,) = scene.seen
    assert person.held and person.joint_confidence[0] == pytest.approx(0.45)
    scene.see([replace(scene.person(), joint_confidence=np.full((55,), float('nan'), np.float32))])
    assert scene.people.refused['impossible numbers'] == 1


def test_rotations_that_an_estimator_gives_are_those_of_the_hand(body):
    """They are filtered as keypoints are, held with the hand, and left alone where the hand is said to be the other."""
    turn = np.array(Rotation.from_rotvec([0.3, -0.5, 0.2]).as_matrix(), np.float32)
    fingers = np.linspace(-0.5, 0.5, 45, dtype=np.float32).reshape(15, 3)
    scene = Scene(body, TrackerConfig(smoothing=True, hold_time=0.5))
    hand, = scene.see(loose=[scene.loose(wrist_rotation=turn, finger_pose=fingers)])
    np.testing.assert_allclose(hand.wrist_rotation, turn, atol=1e-6)
    np.testing.assert_allclose(hand.finger_pose, fingers, atol=1e-6)
    moved, = scene.see(loose=[scene.loose(wrist_rotation=turn, finger_pose=fingers + 0.1)])
    step = moved.finger_pose - fingers
    assert (step > 0.001).all() and (step < 0.099).all()
    held, = scene.see()
    assert held.hand.state == skeleton.HELD
    np.testing.assert_array_equal(held.finger_pose, moved.finger_pose)
    # One image that calls it the other hand does not make it the other; that hand's rotations mean nothing for this.
    called_left = replace(scene.loose(wrist_rotation=turn, finger_pose=fingers), side='left', side_confidence=0.55)
    other, = scene.see(loose=[called_left])
    assert other.hand.side == 'right' and np.abs(other.finger_pose - fingers).max() > 0.2
