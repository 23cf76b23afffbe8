"""Arguments of teleop.launch.py and `hand4whole teleop`, parameter files, the guide, and the messages of commands."""

import re
import subprocess
import sys

import numpy as np
import pytest
import yaml
from builtin_interfaces.msg import Time
from locations import ROOT
from sensor_msgs.msg import JointState

from hand4whole_ros.cli import main
from hand4whole_ros.ros.compat import share_directory
from hand4whole_ros.ros.node.parameter_table import ParameterError
from hand4whole_ros.ros.teleop import topics
from hand4whole_ros.ros.teleop.command_messages import TYPES, command_message, commanded_positions, measured_positions
from hand4whole_ros.ros.teleop.delays import Delays
from hand4whole_ros.ros.teleop.launch_arguments import ARGUMENTS, parse, plan
from hand4whole_ros.ros.teleop.parameters import TABLES, RetargetParameters, WristTeleopParameters

NAMES = ('thumb', 'index', 'middle')
POSITIONS = np.array([0.1, -0.2, 0.3])


@pytest.mark.parametrize('node', TABLES)
def test_parameter_files_hold_the_tables(node):
    content = yaml.safe_load((ROOT / 'config' / 'teleop' / f'{node}.yaml').read_text())
    assert TABLES[node].from_values(content['/**']['ros__parameters']) == TABLES[node]()
    assert list(content['/**']['ros__parameters']) == list(TABLES[node].settings())
    assert (share_directory() / 'config' / 'teleop' / f'{node}.yaml').is_file()


def test_nodes_of_the_launch_file_are_those_that_are_asked_for():
    def started(*words):
        return [one.node for one in plan(parse(list(words)), share_directory())]
    assert started() == ['retarget', 'wrist_teleop']
    assert started('wrist:=false', 'openxr:=true', 'sim:=true') == ['retarget', 'openxr', 'sim_hand']
    fingers, wrist = plan(parse(['hand:=allegro', 'side:=left', 'source:=operator', 'namespace:=robot',
                                 'log_level:=debug', 'use_sim_time:=True']), share_directory())
    words = fingers.ros_arguments
    for pair in (['-p', 'hand:=allegro'], ['-p', 'side:=left'], ['-p', 'source:=operator'], ['-r', '__ns:=/robot'],
                 ['-p', 'engagement:=wrist'], ['--log-level', 'debug'], ['-p', 'use_sim_time:=true']):
        assert words[words.index(pair[1]) - 1:words.index(pair[1]) + 1] == pair
    assert fingers.executable == 'hand4whole_retarget_node' and wrist.executable == 'hand4whole_wrist_teleop_node'
    assert '-p' in wrist.ros_arguments and 'hand:=allegro' not in wrist.ros_arguments
    alone = plan(parse(['wrist:=false']), share_directory())[0]
    assert 'engagement:=switch' in alone.ros_arguments


@pytest.mark.parametrize('word, message', [
    ('side:=middle', "side: expected one of left, right, found 'middle'"),
    ('source:=camera', 'source: expected one of poses, operator, hands'),
    ('sim:=perhaps', "sim: expected 'true' or 'false'"),
    ('hand:=', 'hand: expected the name'), ('params_file:=/nowhere.yaml', 'found nothing at /nowhere.yaml'),
    ('log_level:=loud', 'log_level: expected one of'), ('hands:=x', 'hands: unknown argument; known are namespace')])
def test_a_wrong_argument_is_one_line(word, message, capsys):
    assert main.main(['teleop', word]) == 2
    assert message in capsys.readouterr().err


def test_the_command_shows_its_arguments(capsys):
    assert main.main(['teleop', '--show-args']) == 0
    shown = capsys.readouterr().out
    assert all(argument.name in shown and argument.description in shown for argument in ARGUMENTS)


def test_the_demo_refuses_a_hand_that_is_not_there_and_an_output_that_is_a_file(tmp_path, capsys):
    assert main.main(['teleop', '--demo', '--hand', 'paw', '--output', str(tmp_path / 'out')]) == 2
    assert "there is no hand 'paw'" in capsys.readouterr().err
    (tmp_path / 'video.mp4').write_bytes(b'mine')
    assert main.main(['teleop', '--demo', '--output', str(tmp_path)]) == 2
    assert (tmp_path / 'video.mp4').read_bytes() == b'mine'
    assert main.main(['teleop', '--demo', '--output', str(tmp_path / 'video.mp4')]) == 2


def test_programs_are_named_as_the_table_has_them():
    answer = subprocess.run([sys.executable, '-m', 'hand4whole_ros.ros.teleop.programs', 'paw'], capture_output=True,
                            text=True, timeout=60)
    assert answer.returncode == 1 and 'retarget, wrist_teleop, openxr, sim' in answer.stderr


# Messages

@pytest.mark.parametrize('kind', TYPES)
def test_a_command_says_the_same_in_every_type(kind):
    message = command_message(kind, NAMES, POSITIONS, stamp=Time(sec=5), seconds=0.25)
    assert type(message) is TYPES[kind]
    names, positions = commanded_positions(kind, message, NAMES)
    assert tuple(names) == NAMES
    np.testing.assert_allclose(positions, POSITIONS)


def test_a_trajectory_starts_when_it_arrives():
    message = command_message('joint_trajectory', NAMES, POSITIONS, stamp=Time(sec=5), seconds=1.25)
    assert message.header.stamp == Time()
    assert (message.points[0].time_from_start.sec, message.points[0].time_from_start.nanosec) == (1, 250_000_000)


@pytest.mark.parametrize('kind', TYPES)
def test_a_command_without_its_positions_is_refused(kind):
    message = command_message(kind, NAMES, POSITIONS[:2], stamp=Time(), seconds=0.1)
    with pytest.raises(ValueError, match='2 for 3'):
        commanded_positions(kind, message, NAMES)
    with pytest.raises(ValueError, match='0 for'):
        commanded_positions(kind, TYPES[kind](), NAMES)


def test_measured_joints_are_found_by_name_and_refused_unless_finite():
    message = JointState(name=['elbow', *reversed(NAMES)], position=[9.0, 0.3, -0.2, 0.1])
    np.testing.assert_allclose(measured_positions(message, NAMES), POSITIONS)
    with pytest.raises(ValueError, match='no position for joint nose'):
        measured_positions(message, (*NAMES, 'nose'))
    message.position[1] = np.nan
    with pytest.raises(ValueError, match='not finite'):
        measured_positions(message, NAMES)
    with pytest.raises(ValueError, match='4 names and 1 positions'):
        measured_positions(JointState(name=message.name, position=[1.0]), NAMES)


def test_delays_are_given_as_percentiles():
    delays = Delays()
    assert delays.percentiles() is None and delays.values('x')[0] == ('x: p50 (ms)', 'none yet')
    for k in range(101):
        delays.add(k / 1000)
    assert delays.percentiles() == pytest.approx((50, 95))


# Parameters

@pytest.mark.parametrize('values, message', [
    ({'camera_xyz': [1.0, 2.0]}, r'camera_xyz: expected three numbers such as \[0.0, 0.0, 0.0\]'),
    ({'camera_xyz': [1.0, 2.0, float('nan')]}, 'camera_xyz: expected three numbers'),
    ({'camera_xyz': 'here'}, "camera_xyz: expected three numbers .* found 'here'"),
    ({'scale': 0.0}, 'scale: expected 0.01 to 10, found 0')])
def test_a_wrong_value_names_the_parameter(values, message):
    with pytest.raises(ParameterError, match=message):
        WristTeleopParameters.from_values(values)


def test_names_and_numbers_come_as_lists():
    assert RetargetParameters.from_values({'joints': ['a', 'b']}).joints == ('a', 'b')
    assert WristTeleopParameters.from_values({'camera_xyz': [1, 2, 3]}).camera_xyz == (1.0, 2.0, 3.0)
    with pytest.raises(ParameterError, match='joints: expected a list of names'):
        RetargetParameters.from_values({'joints': [1.0]})
    with pytest.raises(ParameterError, match='read at the start: restart'):
        RetargetParameters().changed({'max_speed': 3.0}, running=True)


def test_the_guide_names_every_topic():
    text = (ROOT / 'docs' / 'guides' / 'teleoperation.md').read_text()
    names = [value for name, value in vars(topics).items() if name.isupper() and isinstance(value, str)]
    assert [name for name in names if not re.search(rf'`{re.escape(name)}`', text)] == []
