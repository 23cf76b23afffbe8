"""~/operator/status comes at its own rate, and tells apart: nobody is there, no image comes, the node is silent."""

import math

import pytest
from builtin_interfaces.msg import Time
from lifecycle_msgs.msg import Transition
from ros_peer import NodeProcess, Peer, namespace
from rosgraph_msgs.msg import Clock
from scripted_node import LEFT_LOST, person, picture
from std_msgs.msg import Header

from hand4whole_ros import skeleton
from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.msg import OperatorStatus
from hand4whole_ros.ros.conversions.result_messages import ImageResult
from hand4whole_ros.ros.node.operator_status import OperatorStatusBuilder
from hand4whole_ros.tracking import Tracker, TrackerConfig

STATUS = 'operator/status'
LOST, HELD, OK = OperatorStatus.LOST, OperatorStatus.HELD, OperatorStatus.OK


def started(folder, *arguments, **parameters):
    """The node, active, and who listens to its status and poses."""
    process = NodeProcess(folder, namespace(), *arguments, camera_info_timeout=0.0, **parameters)
    peer = Peer(process.namespace, topics=('poses', STATUS))
    assert process.says('waiting for images', 60), process.log()
    return process, peer


def becomes(peer, condition, timeout=20.0):
    """The newest status for which the condition holds, once there is one that is yet to come."""
    got = peer.got[STATUS]
    got.clear()
    assert peer.until(lambda: got and condition(got[-1]), timeout), got[-1:]
    return got[-1]


def test_states_are_those_of_the_tables():
    assert (LOST, HELD, OK) == (skeleton.LOST, skeleton.HELD, skeleton.OK)


def test_from_nobody_to_somebody_to_silence(tmp_path):
    process, peer = started(tmp_path, operator_status_rate=50.0)
    try:
        before = becomes(peer, lambda status: True)
        assert not before.valid and before.track_id == -1 and before.state == LOST
        assert before.age == before.image_age == math.inf and before.image_stamp == Time()

        def somebody(status):
            peer.show(picture(2))
            return status.valid
        operator = next(one for one in peer.answer(picture(2)).poses if one.is_operator)
        here = becomes(peer, somebody)
        assert (here.track_id, here.left_hand, here.right_hand) == (operator.track_id, OK, OK)
        assert here.state in (OK, HELD) and 0 < here.confidence <= 1 and here.header.frame_id == peer.frame
        assert here.header.stamp != here.image_stamp != Time()

        def nobody(status):
            peer.show(picture(0))
            return status.state == LOST
        gone = becomes(peer, nobody)
        assert not gone.valid and gone.track_id == -1 and (gone.left_hand, gone.right_hand) == (LOST, LOST)
        assert gone.confidence == 0 and gone.image_age < gone.age < math.inf

        # The camera falls silent: whoever was there is not there for ever, and the topic goes on.
        becomes(peer, somebody)
        silent = becomes(peer, lambda status: status.image_age > 0.5 and not status.valid)
        assert silent.state == LOST and silent.track_id == -1
        later = becomes(peer, lambda status: status.image_age > silent.image_age + 0.2)
        assert later.age >= later.image_age
        assert peer.until(lambda: len(peer.got[STATUS]) > 20)

        assert peer.set_parameter('operator_status_rate', 0.0)[0]
        peer.spin(0.2)
        peer.got[STATUS].clear()
        peer.answer(picture(1))
        assert not peer.got[STATUS]
        assert peer.set_parameter('operator_status_rate', 20.0)[0]
        becomes(peer, lambda status: True)
        assert peer.transition(Transition.TRANSITION_DEACTIVATE)
        assert peer.set_parameter('operator_status_rate', 50.0)[0]
        peer.got[STATUS].clear()
        peer.spin(0.3)
        assert not peer.got[STATUS], 'a node that is not active publishes no status'
        assert peer.transition(Transition.TRANSITION_ACTIVATE)
        assert becomes(peer, lambda status: True).age == math.inf
    finally:
        peer.close()
        code, _ = process.stop()
    assert code == 0, process.log()


def test_a_lost_hand_is_named(tmp_path):
    process, peer = started(tmp_path, hold_time=0.0)
    try:
        def lost(status):
            peer.show(picture(1, LEFT_LOST))
            return status.valid
        assert becomes(peer, lost).left_hand == LOST and becomes(peer, lost).right_hand == OK
    finally:
        peer.close()
        process.stop()


def test_ages_are_of_simulated_time_where_that_runs(tmp_path):
    clock = f'/{namespace()}/clock'
    process, peer = started(tmp_path, '-r', f'/clock:={clock}', use_sim_time=True)
    try:
        publisher = peer.publisher(Clock, clock)

        def at(seconds):
            publisher.publish(Clock(clock=Time(sec=seconds)))

        def runs(status):
            at(100)
            return status.header.stamp == Time(sec=100)
        becomes(peer, runs)

        def shown(status):
            peer.show(picture(1), stamp=(99, 0))
            return status.valid
        assert becomes(peer, shown).age < 0.5
        peer.spin(1.5)      # longer than any pose is held, but time stands still
        stopped = becomes(peer, lambda status: True)
        assert stopped.valid and stopped.age < 0.5 and stopped.header.stamp == Time(sec=100)

        def jumped(status):
            at(110)
            return status.state == LOST
        assert 10 <= becomes(peer, jumped).age < 10.5
    finally:
        peer.close()
        process.stop()


@pytest.mark.parametrize('held', [False, True])
def test_the_age_is_that_of_the_last_image_the_operator_was_seen_in(body, held):
    one = person(body, Intrinsics.from_fov(320, 240))
    builder, tracker = OperatorStatusBuilder(), Tracker(body, TrackerConfig(hold_time=1.0))
    for k, people in enumerate(([one], [] if held else [one])):
        people = tracker.update(people, k / 2)
        result = ImageResult(Header(stamp=Time(sec=k), frame_id='cam'), None, None, people, people[0], None)
        builder.note(result, k / 2, k / 2 + 0.1, tracker.expiry_time)
    status = builder.build(0.8, Time(sec=7))
    assert status.valid and status.header == Header(stamp=Time(sec=7), frame_id='cam')
    assert status.image_age == pytest.approx(0.3)
    assert (status.state, status.left_hand) == ((HELD, HELD) if held else (OK, OK))
    assert status.age == pytest.approx(0.8 if held else 0.3) and status.image_stamp == Time(sec=0 if held else 1)
    assert builder.build(1.5, Time()).valid and not builder.build(1.7, Time()).valid
    builder.reset()
    assert builder.build(0.8, Time()) == OperatorStatus(age=math.inf, image_age=math.inf, track_id=-1)


def test_what_the_last_image_says_expires_even_where_nobody_is_held(body):
    tracker = Tracker(body, TrackerConfig(hold_time=0.0))
    for k in range(4):
        tracker.update([], k / 4)
    assert tracker.hold_time == 0 and tracker.expiry_time == pytest.approx(1.5 / 4)
