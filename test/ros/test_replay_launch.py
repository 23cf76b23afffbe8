"""What replay.launch.py starts: the bag decides on topics, transport, time and frame."""

import sys

import cv2
import pytest
from bag_maker import FRAME, messages, write
from locations import ROOT
from scripted_node import picture

from hand4whole_ros.ros.compat import share_directory
from hand4whole_ros.ros.node.launch_arguments import make_launch_plan
from hand4whole_ros.ros.play.launch_plan import ARGUMENTS, make_replay_plan

DEFAULTS = {argument.name: argument.default for argument in ARGUMENTS}


def test_the_only_camera_of_the_bag_is_looked_through_in_simulated_time(tmp_path):
    source = write(tmp_path / 'in')
    wanted = make_replay_plan({**DEFAULTS, 'bag': str(source), 'rate': '0.5', 'loop': 'true', 'estimator': 'mediapipe'})
    assert wanted.frame == FRAME
    assert wanted.player == [sys.executable, '-m', 'hand4whole_ros.cli.main', 'play', str(source), '--rate', '0.5',
                             '--start', '0', '--wait-for', '/cam/image_raw', '--loop']
    node = make_launch_plan(wanted.node, share_directory())
    assert node.remappings == (('image', '/cam/image_raw'), ('camera_info', '/cam/camera_info'))
    assert node.parameters == {'image_transport': 'raw', 'estimator': 'mediapipe', 'use_sim_time': True,
                               'autostart': True}
    assert node.rviz


def test_compressed_images(tmp_path):
    jpeg = cv2.imencode('.jpg', picture(1))[1].tobytes()
    rows = [('/cam/image_raw/compressed', *row[1:]) if row[0] == '/cam/image_raw' else row
            for row in messages([jpeg])]
    source = write(tmp_path / 'in', rows, image_type='sensor_msgs/msg/CompressedImage')
    wanted = make_replay_plan({**DEFAULTS, 'bag': str(source), 'player': 'ros2'})
    assert (wanted.node['image_topic'], wanted.node['image_transport']) == ('/cam/image_raw', 'compressed')
    assert wanted.node['camera_info_topic'] == '/cam/camera_info'
    assert wanted.player[:5] == ['ros2', 'bag', 'play', str(source), '--clock']


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
