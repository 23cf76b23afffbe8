"""Signals at any moment, a killed node, two nodes of one name, a full disk."""

import contextlib
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fault_figures import note
from faulty_node import COMMAND
from locations import child_environment
from ros_peer import SCRIPTED, NodeProcess, Peer, namespace
from scripted_node import SLOW, picture

from hand4whole_ros.media import image_files
from hand4whole_ros.rendering import contact_sheet

#: Seconds in which a node has to end.
SOON = 2.0

#: How many nodes get a signal at a random moment.
MOMENTS = 10


@pytest.fixture
def nodes(tmp_path):
    """Makes nodes, and ends those that a test leaves."""
    made = []

    def make(*arguments, **keywords):
        made.append(NodeProcess(tmp_path, namespace(), *arguments, **keywords))
        return made[-1]
    yield make
    for process in made:
        process.stop()


@contextlib.contextmanager
def peer_of(node, **keywords):
    peer = Peer(node.namespace, **keywords)
    try:
        yield peer
    finally:
        peer.close()


def ended(node, number):
    """Signal it; the seconds it took. It must end well, and soon."""
    code, seconds = node.stop(number)
    assert code == 0 and seconds < SOON, (code, seconds, node.log())
    assert 'Traceback' not in node.log() and 'ERROR' not in node.log(), node.log()
    return seconds


@pytest.mark.parametrize(
    'program', [('hand4whole_ros.ros.node.main',), ('hand4whole_ros.cli.main', 'run')], ids=['node', 'run']
)
def test_a_signal_while_libraries_are_imported(tmp_path, program):
    """From the first import of one's own on; the moments are those at which the system maps a library."""
    times = []
    for library, number in (('numpy', signal.SIGTERM), ('cv2', signal.SIGINT), ('_rclpy', signal.SIGTERM)):
        with (tmp_path / library).open('w+') as said:
            process = subprocess.Popen([sys.executable, '-m', *program], stdout=said, stderr=said)
            try:
                maps = Path(f'/proc/{process.pid}/maps')
                assert until(lambda maps=maps, library=library: library in maps.read_text(), 60)
                process.send_signal(number)
                started = time.monotonic()
                assert process.wait(10) == 0, Path(said.name).read_text()
                times.append(time.monotonic() - started)
            finally:
                process.kill()
        assert Path(said.name).read_text() == ''
    assert max(times) < SOON
    note(f'SIGINT or SIGTERM while libraries are imported, {program[0].rpartition(".")[2]}',
         'as numpy, OpenCV and rclpy are mapped into memory', len(times),
         f'exit code 0 after {max(times):.2f} s at most, not a word')


def test_a_signal_while_the_node_is_being_made():
    """rclpy turns the exception into one of its own; and it comes at the worst moment."""
    code = ('import os, signal; from hand4whole_ros.ros.node import lifecycle_node, main\n'
            'made = lifecycle_node.Hand4WholeNode\n'
            'def make(**keywords):\n'
            '    try: os.kill(os.getpid(), signal.SIGTERM)\n'
            '    except KeyboardInterrupt: pass\n'
            '    return made(**keywords)\n'
            'lifecycle_node.Hand4WholeNode = make; main.main()')
    done = subprocess.run([sys.executable, '-c', code], text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr     # rclpy warns of a publisher
    assert 'Traceback' not in done.stderr and 'wrong arguments' not in done.stderr, done.stderr


def test_a_signal_at_any_moment():
    """Moments from a seed, over all of a start and what comes after it."""
    moments, times = random.Random(7), []
    for k in range(MOMENTS):
        node = subprocess.Popen([sys.executable, '-m', 'hand4whole_ros.ros.node.main'], stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, env={**os.environ, 'OMP_NUM_THREADS': '1'})
        try:
            maps = Path(f'/proc/{node.pid}/maps')
            assert until(lambda maps=maps: 'numpy' in maps.read_text(), 60)
            time.sleep(moments.uniform(0, 5))
            started = time.monotonic()
            node.send_signal((signal.SIGINT, signal.SIGTERM)[k % 2])
            _, said = node.communicate(timeout=10)
            times.append(time.monotonic() - started)
            assert node.returncode == 0 and b'Traceback' not in said, said.decode()
        finally:
            node.kill()
    assert max(times) < SOON, times
    note('SIGINT or SIGTERM at any moment', 'at random moments within 5 s after its first library is there: while it '
         'imports, loads, waits for images', len(times),
         f'exit code 0 after {np.median(times):.2f} s, {max(times):.2f} s at most')


def until(condition, timeout):
    """Look again and again; whether it came true."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def test_a_signal_while_it_loads(nodes):
    times = []
    for number, pause in ((signal.SIGINT, 0.0), (signal.SIGTERM, 0.15)):
        node = nodes()
        assert node.says('loading estimator', 60)
        time.sleep(pause)
        times.append(ended(node, number))
    note('SIGINT or SIGTERM while it loads', '0 and 0.15 s after the first line in the log', len(times),
         f'exit code 0 after {max(times):.2f} s at most, no traceback')


def test_a_signal_while_a_library_does_not_listen(nodes):
    """Loading that holds the main thread for half a minute without coming back to Python."""
    node = nodes(command=[*COMMAND, 'deaf'])
    assert node.says('deaf from now on', 60)
    time.sleep(0.2)
    code, seconds = node.stop(signal.SIGTERM)
    assert code == 0 and seconds < SOON, (code, seconds, node.log())
    assert 'it is left behind' in node.log()
    note('SIGTERM while a library is deaf', 'an estimator that computes in C for half a minute while it is made', 1,
         f'exit code 0 after {seconds:.2f} s')


def test_two_signals_under_load(nodes):
    node = nodes(camera_info_timeout=0.0)
    with peer_of(node, topics=('poses', 'markers', 'overlay')) as peer:
        peer.answer(picture(2), timeout=60)
        for k in range(20):
            peer.show(picture(2, SLOW if k % 5 == 0 else 0, 640, 480))
            peer.spin(0.01)
        os.kill(node.process.pid, signal.SIGINT)    # and once more, as people do
        seconds = ended(node, signal.SIGTERM)
    note('SIGINT, then SIGTERM under load', '640 x 480 at 100 Hz, markers and overlay subscribed, an image of 0.3 s '
         'in hand', 1, f'exit code 0 after {seconds:.2f} s')


def test_killed_and_started_again(nodes, tmp_path):
    name, waited = namespace(), []
    peer = Peer(name)
    try:
        for _ in range(2):
            node = NodeProcess(tmp_path, name, camera_info_timeout=0.0)
            started = time.monotonic()
            assert len(peer.answer(picture(1), timeout=60, again=0.1).poses) == 1, node.log()
            waited.append(time.monotonic() - started)
            peer.show(picture(1, SLOW))
            peer.spin(0.05)
            code, _ = node.stop(signal.SIGKILL)
            assert code == -signal.SIGKILL
    finally:
        peer.close()
    note('SIGKILL and a new start', 'killed with an image in hand; the camera goes on publishing', len(waited),
         f'a pose {max(waited):.1f} s after the new start at most, {min(waited):.1f} s at best, loading included')


def test_two_nodes_of_one_name_in_two_namespaces(nodes):
    first, second = nodes(camera_info_timeout=0.0), nodes(camera_info_timeout=0.0)
    with peer_of(first, diagnostics=True) as left, peer_of(second, diagnostics=True) as right:
        left.answer(picture(1), timeout=60)
        right.answer(picture(2), timeout=60)
        counts = {1: [], 2: []}
        for _ in range(10):
            counts[1].append(len(left.answer(picture(1)).poses))
            counts[2].append(len(right.answer(picture(2)).poses))
        assert left.set_parameter('publish_tf', False) == (True, '')
        idle = [ended(first, signal.SIGINT)]
        assert len(right.answer(picture(2)).poses) == 2
        idle.append(ended(second, signal.SIGTERM))
    assert set(counts[1]) == {1} and set(counts[2]) == {2}
    note('two nodes of one name', 'in two namespaces, different images into each; then one of them ends', 20,
         'each answers its own images only, and the other goes on')
    note('SIGINT or SIGTERM while idle', 'between images', 2, f'exit code 0 after {max(idle):.2f} s at most')


# Full disks

def limited(limit=40_000):
    """For a child process: no file may grow beyond this, as on a disk with so much room left."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def test_a_node_whose_log_cannot_be_written(tmp_path):
    name = namespace()
    words = [*SCRIPTED, '--ros-args', '-r', f'__ns:=/{name}', '-p', 'camera_info_timeout:=0.0']
    with open('/dev/full', 'wb') as full:
        process = subprocess.Popen(words, stdout=full, stderr=full, preexec_fn=limited(0),
                                   env={**os.environ, 'ROS_LOG_DIR': str(tmp_path / 'log'), 'OMP_NUM_THREADS': '1'})
    peer = Peer(name)
    try:
        assert len(peer.answer(picture(1), timeout=60).poses) == 1
        for _ in range(20):
            peer.show(picture(1), step=1)       # each would be a line
            peer.spin(0.02)
        assert len(peer.answer(picture(1)).poses) == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        peer.close()
    note('the disk is full under a running node', 'stdout and stderr are /dev/full, and no file may grow at all', 1,
         'poses as before, SIGTERM ends it with exit code 0')


def test_a_full_disk_is_one_line(tmp_path):
    """In a process of its own: the limit is one of the whole process."""
    code = ('import sys; from pathlib import Path; import test_faults_process as t; t.limited()(); '
            't.write_all(Path(sys.argv[1]))')
    done = subprocess.run([sys.executable, '-c', code, str(tmp_path)], env=child_environment(), text=True,
                          capture_output=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    said = dict(line.split(': ', 1) for line in done.stdout.splitlines())
    assert set(said) == {'picture', 'video', 'animation', 'bag'}
    for what, line in said.items():
        article = 'an' if what == 'animation' else 'a'
        note(f'the disk is full while {article} {what} is written', 'no file may grow beyond 40 kB', 1, line)


def write_all(folder):
    """Write more than there is room for; prints the error that each kind has to end with."""
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    for what, attempt in (('picture', lambda: image_files.write_image(folder / 'a.png', noise)),
                          ('video', lambda: contact_sheet.write_video(folder / 'a.mp4', [noise] * 20, 30)),
                          ('animation', lambda: contact_sheet.write_gif(folder / 'a.gif', [noise] * 3, 30)),
                          ('bag', lambda: _write_bag(folder / 'bag', noise))):
        try:
            attempt()
        except (OSError, image_files.ImageFileError) as error:
            print(f'{what}: {type(error).__name__}: {error}'.replace(str(folder), 'FOLDER'), flush=True)


def _write_bag(folder, noise):
    import array

    from rclpy.serialization import serialize_message
    from sensor_msgs.msg import Image

    from hand4whole_ros.ros.bag.recorder import RecordedMessage, write_bag
    data = bytes(serialize_message(Image(width=640, height=480, data=array.array('B', noise.tobytes()))))
    write_bag(folder, [RecordedMessage('/image', k * 10**9, data) for k in range(5)], {'/image': Image})
