"""The managed node: transitions, failures that can be mended, wrong parameters, and a quick end."""

import signal
import subprocess

import pytest
from lifecycle_msgs.msg import Transition
from ros_peer import SCRIPTED, NodeProcess, Peer, namespace
from scripted_node import SLOW, picture


@pytest.fixture
def managed(tmp_path):
    """A node that waits to be told, and a peer."""
    name = namespace()
    process = NodeProcess(tmp_path, name, autostart=False, device='cuda', camera_info_timeout=0.0,
                          diagnostics_period=0.2)
    peer = Peer(name, diagnostics=True)
    yield process, peer
    peer.close()
    process.stop()


def test_a_failure_is_said_can_be_mended_and_the_whole_life_goes_by(managed):
    node, peer = managed
    assert peer.state() == 'unconfigured'
    assert not peer.transition(Transition.TRANSITION_CONFIGURE)
    line = 'estimator auto cannot be loaded: the scripted estimator has no cuda: set device to cpu'
    assert node.says(line) and peer.state() == 'unconfigured'
    peer.got['diagnostics'].clear()
    assert peer.until(lambda: any(s.level == b'\x02' and line in s.message for d in peer.got['diagnostics']
                                  for s in d.status))
    assert peer.set_parameter('body_model', '/no/such/file.npz')[0] and peer.set_parameter('device', 'cpu')[0]
    assert not peer.transition(Transition.TRANSITION_CONFIGURE)
    assert node.says('/no/such/file.npz', times=1)
    assert peer.set_parameter('body_model', '') == (True, '')

    assert peer.transition(Transition.TRANSITION_CONFIGURE) and peer.state() == 'inactive'
    before = len(peer.got['poses'])
    for _ in range(5):
        peer.show(picture(1))
        peer.spin(0.05)
    assert len(peer.got['poses']) == before, 'an inactive node must be silent'
    for _ in range(2):
        assert peer.transition(Transition.TRANSITION_ACTIVATE) and peer.state() == 'active'
        assert len(peer.answer(picture(1)).poses) == 1
        assert peer.transition(Transition.TRANSITION_DEACTIVATE) and peer.state() == 'inactive'
    assert peer.transition(Transition.TRANSITION_CLEANUP) and peer.state() == 'unconfigured'
    assert peer.set_parameter('estimator', 'mediapipe')[0], 'static parameters may change before configure'
    assert peer.transition(Transition.TRANSITION_CONFIGURE) and peer.transition(Transition.TRANSITION_ACTIVATE)
    assert len(peer.answer(picture(1)).poses) == 1
    assert peer.transition(Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert 'Traceback' not in node.log()


def test_it_ends_at_once_even_in_the_middle_of_an_image(tmp_path):
    process = NodeProcess(tmp_path, namespace(), camera_info_timeout=0.0)
    peer = Peer(process.namespace)
    try:
        peer.answer(picture(1), timeout=30)
        peer.show(picture(1, SLOW))
        peer.spin(0.1)
        code, seconds = process.stop(signal.SIGINT)
        assert code == 0 and seconds < 2.0 and 'Traceback' not in process.log(), process.log()
    finally:
        process.stop()
        peer.close()


def test_it_ends_at_once_while_it_starts(tmp_path):
    process = NodeProcess(tmp_path, namespace())
    assert process.says('loading estimator', 60)
    code, seconds = process.stop(signal.SIGTERM)
    assert code == 0 and seconds < 3.0 and 'Traceback' not in process.log(), process.log()


@pytest.mark.parametrize('assignment, line', [
    ('operater:=first', 'unknown parameter operater: did you mean operator?'),
    ('hold_time', "wrong arguments: failed to initialize rcl: Couldn't parse parameter override rule")])
def test_a_wrong_parameter_ends_it_with_one_line(assignment, line):
    done = subprocess.run([*SCRIPTED, '--ros-args', '-r', f'__ns:=/{namespace()}', '-p', assignment], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert done.returncode == 2
    lines = [text for text in done.stdout.splitlines() if '[rcl]' not in text]
    assert len(lines) == 1 and line in lines[0]
