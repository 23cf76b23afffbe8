"""`hand4whole play` begins with everything that is latched, for whoever comes, however late."""

import os
import subprocess
import sys

import pytest
import yaml
from bag_maker import IMAGE, PERIOD, START, decoded, messages, read, write
from fault_figures import note
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.serialization import serialize_message
from ros_peer import Peer
from rosbags.interfaces import QosDurability
from rosgraph_msgs.msg import Clock
from scripted_node import picture
from scripted_replay import replay
from std_msgs.msg import String
from test_own_results import FRAME, TF_STATIC, TF_TYPES, person, tf, transform
from tf2_msgs.msg import TFMessage

from hand4whole_ros.msg import WholeBodyPoseArray
from hand4whole_ros.ros.bag.reader import Bag
from hand4whole_ros.ros.bag.types import is_latched, make_latched_profile

#: As in test_replay_play: what is played is everybody's.
DOMAIN = str(60 + os.getpid() % 14)
LATE = QoSProfile(depth=500, durability=DurabilityPolicy.TRANSIENT_LOCAL)
DESCRIPTION = '/robot1/robot_description'


@pytest.fixture
def peer(monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', DOMAIN)
    made = Peer('/latched', topics=())
    made._collect(Clock, '/clock', 'clock', 10)
    made._collect(String, '/chatter', 'chatter', 10)     # so that nobody is waited for
    yield made
    made.close()


@pytest.fixture
def play(peer):
    started = []

    def start(bag, *words):
        command = [sys.executable, '-m', 'hand4whole_ros.cli.main', 'play', str(bag), *map(str, words)]
        started.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
        return started[-1]
    yield start
    for process in started:
        process.kill()
        process.communicate()


def statics(count):
    """A message of each of so many publishers of /tf_static, one after another."""
    return [(TF_STATIC, START + k * 1000, tf(transform('base', f'part_{k}'))) for k in range(count)]


def children(found):
    return [t.child_frame_id for message in found for t in message.transforms]


@pytest.mark.parametrize('quality, start', [('latched', 0.45), ('none', 0.45), ('volatile', 0.45), ('none', 0)])
def test_whoever_comes_late_gets_every_latched_message(tmp_path, peer, play, quality, start):
    rows = [*messages([picture(1)] * 6), *statics(120),
            (DESCRIPTION, START, serialize_message(String(data='<robot/>')))]
    profile = make_latched_profile()._replace(durability=QosDurability.VOLATILE)
    options = {'latched': {'latched': (TF_STATIC, DESCRIPTION)}, 'none': {},
               'volatile': {'latched': (TF_STATIC, DESCRIPTION), 'profile': profile}}[quality]
    source = write(tmp_path / 'in', rows, kinds={**TF_TYPES, DESCRIPTION: 'std_msgs/msg/String'}, **options)
    # It stands still where it begins; with 0, where everything latched has been said but the images have not.
    player = play(source, *(['--paused', '--start', start] if start else ['--rate', 0.01]))
    assert peer.until(lambda: peer.got['clock'] and (
        start or peer.got['clock'][-1].clock.nanosec > 200_000), 120), player.stderr.read()
    peer._collect(TFMessage, TF_STATIC, 'static', LATE)
    peer._collect(String, DESCRIPTION, 'description', LATE)
    assert peer.until(lambda: len(peer.got['static']) >= 120 and peer.got['description'], 60), len(peer.got['static'])
    assert children(peer.got['static']) == [f'part_{k}' for k in range(120)]
    assert [message.data for message in peer.got['description']] == ['<robot/>']
    if start and quality == 'none':
        note('somebody comes late to a bag that is played from its middle', '120 messages on /tf_static before that, '
             'and no quality of service in the bag', 1, 'all 120 messages and the robot_description arrive')


def test_a_replay_of_a_part_keeps_every_latched_message(tmp_path):
    source = write(tmp_path / 'in', [*messages([picture(1)] * 6), *statics(5)], kinds=TF_TYPES)
    assert replay(source, '--output', tmp_path / 'out', '--start', 0.25) == 0
    assert {time for time, _ in read(tmp_path / 'out')[TF_STATIC]} == {START + 250_000_000}
    assert children(decoded(tmp_path / 'out', TF_STATIC)) == [f'part_{k}' for k in range(5)]
    with Bag(tmp_path / 'out') as bag:
        (connection,) = [c for c in bag.connections if c.topic == TF_STATIC]
    assert is_latched(connection)
    (profile,) = connection.ext.offered_qos_profiles
    assert profile.durability.name == 'TRANSIENT_LOCAL' and profile.depth == 5


def test_images_of_before_are_not_sent_with_what_is_latched(tmp_path):
    source = write(tmp_path / 'in', messages([picture(1)] * 6), latched=(IMAGE,))
    assert replay(source, '--output', tmp_path / 'out', '--start', 0.25) == 0
    assert len(read(tmp_path / 'out')[IMAGE]) == len(read(tmp_path / 'out')['/hand4whole/poses']) == 3


def with_results(tmp_path):
    """A bag with people of an earlier run in it."""
    rows = [*messages([picture(1)] * 3),
            ('/tf', START + PERIOD, tf(*person(0, frame=FRAME), transform('odom', 'base'))),
            *((topic, START, b'\0\1\0\0' + bytes(40)) for topic in ('/hand4whole/poses', '/hand4whole/overlay'))]
    return write(tmp_path / 'in', rows, kinds={
        **TF_TYPES, '/hand4whole/poses': 'hand4whole_ros/msg/WholeBodyPoseArray'})


def topics(peer):
    return {name for name, _ in peer.node.get_topic_names_and_types()}


@pytest.mark.parametrize('live', [False, True])
def test_without_results_of_an_earlier_run(tmp_path, peer, play, live):
    """Where that is wanted, and, unasked, where a node publishes poses now, whatever it is called."""
    source = with_results(tmp_path)
    if live:
        peer.node.create_publisher(WholeBodyPoseArray, '/robot/people/poses', 10)
    peer._collect(TFMessage, '/tf', 'tf', 10)
    player = play(source, '--wait-for', '/tf', *([] if live else ['--without-results']), '--rate', 0.1)
    assert peer.until(lambda: peer.got['clock'], 120), player.stderr.read()
    # Beside a node that lives the player takes these publishers back, which the graph tells a moment after the clock.
    assert peer.until(lambda: not {'/hand4whole/poses', '/hand4whole/overlay'} & topics(peer), 30)
    assert IMAGE in topics(peer)
    assert peer.until(lambda: player.poll() is not None, 60) and player.returncode == 0
    assert children(peer.got['tf']) == ['base']
    assert ('a node /latched/peer publishes poses: ' in player.stderr.read()) == live


@pytest.mark.parametrize('live', [False, True])
def test_results_of_an_earlier_run_are_played_alone_or_when_asked_for(tmp_path, peer, play, live):
    if live:
        peer.node.create_publisher(WholeBodyPoseArray, '/robot/people/poses', 10)
    peer._collect(TFMessage, '/tf', 'tf', 10)
    player = play(with_results(tmp_path), '--wait-for', '/tf', '--rate', 0.1, *(['--with-results'] if live else []))
    assert peer.until(lambda: player.poll() is not None, 120) and player.returncode == 0
    assert 'body_0' in children(peer.got['tf'])


def test_a_bag_that_lacks_messages_is_played_and_ends_with_2(tmp_path, peer, play):
    source = write(tmp_path / 'in', messages([picture(1)] * 2))
    file = source / 'metadata.yaml'
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text())).replace('message_count: 2', 'message_count: 3'))
    player = play(source, '--wait-for', '/chatter')
    assert peer.until(lambda: len(peer.got['chatter']) == 2, 120)
    assert player.wait(60) == 2
    assert 'messages are missing' in player.stderr.read()
