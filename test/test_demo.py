"""The demo as a user runs it: three processes, then a folder one can look into."""

import json
import os
import subprocess
import sys

import cv2
import pytest

from hand4whole_ros.ros import demo
from hand4whole_ros.ros.bag_types import ros_type, type_store


@pytest.fixture(scope='module')
def output(tmp_path_factory):
    folder = tmp_path_factory.mktemp('demo') / 'out'
    environment = dict(os.environ, ROS_DOMAIN_ID='86')
    answer = subprocess.run(
        [sys.executable, '-m', 'hand4whole_ros.cli', 'demo', '--seconds', '3', '--output', str(folder)],
        capture_output=True, text=True, timeout=240, env=environment)
    assert answer.returncode == 0, answer.stderr[-3000:]
    return folder


def test_summary_counts_every_frame_and_errors_are_small(output):
    summary = json.loads((output / 'summary.json').read_text())
    assert summary['frames_in'] == summary['frames_done'] + summary['frames_dropped']
    assert summary['frames_in'] <= summary['images_published'] == 3 * demo.RATE + demo.PHOTO_SECONDS * demo.RATE
    assert summary['poses_published'] > 5 and summary['pose_rate_hz'] > 1
    errors = summary['errors_against_truth']
    assert errors['poses_compared'] > 3
    assert errors['body_root_mm_median'] < 80 and errors['hand_pa_mm_median'] < 20
    assert errors['palm_deg_median'] < 25 and errors['depth_percent_median'] < 15


def test_bag_holds_every_topic_and_opens_with_the_types_it_names(output):
    from rosbags.rosbag2 import Reader
    store = type_store()
    with Reader(output / 'bag') as reader:
        found = {connection.topic: connection for connection in reader.connections}
        for topic, kind in demo.TOPICS.items():
            name = topic + '/compressed' if topic in demo.PICTURES else topic
            assert found[name].msgcount > 0, f'nothing on {name}'
            if topic not in demo.PICTURES:
                assert found[name].msgtype == ros_type(kind)
        people = [store.deserialize_cdr(data, connection.msgtype)
                  for connection, _, data in reader.messages([found[demo.POSES]])]
    assert any(len(array.poses) == 1 for array in people)
    frames = [array.header.frame_id for array in people]
    assert set(frames) == {'demo_camera_optical_frame'}


def test_pictures_can_be_looked_at(output):
    sheet = cv2.imread(str(output / 'sheet.png'))
    assert sheet.shape[0] > 300 and sheet.std() > 20
    video = cv2.VideoCapture(str(output / 'overlay.mp4'))
    good, frame = video.read()
    assert good and frame.shape == (480, 640, 3)
    assert 1e4 < (output / 'overlay.gif').stat().st_size < 3e6
