"""The managed node: transitions, failures that can be mended, wrong parameters, and a quick end."""

import os
import signal
import subprocess

import pytest
from lifecycle_msgs.msg import Transition
from rcl_interfaces.srv import GetParameters
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
    ('camera:=clip.mp4', 'parameter camera: expected 0, /dev/video0 or an rtsp:// or http:// address'),
    ('camera_calibration:=/nowhere.yaml', 'camera_calibration: /nowhere.yaml: cannot be read: No such file'),
    ('hold_time', "wrong arguments: failed to initialize rcl: Couldn't parse parameter override rule")])
def test_a_wrong_parameter_ends_it_with_one_line(assignment, line):
    done = subprocess.run([*SCRIPTED, '--ros-args', '-r', f'__ns:=/{namespace()}', '-p', assignment], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert done.returncode == 2
    lines = [text for text in done.stdout.splitlines() if '[rcl]' not in text]
    assert len(lines) == 1 and line in lines[0]


def written(folder, text):
    path = folder / 'parameters.yaml'
    path.write_text(text)
    return str(path)


WHOLE_ROBOT = '''/**:
  ros__parameters:
    use_sim_time: false
    hold_time: 1
    robot_description: <robot/>
    exposures: []
    limits: {speed: 1.0, joints: [1.0, 2.0]}
    max_rat: 5.0
camera:
  ros__parameters: {device: [], exposure: 3}
'''


def test_the_parameter_file_of_a_whole_robot_starts_the_node(tmp_path):
    process = NodeProcess(tmp_path, namespace(), '--params-file', written(tmp_path, WHOLE_ROBOT), autostart=False)
    peer = Peer(process.namespace)
    try:
        request = GetParameters.Request(names=['hold_time', 'max_rate', 'device'])
        hold_time, max_rate, device = peer.call(GetParameters, 'get_parameters', request, 60).values
        assert (hold_time.double_value, max_rate.double_value, device.string_value) == (1.0, 0.0, 'auto')
        (line,) = [line for line in process.log().splitlines() if 'parameter file' in line]
        assert 'WARN' in line and line.endswith(
            'under /** are parameters that this node does not have and leaves alone: max_rat (did you mean max_rate?), '
            'robot_description, exposures, limits.speed, limits.joints')
    finally:
        peer.close()
        assert process.stop()[0] == 0, process.log()


def test_a_parameter_file_for_another_name_or_namespace_is_said(tmp_path):
    path = written(tmp_path, 'hand4whole:\n  ros__parameters: {hold_time: 1.0}\n'
                             '/robot/camera:\n  ros__parameters: {exposure: 3}\n')
    process = NodeProcess(tmp_path, 'arm', '--params-file', path, autostart=False)
    try:
        assert process.says(f'parameter file {path}: nothing in it is for this node, /arm/hand4whole, but for '
                            '/hand4whole, /robot/camera: write arm/hand4whole: or /**: there', 60), process.log()
    finally:
        assert process.stop()[0] == 0, process.log()


@pytest.mark.parametrize('text, line', [
    ('NS:\n  hand4whole:\n    ros__parameters: {holdtime: 1}\n', 'unknown parameter holdtime: did you mean hold_time?'),
    ('/**:\n  ros__parameters: {hold_time: true}\n', 'parameter hold_time: expected a number such as 0.5, found True'),
    ('/**:\n  ros__parameters: {operator: []}\n', "operator: expected a string such as 'nearest', found None"),
    ('hold_time: 1.0\n', "hold_time holds '1.0', expected '/**:' or the name of a node")])
def test_a_wrong_parameter_file_ends_it_with_one_line(tmp_path, text, line):
    name = namespace()
    done = subprocess.run([*SCRIPTED, '--ros-args', '-r', f'__ns:=/{name}', '--params-file',
                           written(tmp_path, text.replace('NS', name))], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert done.returncode == 2 and len(done.stdout.splitlines()) == 1 and line in done.stdout, done.stdout


def test_logs_that_cannot_be_written_are_no_wrong_argument():
    done = subprocess.run([*SCRIPTED, '--ros-args', '-r', f'__ns:=/{namespace()}'], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60, env={**os.environ, 'ROS_LOG_DIR': '/proc/logs'})
    assert done.returncode == 2 and len(done.stdout.splitlines()) == 1, done.stdout
    assert '/proc/logs' in done.stdout and 'export ROS_LOG_DIR=' in done.stdout and 'wrong arg' not in done.stdout
