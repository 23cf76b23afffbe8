"""Nodes that drive a simulated hand and a wrist, over the wire: what follows, and what holds whatever goes wrong."""

import math
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from ros_peer import NodeProcess, namespace
from teleop_hands import mirrored, placed, right_hand
from teleop_peer import Operator, hand_message, holds, person, start

from hand4whole_ros.msg import HandPose, HandPoseArray, TeleopState
from hand4whole_ros.teleop.metric_depth import palm_length
from hand4whole_ros.teleop.openxr import BOTH_HANDS, IS_MEASURED
from hand4whole_ros.teleop.robot_hand import load_robot_hand

LOST, HELD, OK = TeleopState.LOST, TeleopState.HELD, TeleopState.OK
PLACE = np.array([0.1, -0.05, 0.7])
BASE = (0.4, 0.0, 0.3)
#: Joint movements, rad, of a simulated hand whose command stands still: servos settle.
STILL = 0.02


@pytest.fixture(scope='module')
def nodes(tmp_path_factory):
    folder, name = tmp_path_factory.mktemp('teleop'), namespace()
    processes = {
        # A machine with other work may hold the operator's foot up for a second: that is no release.
        'retarget': start(folder, name, 'retarget', diagnostics_period=0.2, engage_timeout=1.5),
        'wrist_teleop': start(folder, name, 'wrist_teleop', diagnostics_period=0.2, engage_timeout=1.5,
                              publish_twist=True, start='parameters', start_xyz='[0.4, 0.0, 0.3]', scale=2.0,
                              workspace_high='[0.5, 10.0, 10.0]', max_speed=2.0, max_acceleration=50.0,
                              # z forward becomes x, x right becomes -y, y down becomes -z
                              camera_rpy=f'[{-math.pi / 2}, 0.0, {-math.pi / 2}]'),
        'openxr': start(folder, name, 'openxr'),
        'sim': start(folder, name, 'sim')}
    yield processes
    for one in processes.values():
        code, seconds = one.stop()
        assert code == 0, (code, seconds, one.log())


@pytest.fixture
def operator(nodes):
    """Somebody whose switch is not pressed and whose open hand both nodes trust."""
    peer = Operator(nodes['retarget'].namespace)
    peer.pressed = False
    ready = peer.plays(lambda: peer.last('joints') and all(
        peer.is_state(key, engaged=False, state=OK) for key in ('fingers', 'wrist')) and peer.last('openxr'))
    assert ready, [node.log() for node in nodes.values()]
    yield peer
    peer.close()


def bent(operator):
    """Position of a joint of the simulated index finger, rad: 0.12 in an open hand, 1.2 in a closed one."""
    return operator.joints()['right_index_pip']


# What follows

def test_fingers_follow_while_the_switch_is_pressed(operator):
    operator.engage('fingers')
    operator.hand = placed(right_hand(1.1, 1.0))
    assert operator.plays(lambda: bent(operator) > 1.0), operator.last('joints')
    operator.hand = placed(right_hand(0.1))
    assert operator.plays(lambda: bent(operator) < 0.3), operator.last('joints')
    state = operator.last('fingers')
    assert state.person == 1 and 0 < state.delay < 5 and state.image_stamp.sec > 0 and state.reason == ''
    assert operator.plays(lambda: operator.value_of('retarget', 'added by this node: p50 (ms)') not in
                          (None, 'none yet'))


def test_the_wrist_follows_from_where_the_robot_is_and_stays_in_the_workspace(operator):
    operator.engage('wrist')
    # Both arrive before the wrist moves: the velocity of a movement is sent once.
    assert operator.plays(lambda: operator.got['pose'] and operator.got['twist']), 'it drives, and commands nothing'
    first = operator.got['pose'][0]
    assert first.header.frame_id == 'base_link'
    begin = position(operator.last('pose'))
    operator.hand = placed(right_hand(0.2), PLACE + (0.03, 0, 0))
    moved = (0, -0.06, 0)      # to the right before the camera, twice as far
    assert operator.plays(lambda: np.allclose(position(operator.last('pose')) - begin, moved, atol=0.004)), \
        (begin, operator.last('pose'))
    operator.hand = placed(right_hand(0.2), PLACE + (0.03, 0, 0.2))
    assert operator.plays(lambda: abs(position(operator.last('pose'))[0] - 0.5) < 1e-6), operator.last('pose')
    assert max(position(pose)[0] for pose in operator.got['pose']) <= 0.5 + 1e-9
    stamps = [pose.header.stamp for pose in operator.got['pose']]
    assert len({(stamp.sec, stamp.nanosec) for stamp in stamps}) == len(stamps)     # of publication, not of the image
    assert any(abs(twist.twist.linear.x) > 0.01 for twist in operator.got['twist'])
    operator.pressed = False
    assert operator.plays(lambda: operator.is_state('wrist', engaged=False))

    def stands():
        twist = operator.last('twist').twist
        return (twist.linear.x, twist.linear.y, twist.linear.z) == (0, 0, 0)
    assert operator.plays(stands), operator.last('twist')


def test_engaging_again_elsewhere_moves_nothing(operator):
    operator.engage('wrist')
    assert operator.plays(lambda: operator.last('pose'))
    before = position(operator.last('pose'))
    operator.pressed = False
    assert operator.plays(lambda: operator.is_state('wrist', engaged=False))
    operator.hand = placed(right_hand(0.2), PLACE + (-0.5, 0.1, 0.0))
    assert operator.plays(lambda: operator.is_state('wrist', state=LOST))      # farther than any wrist moves at once
    count = len(operator.got['pose'])
    operator.engage('wrist')
    assert operator.plays(lambda: len(operator.got['pose']) > count + 10)
    after = np.array([position(pose) for pose in operator.got['pose'][count:]])
    assert np.abs(after - before).max() < 1e-6


def position(message):
    p = message.pose.position
    return np.array([p.x, p.y, p.z])


def test_openxr_has_the_names_of_both_hands_and_says_which_joints_are_measured(operator):
    left = operator.hand * (-1, 1, 1)
    assert operator.plays(lambda: all(operator.last('openxr').is_valid[k] for k in (0, 25)),
                          lambda: (person(operator.hand, left=left),))
    message = operator.last('openxr')
    assert message.name == list(BOTH_HANDS) and message.header.frame_id == operator.frame
    assert list(message.is_valid) == 2 * IS_MEASURED.tolist()
    wrist = message.pose[25].position
    np.testing.assert_allclose((wrist.x, wrist.y, wrist.z), operator.hand[0], atol=1e-9)
    assert operator.plays(lambda: not any(operator.last('openxr').is_valid), lambda: ())
    assert operator.last('openxr').pose[25].position == wrist      # the last one, and not valid


# What holds

def engaged_and_closing(operator):
    """The hand follows, and is told to close further than it has."""
    def comes(there):
        return operator.plays(lambda: there() or operator.is_state('fingers', engaged=False)) and there()
    for _ in range(3):      # a machine that stands still loses the hand by itself: then once more
        operator.hand = placed(right_hand(0.1))
        operator.engage('fingers', 'wrist')
        if comes(lambda: bent(operator) < 0.3):
            operator.hand = placed(right_hand(1.1, 1.0))
            if comes(lambda: bent(operator) > 0.5):
                return
    pytest.fail(f'the fingers do not follow: {operator.last("fingers")}')


def held_still(operator, people):
    """The command does not change any more, is finite, and the simulated hand settles."""
    def settled():
        return holds(operator, people) < STILL
    assert settled() or settled() or settled()
    assert all(math.isfinite(value) for message in operator.got['command'] for value in message.position)


def test_a_released_switch_holds(operator):
    engaged_and_closing(operator)
    operator.pressed = False
    assert operator.plays(lambda: operator.is_state('fingers', 'not pressed', engaged=False, moving=False)
                          and operator.is_state('wrist', 'not pressed', engaged=False))
    operator.spin(0.5)      # what was sent before may still be on its way
    commands = len(operator.got['command']), len(operator.got['pose'])
    held_still(operator, None)
    # Others may command the robot now.
    assert (len(operator.got['command']), len(operator.got['pose'])) == commands


def test_a_switch_that_falls_silent_holds(operator):
    engaged_and_closing(operator)
    operator.pressed = None
    assert operator.plays(lambda: operator.is_state('fingers', 'not pressed', engaged=False)
                          and operator.is_state('wrist', 'not pressed', engaged=False))
    held_still(operator, None)


def not_finite(operator):
    broken = operator.hand.copy()
    broken[7] = math.nan
    return person(broken)


def no_rotation(operator):
    return person(operator.hand, quaternion=(0, 0, 0, 0))


#: What a source may come to: name -> the people of an image, and what the nodes say at first.
BROKEN = {
    'NaN': (lambda operator: (not_finite(operator),), 'not finite'),
    'no rotation': (lambda operator: (no_rotation(operator),), 'quaternion'),
    'infinite': (lambda operator: (person(operator.hand * math.inf),), 'not finite'),
    'no hand of a person': (lambda operator: (person(operator.hand * 3),), 'palm'),
    'out of the image': (lambda operator: (person(None),), 'not seen'),
    'nobody': (lambda operator: (), 'no person'),
    'unsure': (lambda operator: (person(operator.hand, confidence=0.05),), 'confidence'),
    'not as in the image': (lambda operator: (person(operator.hand, agreement=0.4),), 'agreement 0.40 is below'),
    'another operator': (lambda operator: (person(operator.hand, 2),), 'has track id 2'),
    'identities exchanged': (lambda operator: (person(operator.hand + (0.5, 0, 0)),
                                               person(operator.hand, 2, False)), 'jumped'),
    'silent': (lambda operator: None, 'no image')}


@pytest.mark.parametrize('name', BROKEN)
def test_what_comes_of_a_broken_source_is_a_robot_that_holds_until_it_is_engaged_again(operator, name):
    people, reason = BROKEN[name]

    def lost():
        return all(operator.is_state(key, state=LOST, engaged=False) for key in ('fingers', 'wrist'))
    for _ in range(3):      # a machine that stands still loses the hand by itself: then once more
        engaged_and_closing(operator)
        first = {key: len(operator.got[key]) for key in ('fingers', 'wrist')}
        assert operator.plays(lost, lambda: people(operator))
        said = {key: operator.got[key][number:] for key, number in first.items()}
        if reason == 'no image' or not any('no image' in state.reason for states in said.values() for state in states):
            break
    for key, states in said.items():
        assert any(reason in state.reason for state in states), (key, operator.last(key).reason)
        assert any(state.state == HELD for state in states)
    held_still(operator, lambda: people(operator))
    # The hand is back and the switch still pressed: nothing moves until it is released.
    assert operator.plays(lambda: all(operator.is_state(key, state=OK, engaged=False) for key in
                                      ('fingers', 'wrist'))), operator.last('fingers')
    held_still(operator, None)
    operator.engage('fingers', 'wrist')


@pytest.mark.parametrize('offset, reason', [(-30.0, 'old'), (3600.0, 'in the future'), (-0.8, '')])
def test_a_clock_that_jumps_holds(operator, offset, reason):
    engaged_and_closing(operator)
    states = len(operator.got['fingers'])
    operator.stamp_offset = offset
    assert operator.plays(lambda: all(operator.is_state(key, engaged=False) for key in ('fingers', 'wrist')))
    assert operator.plays(lambda: any(reason in state.reason for state in operator.got['fingers'][states:]))
    held_still(operator, None)
    operator.stamp_offset = 0.0
    operator.engage('fingers', 'wrist')


# Taking over and releasing

def test_who_took_over_drives_alone_and_keeps_the_robot_through_a_crossing(operator):
    success, text = operator.trigger('retarget', 'take_over')
    assert success and 'track id 1' in text
    operator.engage('fingers')

    def crossing():
        # The node hand4whole has made somebody else the operator.
        return person(operator.hand, 1, False), person(operator.hand + (0.1, 0, 0), 2, True)
    seen = len(operator.got['fingers'])
    assert operator.plays(lambda: len(operator.got['fingers']) > seen + 60, crossing)
    # A busy machine may be silent for a moment: then the robot holds, and follows the same hand again.
    wrong = [state for state in operator.got['fingers'][seen + 5:]
             if state.person != 1 or not (state.moving or 'no image' in state.reason)]
    assert not wrong, wrong[0]
    # Who took over is gone: nobody else drives.
    def gone():
        return (person(operator.hand, 2),)
    assert operator.plays(lambda: operator.is_state('fingers', state=LOST, engaged=False), gone)
    # The first reason stays until the switch is released, and on a busy machine that may be its silence.
    operator.pressed = False
    assert operator.plays(lambda: operator.is_state('fingers', 'not pressed', state=LOST, engaged=False), gone)
    operator.pressed = True
    assert operator.plays(lambda: operator.is_state('fingers', 'person 1 is not in the image', state=LOST,
                                                    engaged=False), gone), operator.got['fingers'][-3:]
    seen = len(operator.got['fingers'])
    assert operator.plays(lambda: len(operator.got['fingers']) > seen + 20, gone)
    assert not any(state.engaged or state.moving or state.state == OK for state in operator.got['fingers'][seen:])
    success, text = operator.trigger('retarget', 'release')
    assert success and 'anybody' in text
    operator.pressed = False
    assert operator.plays(lambda: operator.is_state('fingers', state=OK, person=2), lambda: (person(operator.hand, 2),))
    operator.pressed = True
    assert operator.plays(lambda: operator.drives('fingers'), lambda: (person(operator.hand, 2),))


def test_nobody_takes_over_while_no_hand_is_seen(operator):
    operator.pressed = False
    assert operator.plays(lambda: operator.is_state('wrist', state=LOST), lambda: ())
    images = operator.image
    operator.image = lambda *people: images()
    success, text = operator.trigger('wrist_teleop', 'take_over')
    operator.image = images
    assert not success and 'no hand' in text


# The start

def test_fingers_wait_for_the_joints_of_the_robot_and_the_wrist_for_its_pose(tmp_path):
    name = namespace()
    processes = [start(tmp_path, name, 'retarget'), start(tmp_path, name, 'wrist_teleop')]
    peer = Operator(name)
    try:
        peer.pressed = True
        assert peer.plays(lambda: peer.is_state('fingers', 'no joint positions on', state=OK, engaged=False)
                          and peer.is_state('wrist', 'no pose of the robot on', state=OK, engaged=False))
        wrong = PoseStamped()
        wrong.header.frame_id = 'world'
        current = peer.publisher(PoseStamped, 'current_pose')

        def publish(message):
            current.publish(message)
            return (person(peer.hand),)
        assert peer.plays(lambda: peer.is_state('wrist', "is in frame 'world', expected 'base_link'"),
                          lambda: publish(wrong))
        right = PoseStamped()
        right.header.frame_id, right.pose.position.y = 'base_link', 0.25
        assert peer.plays(lambda: peer.drives('wrist') and peer.got['pose'], lambda: publish(right))
        assert position(peer.got['pose'][0])[1] == pytest.approx(0.25, abs=1e-6)
        assert not peer.got['command']
    finally:
        peer.close()
        for one in processes:
            assert one.stop()[0] == 0, one.log()


def test_the_topic_of_the_operators_hand_is_a_source_too(tmp_path):
    name = namespace()
    processes = [start(tmp_path, name, 'retarget', engagement='none', source='operator', start='rest'),
                 start(tmp_path, name, 'openxr', source='operator')]
    peer = Operator(name)

    def publish(*people):
        stamp = peer.node.get_clock().now().to_msg()
        for one in people:
            for side in ('left', 'right'):
                hand = getattr(one, f'{side}_hand')
                hand.header.stamp, hand.header.frame_id = stamp, 'camera'
                peer.publisher(HandPose, f'hand4whole/operator/{side}_hand').publish(hand)
    peer.image = publish
    try:
        assert peer.plays(lambda: peer.drives('fingers') and peer.last('command')), [one.log() for one in processes]
        assert peer.last('fingers').person == -1
        assert peer.plays(lambda: peer.last('openxr') and peer.last('openxr').is_valid[25])
        peer.hand = np.nan * peer.hand
        assert peer.plays(lambda: peer.is_state('fingers', 'not finite', moving=False))
        commands = len(peer.got['command'])
        assert peer.plays(lambda: peer.is_state('fingers', state=LOST, moving=False)
                          and len(peer.got['command']) > commands + 5)
        positions = np.array([command.position for command in peer.got['command'][commands:]])
        assert np.ptp(positions, axis=0).max() == 0     # repeated, and nothing moves
    finally:
        peer.close()
        for one in processes:
            assert one.stop()[0] == 0, one.log()


def test_a_known_palm_corrects_the_distance_unless_it_was_measured(tmp_path):
    name, hand = namespace(), placed(right_hand(0.2))
    process = start(tmp_path, name, 'openxr', palm_length=1.25 * palm_length(hand))
    peer = Operator(name)

    def wrist(measured):
        """Once it is where it is to be: m, of hands that are of that size whether or not that is believed."""
        expected = hand[0] if measured else 1.25 * hand[0]

        def there():
            message = peer.last('openxr')
            p = message.pose[25].position if message and message.is_valid[25] else None
            return p is not None and np.allclose((p.x, p.y, p.z), expected, atol=1e-6)
        return peer.plays(there, lambda: (person(hand, depth_measured=measured),))
    try:
        # Whoever comes close to the depth camera is seen by it now and then: it is always one of the two, never both.
        assert wrist(False) and wrist(True) and wrist(False), (peer.last('openxr'), process.log())
    finally:
        peer.close()
        assert process.stop()[0] == 0, process.log()


def test_a_hand_without_a_body_drives_and_another_one_does_not_take_over(tmp_path):
    name = namespace()
    processes = [start(tmp_path, name, 'retarget', source='hands', start='rest', engage_timeout=1.5),
                 start(tmp_path, name, 'openxr', source='hands')]
    peer = Operator(name)
    peer.pressed = True

    def show(*hands):
        """One image of hands of nobody: (track id, side, keypoints)."""
        def publish():
            header = HandPoseArray().header
            header.stamp, header.frame_id = peer.node.get_clock().now().to_msg(), peer.frame
            peer.publisher(HandPoseArray, 'hand4whole/hands').publish(HandPoseArray(header=header, hands=[
                hand_message(points, side, header=header, track_id=track_id, person=-1)
                for track_id, side, points in hands]))
        return publish      # and nobody is on ~/poses
    right, left = placed(right_hand(0.2)), mirrored(placed(right_hand(0.2)))
    far = right + (0.1, 0, 0.3)
    try:
        # The nearest right hand, whatever comes first.
        both = show((5, 'left', left), (3, 'right', far), (4, 'right', right))
        assert peer.plays(lambda: peer.drives('fingers') and peer.last('command'), both), \
            [one.log() for one in processes]
        assert peer.last('fingers').person == 4
        assert peer.plays(lambda: peer.last('openxr') and peer.last('openxr').is_valid[0]
                          and peer.last('openxr').is_valid[25], both)
        # Another one that is nearer now changes nothing; without the first one it does not drive.
        seen = len(peer.got['fingers'])
        nearer = show((3, 'right', right - (0.1, 0, 0.2)), (4, 'right', right))
        assert peer.plays(lambda: len(peer.got['fingers']) > seen + 30, nearer)
        assert {state.person for state in peer.got['fingers'][seen + 5:]} == {4} and peer.drives('fingers')
        other = show((3, 'right', far))
        assert peer.plays(lambda: peer.is_state('fingers', 'track id 3, not 4', engaged=False), other), \
            peer.last('fingers')
        # No hand, and nothing moves.
        assert peer.plays(lambda: peer.is_state('fingers', state=LOST, engaged=False)
                          and not any(peer.last('openxr').is_valid), show())
    finally:
        peer.close()
        for one in processes:
            assert one.stop()[0] == 0, one.log()


@pytest.mark.parametrize('kind', ['joint_trajectory', 'forward_command'])
def test_controllers_of_ros2_control_get_joints_in_their_own_order(tmp_path, kind):
    name, order = namespace(), list(reversed(load_robot_hand('capsule', 'right').joint_names))
    fields = {'command_type': kind, 'joints': str(order)}
    processes = [start(tmp_path, name, 'retarget', engagement='none', **fields), start(tmp_path, name, 'sim', **fields)]
    peer = Operator(name)
    peer.hand = placed(right_hand(1.1, 1.0))
    try:
        assert peer.plays(lambda: peer.last('joints') and bent(peer) > 1.0), [one.log() for one in processes]
        assert peer.joints()['right_index_abduction'] < 0.2
    finally:
        peer.close()
        for one in processes:
            assert one.stop()[0] == 0, one.log()


@pytest.mark.parametrize('name, parameters, line', [
    ('retarget', {'hand': 'nothing'}, r"parameter hand: there is no hand 'nothing'; there are allegro, capsule"),
    ('retarget', {'joints': "['thumb_flexion', 'nose']"}, r'parameter joints: no position for joint .*nose'),
    ('retarget', {'max_sped': 3.0}, r'unknown parameter max_sped: did you mean max_speed'),
    ('retarget', {'trust_agreement': 0.5}, 'expected hold_agreement <= trust_agreement, found 0.7 and 0.5'),
    ('retarget', {'hold_time': 0.1}, 'expected max_silence <= hold_time, found 0.2 and 0.1'),
    ('retarget', {'palm_length': 0.09, 'operator_height': 1.8}, r'parameter operator_height: palm_length is given'),
    ('retarget', {'source': 'hands', 'operator_height': 1.8}, r'parameter operator_height: source hands does not give'),
    ('wrist_teleop', {'camera_xyz': '[1.0, 2.0]'}, r'parameter camera_xyz: expected three numbers'),
    ('wrist_teleop', {'workspace_low': '[1.0, 1.0, 1.0]', 'workspace_high': '[0.0, 2.0, 2.0]'}, r'no inside'),
    ('sim', {'side': 'middle'}, r'parameter side: expected one of left, right')])
def test_a_wrong_parameter_is_one_line_and_exit_code_2(tmp_path, name, parameters, line):
    process = start(tmp_path, namespace(), name, **parameters)
    assert process.process.wait(60) == 2, process.log()
    (said,) = process.log().strip().splitlines()
    assert re.search(line, said), said


# Priority

def niceness_of(pid):
    """Of every thread of a process."""
    return {int(stat.read_text().rpartition(')')[2].split()[16]) for stat in Path(f'/proc/{pid}/task').glob('*/stat')}


@pytest.mark.parametrize('wanted', [3, 0])
def test_a_node_takes_its_niceness_with_all_threads(tmp_path, wanted):
    process = start(tmp_path, namespace(), 'retarget', niceness=wanted)
    try:
        assert process.says('commands on'), process.log()
        assert niceness_of(process.process.pid) == {wanted or os.nice(0)}
    finally:
        assert process.stop()[0] == 0, process.log()


def test_a_niceness_that_is_refused_is_one_line_and_the_node_runs(tmp_path):
    """In a process that may not."""
    script = """
import os, runpy, sys
def refuse(kind, who, value):
    if value < os.getpriority(kind, who):
        raise PermissionError(13, 'Permission denied')
os.setpriority = refuse
sys.argv = ['programs', 'retarget', *sys.argv[1:]]
runpy.run_module('hand4whole_ros.ros.teleop.programs', run_name='__main__')
"""
    folder = tmp_path / 'node'
    folder.mkdir()
    process = NodeProcess(folder, namespace(), command=[sys.executable, '-c', script], niceness=-15)
    try:
        assert process.says('commands on'), process.log()
        assert 'niceness -15 is refused (Permission denied): allow it with LimitNICE=-15' in process.log()
    finally:
        assert process.stop()[0] == 0, process.log()
