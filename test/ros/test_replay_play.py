"""`hand4whole play` in one process and the node in another, in simulated time."""

import functools
import itertools
import os
import pty
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from bag_maker import CHATTER, FRAME, IMAGE, START, decoded, messages, write
from fault_figures import note
from ros_peer import NodeProcess, Peer, namespace
from rosgraph_msgs.msg import Clock
from scripted_node import SLOW, picture
from scripted_replay import replay
from std_msgs.msg import String

from hand4whole_ros.cli import main
from hand4whole_ros.ros.play import keys
from hand4whole_ros.ros.play import player as play_command

#: The players speak on /clock, /tf and the camera's own topics, which belong to everybody: not among the other tests,
#: nor among those of another run on this machine. Up to 101 the ports of DDS are free on Linux.
DOMAIN = str(88 + os.getpid() % 14)


@pytest.fixture(scope='module')
def own_domain():
    before = os.environ['ROS_DOMAIN_ID']
    os.environ['ROS_DOMAIN_ID'] = DOMAIN
    yield
    os.environ['ROS_DOMAIN_ID'] = before


@pytest.fixture(scope='module')
def node(own_domain, tmp_path_factory):
    process = NodeProcess(tmp_path_factory.mktemp('node'), namespace(), '-r', f'image:={IMAGE}', use_sim_time=True,
                          camera_info_timeout=60.0, diagnostics_period=0.1)
    assert process.says('waiting for images', 60), process.log()
    yield process
    assert process.stop()[0] == 0, process.log()


@pytest.fixture
def listener(node):
    """Poses, TF and the time, of what is played from now on."""
    peer = Peer(node.namespace, tf=True, diagnostics=True)
    peer.frame = FRAME
    peer._collect(Clock, '/clock', 'clock', 100)
    peer._collect(String, CHATTER, 'chatter', 100)
    # The node may still have an image in hand of what was played before.
    assert peer.until(functools.partial(idle, peer), 60), node.log()
    peer.spin(0.1)
    for got in peer.got.values():
        got.clear()
    yield peer
    peer.close()


@pytest.fixture
def play():
    """Function that plays a bag in a process of its own; all are ended afterwards."""
    started = []

    def start(bag, *words, stdin=subprocess.DEVNULL):
        command = [sys.executable, '-m', 'hand4whole_ros.cli.main', 'play', str(bag), *map(str, words)]
        started.append(subprocess.Popen(command, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
        return started[-1]
    yield start
    for process in started:
        process.kill()
        process.communicate()


def seconds(stamp):
    return stamp.sec - START // 10**9 + stamp.nanosec * 1e-9


def times(listener):
    return [seconds(message.clock) for message in listener.got['clock']]


def steps_back(values):
    return sum(later < earlier for earlier, later in zip(values, values[1:]))


def stands(values):
    return len(set(values[-20:])) == 1


def ended(player):
    return player.poll() is not None


def idle(listener):
    """Whether the newest two diagnostics say that something became of every image, and that no more came."""
    told = [{value.key: value.value for value in message.status[0].values}
            for message in listener.got['diagnostics'][-2:]]
    return (len(told) == 2 and told[0]['frames in'] == told[1]['frames in'] and all(
        int(values['frames in']) == int(values['frames done']) + int(values['frames dropped']) for values in told))


def rest(listener):
    """Wait until the node has nothing in hand, as told after this call."""
    listener.got['diagnostics'].clear()
    assert listener.until(functools.partial(idle, listener), 60)
    listener.spin(0.2)


def test_camera_info_seconds_after_the_images_and_a_type_that_is_unknown(tmp_path, node, listener, play):
    source = write(tmp_path / 'in', messages([picture(1)] * 60, info_delay=2_000_000_000))
    player = play(source, '--rate', 2, '--wait-for', IMAGE)
    assert listener.until(functools.partial(ended, player), 120)
    assert player.returncode == 0
    # The node may still be at its first pose, which takes longer than the others.
    assert listener.until(lambda: listener.got['poses'], 60), node.log()
    assert '/odd is left out: its type odd_msgs/msg/Odd is not installed here' in player.stderr.read().decode()
    poses = listener.got['poses']
    assert all(seconds(message.header.stamp) > 1.9 for message in poses)
    hand = poses[0].poses[0].left_hand
    assert hand.keypoints_2d[0] == pytest.approx(300 * hand.keypoints[0].x / hand.keypoints[0].z + 159.5, abs=0.01)
    assert 'field of view' not in node.log()
    note('camera_info comes after the images', 'images of 2 s before the first, played at twice their rate', 1,
         f'{len(poses)} poses, all of later images and with the real focal length')


def test_the_node_says_what_a_replay_writes(tmp_path, node, listener, play):
    source = write(tmp_path / 'in', messages([picture(1 + k % 2) for k in range(6)]))
    assert replay(source, '--output', tmp_path / 'out') == 0
    written = decoded(tmp_path / 'out', '/hand4whole/poses')
    for rate in (0.25, 0.12, 0.06, 0.03, 0.015):      # Where the machine is busy an image may be dropped: slower, then.
        for got in listener.got.values():
            got.clear()
        assert listener.until(functools.partial(ended, play(source, '--rate', rate, '--wait-for', IMAGE)), 180)
        rest(listener)
        # The player does not end before the last words have arrived. On a busy machine it may not have seen this
        # listener yet when it began, for it waited for the node.
        words = [message.data for message in listener.got['chatter']]
        assert words and words == [f'word {k}' for k in range(6)][-len(words):]
        if len(listener.got['poses']) == 6:
            break
    assert len(listener.got['poses']) == len(written) == 6, node.log()
    for live, offline in zip(listener.got['poses'], written):
        assert len(live.poses) == len(offline.poses)
        for one, other in zip(live.poses, offline.poses):
            assert (one.track_id, one.state, one.is_operator) == (other.track_id, other.state, other.is_operator)
            for name in ('global_orient', 'body_pose', 'left_hand_pose', 'transl'):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_loop_begins_anew_and_tf_goes_back_once_each_time(tmp_path, listener, play):
    """In the end of the bag a third person is there, for whom the first two are not taken when it starts over."""
    people = [picture(2, SLOW)] * 4 + [picture(0)] * 9 + [picture(1)] * 8 + [picture(1, SLOW)]
    player = play(write(tmp_path / 'in', messages(people)), '--loop', '--wait-for', IMAGE)
    assert listener.until(lambda: steps_back(times(listener)) >= 3, 120)
    player.terminate()
    assert player.wait(60) == 0, player.stderr.read().decode()
    rest(listener)
    # What was in hand when time jumped back is not said after that: it would come from the future.
    assert all(seconds(pose.published) > seconds(message.header.stamp) - 0.1
               for message in listener.got['poses'] for pose in message.poses)
    rounds, last = [[]], -1.0
    for message in listener.got['poses']:
        if seconds(message.header.stamp) < last:
            rounds.append([])
        last = seconds(message.header.stamp)
        rounds[-1].append({pose.track_id for pose in message.poses})
    assert len(rounds) >= 3
    for ids in rounds[1:3]:
        assert ids[0] == {0, 1} and ids[-1] == {2}
    stamps = [seconds(message.transforms[0].header.stamp) for message in listener.got['tf']]
    assert steps_back(stamps) == len(rounds) - 1
    note('a bag starts over', 'hand4whole play --loop, with an image of 0.3 s in hand at the end of each round',
         len(rounds) - 1, 'people are numbered anew, TF goes back once a round, nothing is said with a stamp of the '
         'round before')


def test_space_stops_time_and_goes_on(tmp_path, node, listener, play):
    source = write(tmp_path / 'in', messages([picture(1)] * 60))
    ours, theirs = pty.openpty()
    player = play(source, '--paused', '--start', 0.5, stdin=theirs)
    try:
        assert listener.until(lambda: len(times(listener)) > 20, 120)
        assert set(times(listener)) == {0.5} and not listener.got['poses'] and not listener.got['chatter']
        os.write(ours, b'++ ')
        assert listener.until(lambda: listener.got['poses'], 60), node.log()
        os.write(ours, b' ')
        assert listener.until(lambda: stands(times(listener)), 60)
        rest(listener)
        known, stopped = len(listener.got['poses']), times(listener)[-1]
        listener.spin(0.5)
        assert times(listener)[-1] == stopped < 5.8 and len(listener.got['poses']) == known
        listener.got['clock'].clear()
        began = time.monotonic()
        os.write(ours, b' ')
        assert listener.until(functools.partial(ended, player), 120) and player.returncode == 0
        # 1.5625 times as fast; how much longer it takes to end is the machine's.
        assert stopped + 1.5625 * (time.monotonic() - began) > 5.9
        # The player may end before the listener has read its last messages.
        assert listener.until(lambda: times(listener)[-1] == pytest.approx(5.9, abs=0.01), 60)
        assert steps_back(times(listener)) == 0
    finally:
        os.close(ours)
        os.close(theirs)


def test_the_time_that_is_told_never_goes_back(monkeypatch):
    """On a machine so busy that 7 ms pass between any two looks at its clock."""
    monkeypatch.setattr(keys, 'time', SimpleNamespace(monotonic_ns=itertools.count(0, 7_000_000).__next__))
    monkeypatch.setattr(play_command, 'time', SimpleNamespace(sleep=lambda seconds: None))
    monkeypatch.setattr(play_command, 'rclpy', SimpleNamespace(ok=lambda: True, spin_once=lambda *a, **k: None))
    told, times_of_messages = [], range(0, 2_000_000_000, 33_333_333)
    player = SimpleNamespace(_playback_clock=keys.PlaybackClock(), _keyboard=SimpleNamespace(pressed=lambda: ''),
                             _publish_clock=told.append, _show_progress=lambda *progress: None)
    for when in times_of_messages:
        assert play_command.BagPlayer._advance_clock_to(player, when, 0, None) and told[-1] == when
    assert told == sorted(told) and len(told) > 2 * len(times_of_messages)


def test_where_nobody_listens_it_is_said_and_played(tmp_path, own_domain, monkeypatch, caplog):
    monkeypatch.setattr(play_command, 'DISCOVERY_TIMEOUT', 0.2)
    rows = [('/nobody_listens', START + k * 1000, b'\x00\x01\x00\x00') for k in range(3)]
    assert main.main(['play', str(write(tmp_path / 'in', rows))]) == main.EXIT_SUCCESS
    assert [record.getMessage() for record in caplog.records if record.levelname == 'WARNING'] == [
        'none of its topics has a subscriber so far: --wait-for TOPIC waits for one']


@pytest.mark.parametrize('words, says', [
    (['nowhere'], 'nowhere: no such bag'), (['BAG', '--rate', '0'], '--rate must be a positive number'),
    (['BAG', '--start', '9'], 'it ends after 0.2 s, before --start 9')])
def test_what_cannot_be_played_is_one_line(tmp_path, capfd, words, says):
    source = str(write(tmp_path / 'in'))
    assert main.main(['play', *(source if word == 'BAG' else word for word in words)]) == main.EXIT_USAGE
    (line,) = capfd.readouterr().err.splitlines()
    assert says in line
