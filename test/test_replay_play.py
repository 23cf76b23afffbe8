"""`hand4whole play` in one process and the node in another, in simulated time."""

import functools
import os
import pty
import subprocess
import sys
import time

import numpy as np
import pytest
from bag_maker import FRAME, IMAGE, START, decoded, messages, write
from ros_peer import NodeProcess, Peer, namespace
from rosgraph_msgs.msg import Clock
from scripted_node import SLOW, picture
from scripted_replay import replay

from hand4whole_ros import cli

#: The players speak on /clock and /tf, which belong to everybody: not among the other tests.
DOMAIN = '85'


@pytest.fixture(scope='module')
def own_domain():
    before = os.environ['ROS_DOMAIN_ID']
    os.environ['ROS_DOMAIN_ID'] = DOMAIN
    yield
    os.environ['ROS_DOMAIN_ID'] = before


@pytest.fixture(scope='module')
def node(own_domain, tmp_path_factory):
    process = NodeProcess(tmp_path_factory.mktemp('node'), namespace(), '-r', f'image:={IMAGE}', use_sim_time=True,
                          camera_info_timeout=30.0)
    assert process.says('waiting for images', 60), process.log()
    yield process
    assert process.stop()[0] == 0, process.log()


@pytest.fixture
def listener(node):
    """Poses, TF and the time."""
    peer = Peer(node.namespace, tf=True)
    peer.frame = FRAME
    peer._collect(Clock, '/clock', 'clock', 100)
    yield peer
    peer.close()


@pytest.fixture
def play():
    """Function that plays a bag in a process of its own; all are ended afterwards."""
    started = []

    def start(bag, *words, stdin=subprocess.DEVNULL):
        command = [sys.executable, '-m', 'hand4whole_ros.cli', 'play', str(bag), *map(str, words)]
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


def ended(player):
    return player.poll() is not None


def test_camera_info_seconds_after_the_images_and_a_type_that_is_unknown(tmp_path, node, listener, play):
    source = write(tmp_path / 'in', messages([picture(1)] * 40, info_delay=2_000_000_000))
    player = play(source, '--rate', 2)
    assert listener.until(functools.partial(ended, player), 60)
    assert player.returncode == 0
    # The node may still be at its first pose, which takes longer than the others.
    assert listener.until(lambda: listener.got['poses'], 20), node.log()
    assert '/odd is left out: its type odd_msgs/msg/Odd is not installed here' in player.stderr.read().decode()
    poses = listener.got['poses']
    assert all(seconds(message.header.stamp) > 1.9 for message in poses)
    hand = poses[0].poses[0].left_hand
    assert hand.keypoints_2d[0] == pytest.approx(300 * hand.keypoints[0].x / hand.keypoints[0].z + 159.5, abs=0.01)
    assert 'field of view' not in node.log()


def test_the_node_says_what_a_replay_writes(tmp_path, listener, play):
    source = write(tmp_path / 'in', messages([picture(1 + k % 2) for k in range(6)]))
    assert replay(source, '--output', tmp_path / 'out') == 0
    written = decoded(tmp_path / 'out', '/hand4whole/poses')
    for _ in range(3):      # Where the machine is busy an image may be dropped.
        listener.got['poses'].clear()
        assert listener.until(functools.partial(ended, play(source, '--rate', 0.5)), 60)
        listener.until(lambda: len(listener.got['poses']) == 6, 1)
        if len(listener.got['poses']) == 6:
            break
    assert len(listener.got['poses']) == len(written) == 6
    for live, offline in zip(listener.got['poses'], written):
        assert len(live.poses) == len(offline.poses)
        for one, other in zip(live.poses, offline.poses):
            assert (one.track_id, one.state, one.is_operator) == (other.track_id, other.state, other.is_operator)
            for name in ('global_orient', 'body_pose', 'left_hand_pose', 'transl'):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_loop_begins_anew_and_tf_goes_back_once_each_time(tmp_path, listener, play):
    """In the end of the bag a third person is there, for whom the first two are not taken when it starts over."""
    people = [picture(2, SLOW)] * 4 + [picture(0)] * 9 + [picture(1)] * 4 + [picture(1, SLOW)]
    player = play(write(tmp_path / 'in', messages(people)), '--loop')
    assert listener.until(lambda: steps_back(times(listener)) >= 3, 60), player.stderr.read()
    player.terminate()
    assert player.wait(20) == 0, player.stderr.read().decode()
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


def test_space_stops_time_and_goes_on(tmp_path, listener, play):
    source = write(tmp_path / 'in', messages([picture(1)] * 15))
    ours, theirs = pty.openpty()
    player = play(source, '--paused', '--start', 0.5, stdin=theirs)
    try:
        assert listener.until(lambda: len(times(listener)) > 20, 60)
        assert set(times(listener)) == {0.5} and not listener.got['poses']
        os.write(ours, b'++ ')
        assert listener.until(lambda: listener.got['poses'], 20)
        os.write(ours, b' ')
        listener.spin(0.5)
        known, stopped = len(listener.got['poses']), times(listener)[-1]
        listener.spin(0.5)
        assert times(listener)[-1] == stopped < 1.4 and len(listener.got['poses']) == known
        listener.got['clock'].clear()
        os.write(ours, b' ')
        began = time.monotonic()
        assert listener.until(functools.partial(ended, player), 20) and player.returncode == 0
        assert steps_back(times(listener)) == 0 and times(listener)[-1] == pytest.approx(1.4, abs=0.01)
        assert stopped + 1.3 * (time.monotonic() - began) > 1.4    # 1.5625 times as fast
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize('words, says', [
    (['nowhere'], 'nowhere: no such bag'), (['BAG', '--rate', '0'], '--rate must be a positive number'),
    (['BAG', '--start', '9'], 'it ends after 0.2 s, before --start 9')])
def test_what_cannot_be_played_is_one_line(tmp_path, capfd, words, says):
    source = str(write(tmp_path / 'in'))
    assert cli.main(['play', *(source if word == 'BAG' else word for word in words)]) == cli.WRONG_INPUT
    (line,) = capfd.readouterr().err.splitlines()
    assert says in line
