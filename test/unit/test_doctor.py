"""What keeps a node from running is said before it is started, and by doctor with exit code 1."""

import json
import os
import subprocess
import sys

import pytest
from ros_peer import SCRIPTED

from hand4whole_ros.apps.doctor import probes
from hand4whole_ros.apps.doctor.ros_environment import (
    MAX_DOMAIN,
    check_environment,
    fatal_problem,
    installed_middlewares,
    is_writable,
)
from hand4whole_ros.system.standard_streams import EXIT_READER_CLOSED

HOME = {'HOME': os.environ.get('HOME', '/tmp')}


def environment(**changes):
    """This process's own, with changes; None takes a variable out."""
    found = {**os.environ, **changes}
    return {name: value for name, value in found.items() if value is not None}


def doctor(**changes):
    return subprocess.run([sys.executable, '-m', 'hand4whole_ros.cli.main', 'doctor'], text=True, capture_output=True,
                          timeout=300, env=environment(**changes))


def test_a_middleware_that_is_not_installed_is_broken_and_exit_1(tmp_path):
    done = doctor(RMW_IMPLEMENTATION='rmw_nobody_cpp', FASTDDS_DEFAULT_PROFILES_FILE=str(tmp_path / 'none.xml'))
    assert done.returncode == 1, done.stdout
    lines = done.stdout.splitlines()
    assert lines[-1] == 'the ROS node cannot run here: see BROKEN above'
    assert lines[-2].startswith('the open estimator can run here: hand4whole estimate')
    (line,) = [line for line in lines if 'BROKEN' in line and 'RMW' in line]
    assert 'RMW_IMPLEMENTATION=rmw_nobody_cpp is not installed' in line and 'unset RMW_IMPLEMENTATION' in line
    assert any('CHECK' in line and 'none.xml does not exist' in line for line in lines)
    assert done.stderr == ''


def test_a_home_that_cannot_be_written_is_broken_and_exit_1():
    done = doctor(HOME='/proc', XDG_CACHE_HOME=None, ROS_LOG_DIR=None, ROS_HOME=None)
    assert done.returncode == 1
    assert 'logs of ROS cannot be written to /proc/.ros/log: export ROS_LOG_DIR=' in done.stdout


#: Environment -> whether it is fatal, and how its line begins and ends.
WRONG = [
    ({'RMW_IMPLEMENTATION': 'rmw_nobody_cpp'}, True, 'RMW_IMPLEMENTATION=rmw_nobody_cpp is not installed',
     'or install ros-<distribution>-rmw-nobody-cpp'),
    *(({'ROS_DOMAIN_ID': text}, True, f'ROS_DOMAIN_ID={text} is no domain', 'the same as the camera has')
      for text in ('233', '300', '-7', 'robot', '99999999999999999999', '0x100', ' ')),
    *(({'ROS_DOMAIN_ID': text}, False, f'ROS_DOMAIN_ID={text}', 'the same as the camera has')
      for text in ('102', '232', '7seven', '-1')),
    ({'ROS_LOCALHOST_ONLY': '1', 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'SUBNET'}, False, 'ROS_LOCALHOST_ONLY=1 and',
     'unset ROS_LOCALHOST_ONLY'),
    ({'ROS_LOCALHOST_ONLY': 'yes'}, False, 'ROS_LOCALHOST_ONLY=yes is neither 0 nor 1', 'LOCALHOST or SUBNET'),
    ({'ROS_AUTOMATIC_DISCOVERY_RANGE': 'subnet'}, False, 'ROS_AUTOMATIC_DISCOVERY_RANGE=subnet is unknown', 'or OFF'),
    ({'ROS_AUTOMATIC_DISCOVERY_RANGE': 'OFF'}, False, 'ROS_AUTOMATIC_DISCOVERY_RANGE=OFF: no camera', 'or LOCALHOST'),
    ({'FASTDDS_DEFAULT_PROFILES_FILE': '/nowhere.xml'}, False, 'FASTDDS_DEFAULT_PROFILES_FILE=/nowhere.xml does not',
     'unset FASTDDS_DEFAULT_PROFILES_FILE'),
    ({'FASTRTPS_DEFAULT_PROFILES_FILE': __file__}, False, f'FASTRTPS_DEFAULT_PROFILES_FILE={__file__} is no XML',
     'unset FASTRTPS_DEFAULT_PROFILES_FILE'),
    ({'FASTDDS_DEFAULT_PROFILES_FILE': '/tmp'}, False, 'FASTDDS_DEFAULT_PROFILES_FILE=/tmp is no folder', ''),
    ({'CYCLONEDDS_URI': 'file:///nowhere.xml'}, False, 'CYCLONEDDS_URI=file:///nowhere.xml does not exist', ''),
    ({'ROS_SECURITY_ENABLE': 'true', 'ROS_SECURITY_STRATEGY': 'Enforce', 'ROS_SECURITY_KEYSTORE': '/nowhere'}, True,
     'ROS_SECURITY_KEYSTORE=/nowhere is no folder', 'or unset ROS_SECURITY_ENABLE'),
    ({'ROS_LOG_DIR': '/proc/logs'}, True, 'logs of ROS cannot be written to /proc/logs', 'ROS_LOG_DIR=/tmp/ros_log'),
    ({'HOME': ''}, True, 'HOME is not set', 'export ROS_LOG_DIR=/tmp/ros_log')]


@pytest.mark.parametrize('environ, fatal, begins, ends', WRONG, ids=[str(row[0])[:60] for row in WRONG])
def test_one_line_names_the_variable_and_the_next_command(environ, fatal, begins, ends):
    (finding,) = check_environment({**HOME, **environ})
    assert finding.fatal == fatal and finding.line.startswith(begins) and finding.line.endswith(ends), finding.line


@pytest.mark.parametrize('environ', [
    {}, {'ROS_DOMAIN_ID': '0'}, {'ROS_DOMAIN_ID': '101'}, {'ROS_DOMAIN_ID': '0x10'}, {'ROS_DOMAIN_ID': ''},
    {'RMW_IMPLEMENTATION': ''}, {'RMW_IMPLEMENTATION': installed_middlewares()[0]},
    {'ROS_LOCALHOST_ONLY': '1', 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}, {'CYCLONEDDS_URI': '<CycloneDDS/>'},
    {'ROS_SECURITY_ENABLE': 'true'}])
def test_a_usable_environment_has_nothing_said_of_it(environ):
    assert check_environment({**HOME, **environ}) == [] and fatal_problem(environ) is None


def test_domains_are_read_as_ros_reads_them():
    """What is fatal here ends rclpy, and what is not does not."""
    for text in (str(MAX_DOMAIN), str(MAX_DOMAIN + 1), '7seven', '0x10', 'robot'):
        code = 'import rclpy; rclpy.init(); rclpy.create_node("domain").destroy_node(); rclpy.shutdown()'
        done = subprocess.run([sys.executable, '-c', code], capture_output=True, timeout=60,
                              env=environment(ROS_DOMAIN_ID=text))
        assert (done.returncode != 0) == (fatal_problem({'ROS_DOMAIN_ID': text}) is not None), text


@pytest.mark.parametrize('environ, line', [
    ({'RMW_IMPLEMENTATION': 'rmw_nobody_cpp'}, 'RMW_IMPLEMENTATION=rmw_nobody_cpp is not installed'),
    ({'ROS_DOMAIN_ID': '300'}, 'ROS_DOMAIN_ID=300 is no domain')])
@pytest.mark.parametrize('words', [
    SCRIPTED, [sys.executable, '-m', 'hand4whole_ros.cli.main', 'run'],
    [sys.executable, '-m', 'hand4whole_ros.cli.main', 'play', 'BAG'],
    [sys.executable, '-m', 'hand4whole_ros.cli.main', 'replay', 'BAG', '--output', 'OUT']])
def test_what_needs_ros_ends_with_that_line_instead_of_inside_a_library(words, environ, line):
    done = subprocess.run(words, text=True, capture_output=True, timeout=60, env=environment(**environ))
    assert done.returncode == 2, (done.returncode, done.stderr)
    (said,) = done.stderr.splitlines()
    assert said.startswith(f'hand4whole: {line}')


def test_modules_that_raise_or_end_the_process_are_named(tmp_path, monkeypatch):
    (tmp_path / 'raises_when_imported.py').write_text('raise ImportError("libGL.so.1: cannot open shared object file")')
    (tmp_path / 'ends_when_imported.py').write_text('import os, signal; os.kill(os.getpid(), signal.SIGSEGV)')
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    found = probes.probe_imports(['json', 'raises_when_imported', 'ends_when_imported', 'math'])
    assert found.errors == {'raises_when_imported': 'ImportError: libGL.so.1: cannot open shared object file',
                            'ends_when_imported': 'it ends the process, by signal 11'}
    assert found.device is None


def test_a_node_is_really_made(monkeypatch):
    assert probes.probe_node() is None
    monkeypatch.setenv('RMW_IMPLEMENTATION', 'rmw_nobody_cpp')
    assert 'rmw_nobody_cpp' in probes.probe_node()


def test_a_folder_that_is_not_there_yet_is_not_made(tmp_path):
    assert is_writable(tmp_path / 'a' / 'b') and list(tmp_path.iterdir()) == []
    (tmp_path / 'file').touch()
    assert not is_writable(tmp_path / 'file') and not is_writable(tmp_path / 'file' / 'a')


def test_bench_says_it_too_and_writes_its_figures_though_nobody_reads_the_table(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run([sys.executable, '-m', 'hand4whole_ros.cli.main', 'bench', '--only', 'markers', '--json',
                               str(tmp_path / 'figures.json')], stdout=writing, stderr=subprocess.PIPE, text=True,
                              timeout=200, env=environment(RMW_IMPLEMENTATION='rmw_nobody_cpp'))
    finally:
        os.close(writing)
    assert done.returncode == EXIT_READER_CLOSED and 'Traceback' not in done.stderr, done.stderr
    why = json.loads((tmp_path / 'figures.json').read_text())['why_null']
    assert any('rmw_nobody_cpp is not installed' in reason for reason in why.values()), why
