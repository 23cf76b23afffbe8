"""The launch arguments everywhere, and the launch files for real where `launch` is installed."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from hand4whole_ros.ros.compat import share_directory
from hand4whole_ros.ros.node import companions, launch_arguments
from hand4whole_ros.ros.node.launch_arguments import (
    ARGUMENTS,
    default_values,
    make_launch_plan,
    parse_assignments,
    rviz_remappings,
)

SHARE = share_directory()

#: The contract: what people type after `ros2 launch`.
NAMES = {'namespace', 'image_topic', 'image_transport', 'camera_info_topic', 'params_file', 'estimator', 'device',
         'weights', 'weights_folder', 'people', 'hand_length', 'quality', 'face', 'use_sim_time', 'autostart',
         'log_level', 'rviz', 'viewer', 'viewer_host', 'viewer_port', 'publish_tf', 'body_model', 'open_model',
         'max_rate', 'depth_topic', 'frame_prefix', 'camera', 'camera_calibration'}


# The table

def test_the_table_holds_the_arguments_that_were_promised():
    assert {argument.name for argument in ARGUMENTS} == NAMES
    assert all(argument.description.endswith('.') for argument in ARGUMENTS)


def test_defaults_leave_everything_to_the_parameter_file():
    plan = make_launch_plan(default_values(), SHARE)
    assert plan.parameters == {'autostart': True}
    assert plan.remappings == () and plan.namespace == '' and not plan.rviz
    assert plan.params_file == SHARE / 'config' / 'estimate.yaml'


def test_arguments_become_ros_arguments():
    plan = make_launch_plan(
        parse_assignments(
            [
                'namespace:=robot',
                'image_topic:=/cam/image',
                'camera_info_topic:=/cam/info',
                'use_sim_time:=True',
                'estimator:=mediapipe',
                'log_level:=debug',
                'people:=False',
                'hand_length:=0.18',
                'quality:=fast',
                'face:=true',
                'max_rate:=10',
                'weights_folder:=2026',
                'frame_prefix:=left/',
            ]
        ),
        SHARE,
    )
    words = plan.ros_arguments()
    assert words[:1] == ['--ros-args']
    for pair in (['-r', '__ns:=/robot'], ['-r', 'image:=/cam/image'], ['-r', 'camera_info:=/cam/info'],
                 ['-p', 'use_sim_time:=true'], ['-p', 'estimator:=mediapipe'], ['--log-level', 'debug'],
                 ['-p', 'people:=false'], ['-p', 'hand_length:=0.18'], ['-p', 'quality:=fast'], ['-p', 'face:=true'],
                 ['-p', 'max_rate:=10.0'], ['-p', 'weights_folder:="2026"'], ['-p', 'frame_prefix:=left/']):
        at = words.index(pair[1])
        assert words[at - 1:at + 1] == pair


@pytest.mark.parametrize('word, message', [
    ('rviz:=perhaps', "rviz: expected 'true' or 'false', found 'perhaps'"),
    ('publish_tf:=1', 'publish_tf: expected'),
    ('viewer:=maybe', "viewer: expected 'true' or 'false', found 'maybe'"),
    ('viewer_port:=99999', 'viewer_port: expected 0 to 65535, found 99999'),
    ('people:=nobody', 'people: expected'),
    ('hand_length:=long', "hand_length: expected a number, found 'long'"),
    ('frame_prefix:=/left', "frame_prefix: expected at most 64 letters, digits and _ / -"),
    ('frame_prefix:=a b', 'frame_prefix: expected'),
    ('max_rate:=-1', 'max_rate: expected 0 to 1000, found -1'),
    ('camera:=clip.mp4', 'camera: expected 0, /dev/video0 or an rtsp:// or http:// address'),
    ('log_level:=loud', 'log_level: expected one of debug, info'),
    ('image_topic:=', 'image_topic: expected the name of a topic'),
    ('params_file:=/nowhere.yaml', 'found nothing at /nowhere.yaml'),
    ('images:=x', 'images: unknown argument; known are namespace'),
    ('image_topic=x', 'is not of the form name:=value')])
def test_a_wrong_argument_is_named(word, message):
    with pytest.raises(ValueError, match=message):
        make_launch_plan(parse_assignments([word]), SHARE)


def test_the_viewer_is_told_where_to_listen_and_whom_to_show():
    assert make_launch_plan(default_values(), SHARE).viewer is None
    plan = make_launch_plan(parse_assignments(['viewer:=true', 'viewer_port:=9000', 'namespace:=robot']), SHARE)
    assert plan.viewer == {'viewer_host': '127.0.0.1', 'viewer_port': 9000}
    assert launch_arguments.viewer_ros_arguments(plan.namespace, plan.viewer) == [
        '--ros-args', '-r', '__ns:=/robot', '-p', 'viewer_host:="127.0.0.1"', '-p', 'viewer_port:=9000']


def test_without_its_library_there_is_a_warning_and_no_viewer(monkeypatch, caplog, capfd):
    from hand4whole_ros.ros.node import run
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    assert run._open_viewer(make_launch_plan(parse_assignments(['viewer:=true']), SHARE)) is None
    said = caplog.text + capfd.readouterr().err     # where launch is installed, its logging stands between
    assert 'pip install viser==' in said and 'The node runs without it' in said


@pytest.mark.parametrize(
    'text', ['2026', 'true', '1e3', 'null', 'y', '~', '', 'a: b', '[x]', '"quoted"', '/plain/path', 'é'])
def test_texts_stay_texts_on_the_way_to_the_node(text):
    import rclpy
    context = rclpy.Context()
    word = f'name:={launch_arguments.format_parameter(text)}'
    rclpy.init(context=context, args=['--ros-args', '-p', word])
    node = rclpy.create_node('texts', context=context, automatically_declare_parameters_from_overrides=True)
    try:
        assert node.get_parameter('name').value == text
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)


def test_rviz_is_looked_up_before_anything_starts(monkeypatch, caplog, capfd, tmp_path):
    from hand4whole_ros.ros.node import run
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    monkeypatch.setenv('ROS_DISTRO', 'jazzy')
    plan = make_launch_plan(parse_assignments(['rviz:=true']), SHARE)
    assert run._open_rviz(plan) is None
    said = caplog.text + capfd.readouterr().err
    assert said.count('rviz2 is not installed: sudo apt install ros-jazzy-rviz2, or see the results in a browser with '
                      'viewer:=true. The node runs without RViz') == 1
    # In the ament index, as ros2 run finds it, and on no PATH.
    program = tmp_path / 'lib' / 'rviz2' / 'rviz2'
    program.parent.mkdir(parents=True)
    index = tmp_path / 'share' / 'ament_index' / 'resource_index' / 'packages'
    index.mkdir(parents=True)
    (index / 'rviz2').touch()
    assert companions.missing_rviz() is not None
    program.write_text('#!/bin/sh\n')
    program.chmod(0o755)
    assert companions.missing_rviz() is None
    assert launch_arguments.rviz_command(plan, SHARE, 'bag_frame') == [
        str(program), '-d', str(SHARE / 'config' / 'hand4whole.rviz'), '-f', 'bag_frame']


@pytest.mark.parametrize('remap', [False, True])
def test_rviz_opens_in_the_frame_of_the_images(tmp_path, monkeypatch, remap):
    """A shell script stands for RViz: what counts is what it is started with."""
    import rclpy

    from hand4whole_ros.msg import WholeBodyPoseArray
    program = tmp_path / 'rviz2'
    program.write_text('#!/bin/sh\necho "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv('PATH', f'{tmp_path}:{os.environ["PATH"]}')
    words = ['namespace:=robot/left', 'image_topic:=/cam/image', 'use_sim_time:=true'] if remap else ['namespace:=rv']
    plan = make_launch_plan(parse_assignments(words), SHARE)
    process = subprocess.Popen(launch_arguments.rviz_command(plan, SHARE), stdout=subprocess.PIPE, text=True)
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('poses', context=context)
    publisher = node.create_publisher(
        WholeBodyPoseArray, '/robot/left/hand4whole/poses' if remap else '/rv/hand4whole/poses', 10)
    message = WholeBodyPoseArray()
    message.header.frame_id = 'left_optical_frame'
    try:
        end = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < end:
            publisher.publish(message)
            time.sleep(0.1)
        said = process.communicate(timeout=10)[0].split()
    finally:
        process.kill()
        node.destroy_node()
        rclpy.shutdown(context=context)
    assert said[-2:] == ['-f', 'left_optical_frame'] and said[:2] == ['-d', str(SHARE / 'config' / 'hand4whole.rviz')]
    assert ('use_sim_time:=true' in said and '/image:=/cam/image' in said) == remap


def test_the_source_in_the_current_folder_is_not_taken_for_the_package(tmp_path):
    (tmp_path / 'hand4whole_ros').mkdir()
    (tmp_path / 'hand4whole_ros' / '__init__.py').write_text('raise ImportError("the source, without its messages")')
    done = subprocess.run(companions.module_command('hand4whole_ros.cli.main', '--version'), cwd=tmp_path, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert done.stdout.startswith('hand4whole ') and done.returncode == 0


def test_a_camera_and_a_topic_are_one_too_many():
    with pytest.raises(ValueError, match='^camera and image_topic: expected one of them'):
        make_launch_plan(parse_assignments(['camera:=0', 'image_topic:=/cam/image']), SHARE)


def test_the_node_reads_a_camera_itself():
    plan = make_launch_plan(parse_assignments(['camera:=0', 'namespace:=robot']), SHARE)
    assert plan.parameters['camera'] == '0' and plan.remappings == (('image', 'camera/image_raw'),)
    assert 'camera:="0"' in plan.ros_arguments()
    assert dict(rviz_remappings(plan))['/image'] == '/robot/camera/image_raw'


@pytest.mark.parametrize('installed', [(), ('v4l2_camera',), ('usb_cam', 'v4l2_camera')])
def test_a_driver_is_started_where_one_is_installed(tmp_path, monkeypatch, installed):
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    index = tmp_path / 'share' / 'ament_index' / 'resource_index' / 'packages'
    index.mkdir(parents=True)
    for driver in companions.CAMERA_DRIVERS:
        if driver.package in installed:
            (index / driver.package).touch()
            folder = tmp_path / 'lib' / driver.package
            folder.mkdir(parents=True)
            (folder / driver.executable).touch(mode=0o755)
    plan = make_launch_plan(parse_assignments(
        ['camera:=/dev/video2', 'namespace:=robot', 'camera_calibration:=/a b/c.yaml']), SHARE)
    chosen = launch_arguments.choose_camera_driver(plan)
    assert chosen.node.remappings == (('image', 'camera/image_raw'),)
    if not installed:
        assert chosen.driver is None and chosen.node == plan
        assert chosen.remark.startswith('/dev/video2: the node reads it itself, as neither usb_cam nor v4l2_camera is '
                                        'installed (sudo apt install ros-')
        return
    program, driver_namespace, parameters = chosen.driver
    assert installed[0] in program and driver_namespace == '/robot/camera' and not chosen.remark
    assert parameters['video_device'] == '/dev/video2' and parameters['camera_info_url'] == 'file:///a%20b/c.yaml'
    assert not {'camera', 'camera_calibration'} & set(chosen.node.parameters)
    stream = make_launch_plan(parse_assignments(['camera:=rtsp://cam/a']), SHARE)
    assert launch_arguments.choose_camera_driver(stream) == launch_arguments.CameraStart(stream)


def test_rviz_follows_the_node_into_its_namespace():
    plan = make_launch_plan(parse_assignments(['namespace:=robot', 'image_topic:=cam/image']), SHARE)
    assert dict(rviz_remappings(plan)) == {
        '/image': '/robot/cam/image', '/hand4whole/markers': '/robot/hand4whole/markers',
        '/hand4whole/overlay': '/robot/hand4whole/overlay'}


# The launch files. Everything below needs `launch` and the command `ros2`.

def _launch_is_here():
    try:
        import launch_ros  # noqa: F401

        import launch  # noqa: F401
    except ImportError:
        return False
    return shutil.which('ros2') is not None and bool(os.environ.get('AMENT_PREFIX_PATH'))


needs_launch = pytest.mark.skipif(
    not _launch_is_here(), reason='ros2 launch is not installed (PyPI has none); `hand4whole run` is tested instead')


@pytest.fixture
def launched(tmp_path):
    """Function that starts a launch file and returns its process; all are ended afterwards."""
    started = []

    def start(*words):
        log = (tmp_path / f'{len(started)}.log').open('w+')
        process = subprocess.Popen(['ros2', 'launch', 'hand4whole_ros', *words], stdout=log,
                                   stderr=subprocess.STDOUT, text=True, start_new_session=True)
        process.log = log
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.log.close()


@pytest.fixture
def watcher():
    """A node that looks at the graph."""
    import rclpy
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('watcher', context=context)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


def _output(process):
    process.log.flush()
    process.log.seek(0)
    return process.log.read()


def _wait(condition, process, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, _output(process)
        assert time.monotonic() < end, _output(process)
        time.sleep(0.2)


def _lifecycle_state(node, name):
    """Label of the state of lifecycle node `name`, asked through its service."""
    import rclpy
    from lifecycle_msgs.srv import GetState
    from rclpy.executors import SingleThreadedExecutor
    client = node.create_client(GetState, f'{name}/get_state')
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    try:
        if not client.wait_for_service(timeout_sec=60.0):
            return None
        for _ in range(10):     # An answer to somebody the node has not found yet is lost.
            future = client.call_async(GetState.Request())
            rclpy.spin_until_future_complete(node, future, executor, timeout_sec=3.0)
            if future.done():
                return future.result().current_state.label
        return None
    finally:
        executor.remove_node(node)
        node.destroy_client(client)


@needs_launch
@pytest.mark.parametrize('file, missing', [
    ('estimate.launch.py', set()), ('demo.launch.py', {'image_topic', 'camera_info_topic', 'use_sim_time', 'camera',
                                                              'camera_calibration'})])
def test_launch_file_declares_the_table(file, missing):
    import importlib.util
    spec = importlib.util.spec_from_file_location('launch_file', SHARE / 'launch' / file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    description = module.generate_launch_description()
    declared = [entity for entity in description.entities if type(entity).__name__ == 'DeclareLaunchArgument']
    table = {argument.name: argument for argument in launch_arguments.ARGUMENTS}
    assert {argument.name for argument in declared} == NAMES - missing
    assert all(argument.description == table[argument.name].description for argument in declared)


@needs_launch
def test_a_wrong_launch_argument_is_named(launched):
    process = launched('estimate.launch.py', 'rviz:=perhaps')
    assert process.wait(timeout=60) != 0
    assert "rviz: expected 'true' or 'false', found 'perhaps'" in _output(process)


@needs_launch
def test_launch_brings_the_node_up_and_stops_it(launched, watcher):
    pytest.importorskip('mediapipe')
    pytest.importorskip('anny')
    process = launched('estimate.launch.py', 'namespace:=robot', 'image_topic:=/cam/image_raw')
    _wait(lambda: watcher.count_subscribers('/cam/image_raw') == 1, process, 120)
    _wait(lambda: watcher.count_subscribers('/cam/camera_info') == 1, process)
    assert _lifecycle_state(watcher, '/robot/hand4whole') == 'active'
    assert watcher.count_publishers('/robot/hand4whole/poses') == 1
    os.kill(process.pid, signal.SIGINT)
    process.wait(timeout=30)
    assert 'Traceback' not in _output(process)


@needs_launch
@pytest.mark.skipif(companions.missing_rviz() is None, reason='RViz is installed here')
def test_without_rviz_the_node_runs_and_ends_with_the_launch(launched, watcher):
    process = launched('estimate.launch.py', 'rviz:=true', 'autostart:=false', 'namespace:=alone', 'max_rate:=10',
                       'weights_folder:=2026')
    assert _lifecycle_state(watcher, '/alone/hand4whole') == 'unconfigured', _output(process)
    assert _output(process).count('rviz2 is not installed') == 1
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(timeout=30) is not None
    end = time.monotonic() + 30
    while '/alone/hand4whole' in {f'{space}/{name}' for name, space in watcher.get_node_names_and_namespaces()}:
        assert time.monotonic() < end, _output(process)
        time.sleep(0.2)


@needs_launch
def test_without_autostart_the_node_waits(launched, watcher):
    process = launched('estimate.launch.py', 'autostart:=false', 'image_topic:=/cam/image_raw')
    assert _lifecycle_state(watcher, '/hand4whole') == 'unconfigured', _output(process)
    assert watcher.count_subscribers('/cam/image_raw') == 0


@needs_launch
def test_the_demo_plays_into_the_node(launched, watcher):
    pytest.importorskip('mediapipe')
    pytest.importorskip('anny')
    from rclpy.executors import SingleThreadedExecutor

    from hand4whole_ros.msg import WholeBodyPoseArray
    seen = []
    watcher.create_subscription(WholeBodyPoseArray, '/hand4whole/poses', lambda m: seen.append(len(m.poses)), 10)
    executor = SingleThreadedExecutor(context=watcher.context)
    executor.add_node(watcher)
    process = launched('demo.launch.py')

    def somebody():
        executor.spin_once(timeout_sec=0.1)
        return any(seen)
    try:
        _wait(somebody, process, 180)
    finally:
        executor.remove_node(watcher)
