"""What replay.launch.py starts: the bag decides on topics, transport, time and frame."""

import sys

import cv2
import pytest
from bag_maker import FRAME, START, messages, write
from locations import ROOT
from scripted_node import picture
from test_own_results import TF_TYPES, tf, transform

from hand4whole_ros.ros.compat import share_directory
from hand4whole_ros.ros.node.launch_arguments import make_launch_plan
from hand4whole_ros.ros.play.launch_plan import ARGUMENTS, make_replay_plan


@pytest.fixture
def ros2_bag(tmp_path, monkeypatch):
    """A machine with `ros2 bag`, as far as looking it up goes."""
    tools = tmp_path / 'tools'
    (tools / 'ros2bag').mkdir(parents=True)
    (tools / 'ros2bag' / '__init__.py').touch()
    (tools / 'ros2').touch(mode=0o755)
    monkeypatch.setenv('PATH', str(tools))
    monkeypatch.syspath_prepend(tools)


DEFAULTS = {argument.name: argument.default for argument in ARGUMENTS}


def test_the_only_camera_of_the_bag_is_looked_through_in_simulated_time(tmp_path):
    source = write(tmp_path / 'in')
    wanted = make_replay_plan({**DEFAULTS, 'bag': str(source), 'rate': '0.5', 'loop': 'true', 'estimator': 'mediapipe'})
    assert wanted.frame == FRAME
    assert wanted.player[0] == sys.executable
    assert wanted.player[3:] == ['hand4whole_ros.cli.main', 'play', str(source), '--rate', '0.5',
                             '--start', '0', '--wait-for', '/cam/image_raw', '--without-results', '--loop']
    node = make_launch_plan(wanted.node, share_directory())
    assert node.remappings == (('image', '/cam/image_raw'), ('camera_info', '/cam/camera_info'))
    assert node.parameters == {'image_transport': 'raw', 'estimator': 'mediapipe', 'use_sim_time': True,
                               'autostart': True}
    assert node.rviz


def test_compressed_images(tmp_path, ros2_bag):
    jpeg = cv2.imencode('.jpg', picture(1))[1].tobytes()
    rows = [('/cam/image_raw/compressed', *row[1:]) if row[0] == '/cam/image_raw' else row
            for row in messages([jpeg])]
    source = write(tmp_path / 'in', rows, image_type='sensor_msgs/msg/CompressedImage')
    wanted = make_replay_plan({**DEFAULTS, 'bag': str(source), 'player': 'ros2'})
    assert (wanted.node['image_topic'], wanted.node['image_transport']) == ('/cam/image_raw', 'compressed')
    assert wanted.node['camera_info_topic'] == '/cam/camera_info'
    assert wanted.player[:5] == ['ros2', 'bag', 'play', str(source), '--clock'] and '--topics' not in wanted.player


def test_results_of_an_earlier_run_are_not_played_beside_the_live_ones(tmp_path, ros2_bag):
    rows = [*messages([picture(1)]), ('/tf', START, tf(transform('odom', 'base'))),
            *((f'/hand4whole/{name}', START, b'\0\1\0\0' + bytes(40)) for name in ('poses', 'overlay'))]
    source = write(tmp_path / 'in', rows, kinds={
        **TF_TYPES, '/hand4whole/poses': 'hand4whole_ros/msg/WholeBodyPoseArray'})
    wanted = make_replay_plan({**DEFAULTS, 'bag': str(source), 'player': 'ros2'})
    played = wanted.player[wanted.player.index('--topics') + 1:]
    assert '/cam/image_raw' in played and '/tf' in played and not any('hand4whole' in topic for topic in played)
    assert '/tf in it may hold people of an earlier run' in wanted.remark
    assert '--without-results' in make_replay_plan({**DEFAULTS, 'bag': str(source)}).player


def test_ros2_bag_is_looked_up_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(ValueError, match='player: ros2 bag is not installed: sudo apt install ros-.*-rosbag2, or'):
        make_replay_plan({**DEFAULTS, 'bag': str(write(tmp_path / 'in')), 'player': 'ros2'})


@pytest.mark.parametrize('changes, says', [
    ({'bag': ''}, 'bag: expected the path'), ({'bag': 'nowhere'}, 'nowhere: no such bag'),
    ({'rate': 'fast'}, "rate: expected a number, found 'fast'"), ({'rate': '0'}, 'expected positive numbers'),
    ({'loop': 'yes'}, "loop: expected 'true' or 'false'"),
    ({'player': 'vlc'}, 'player: expected one of hand4whole, ros2'),
    ({'image_topic': '/other'}, 'no images on /other; it holds images on /cam/image_raw')])
def test_a_wrong_argument_is_named(tmp_path, changes, says):
    source = write(tmp_path / 'in')
    with pytest.raises(ValueError, match=says):
        make_replay_plan({**DEFAULTS, 'bag': str(source), **changes})


def test_the_launch_file_declares_these_arguments():
    pytest.importorskip('launch_ros', reason='ros2 launch is not installed (PyPI has none)')
    import importlib.util
    spec = importlib.util.spec_from_file_location('launch_file', ROOT / 'launch' / 'replay.launch.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    entities = module.generate_launch_description().entities
    declared = {e.name: e.description for e in entities if type(e).__name__ == 'DeclareLaunchArgument'}
    assert declared == {argument.name: argument.description for argument in ARGUMENTS}
