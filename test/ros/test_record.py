"""`hand4whole record`: real publishers, and the bag that comes of them."""

import contextlib
import signal
import subprocess
import sys
import time

import pytest
from bag_maker import read
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.serialization import deserialize_message
from ros_peer import BEST_EFFORT, Peer, namespace
from scripted_node import picture
from sensor_msgs.msg import Image
from std_msgs.msg import String

from hand4whole_ros.ros.bag.reader import Bag
from hand4whole_ros.ros.bag.types import is_latched

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture
def peer():
    made = Peer(namespace(), topics=())
    yield made
    made.close()


@pytest.fixture
def record(tmp_path):
    """Function that starts the command; all are ended afterwards."""
    started = []

    def start(*words):
        log = tmp_path / f'{len(started)}.log'
        with log.open('wb') as stream:
            process = subprocess.Popen([sys.executable, '-m', 'hand4whole_ros.cli.main', 'record', *map(str, words)],
                                       stderr=stream)
        process.log = log.read_text
        started.append(process)
        return process
    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()


def recorded(peer, process, *topics):
    """Publish on all topics until the recorder listens to them, and some more."""
    texts, images = peer.publisher(String, topics[0]), peer.publisher(Image, 'image', BEST_EFFORT)
    end, number = time.monotonic() + 90, 0
    while number < 20:
        assert time.monotonic() < end and process.poll() is None, process.log()
        number += all(f'recording {topic}' in process.log() for topic in topics)
        texts.publish(String(data=f'text {number}'))
        images.publish(peer.show(picture(1), topic='unused'))
        peer.spin(0.05)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_what_is_published_is_in_the_bag(tmp_path, peer, record, storage):
    space = peer.node.get_namespace()
    chatter, latched, image = f'{space}/chatter', f'{space}/latched', f'{space}/image'
    peer.node.create_publisher(String, latched, LATCHED).publish(String(data='once'))
    process = record('--output', tmp_path / 'run', '--storage', storage, chatter, latched, image)
    recorded(peer, process, chatter, latched, image)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0, process.log()
    assert f' messages of 3 topics are in {tmp_path / "run"}' in process.log() and 'Traceback' not in process.log()
    found = read(tmp_path / 'run')
    assert set(found) == {chatter, latched, image}
    said = [deserialize_message(data, String).data for _, data in found[chatter]]
    assert 'text 20' in said and said == sorted(said, key=lambda text: int(text.split()[1]))
    assert [deserialize_message(data, String).data for _, data in found[latched]] == ['once']
    stamps = [stamp for stamp, _ in found[chatter]]
    assert stamps == sorted(stamps) and abs(stamps[-1] - time.time_ns()) < 120e9
    with Bag(tmp_path / 'run') as bag:
        assert {c.topic for c in bag.connections if is_latched(c)} == {latched}
    assert not (tmp_path / 'run.partial').exists()


def test_it_ends_by_itself_and_names_what_did_not_come(tmp_path, record):
    process = record('--output', tmp_path / 'run', '--duration', 1, '/nobody/is_here')
    assert process.wait(60) == 1
    lines = process.log().strip().splitlines()
    assert lines[-1] == 'hand4whole: nothing is recorded: no message came on /nobody/is_here'
    assert not (tmp_path / 'run').exists() and not (tmp_path / 'run.partial').exists()


@pytest.mark.parametrize('name', ['run', 'run.partial'])
def test_nothing_is_written_over(tmp_path, record, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / 'notes').write_text('mine')
    process = record('--output', tmp_path / 'run', '--duration', 1)
    assert process.wait(60) == 2
    assert f'{tmp_path / name} exists: name another output' in process.log()
    assert (tmp_path / name / 'notes').read_text() == 'mine'


def test_a_duration_is_positive(tmp_path, record):
    process = record('--output', tmp_path / 'run', '--duration', -1)
    assert process.wait(60) == 2 and '--duration must be a positive number' in process.log()
