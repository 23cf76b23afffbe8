"""The demo as a user runs it: three processes, then a folder one can look into."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from fault_figures import note
from ros_peer import Peer

from hand4whole_ros.ros.bag.ownership import overwrite_rejection_reason
from hand4whole_ros.ros.bag.types import load_type_store, ros_type_name
from hand4whole_ros.ros.demo import demo, programs
from hand4whole_ros.ros.demo.recording import RATE, Recording
from hand4whole_ros.synthetic.motion import DEMO_SCRIPT, PersonMotion
from hand4whole_ros.synthetic.operator import OPERATOR_SCRIPT
from hand4whole_ros.system.output_files import OutputError


@pytest.mark.parametrize('module', [programs.NODE, programs.CAMERA])
def test_the_programs_of_a_demonstration_are_there(module):
    assert importlib.util.find_spec(f'hand4whole_ros.ros.{module}')


@pytest.mark.parametrize('name, script', [('demonstration', DEMO_SCRIPT), ('operator', OPERATOR_SCRIPT)])
def test_a_recording_is_of_its_motion_with_where_everything_is(name, script):
    """A change of what is drawn has to be followed by scripts/make_demo_recordings.py."""
    played, motion = Recording(name), PersonMotion(score=script)
    assert len(played.points) == round(script.period * RATE) and played.intrinsics == motion.intrinsics
    frames = list(played.frames(3, RATE / 30))      # every 1.5 s
    for k, (image, points) in enumerate(frames):
        truth = motion.truth(1.5 * k)
        there = np.concatenate([truth.joints, truth.left_hand.keypoints_3d, truth.right_hand.keypoints_3d])
        np.testing.assert_allclose(points, there, atol=1e-3)
        assert np.abs(image.astype(int) - motion.frame(1.5 * k)).mean() < 5
    assert np.abs(frames[0][0].astype(int) - frames[1][0]).mean() > 0.2     # something moves


def test_a_recording_begins_again_and_serves_any_rate():
    played = Recording('operator')
    count = len(played.points)
    twice = list(played.frames(4, RATE * 2))
    assert np.array_equal(twice[1][1], played.points[0]) and np.array_equal(twice[3][1], played.points[2])
    slow = list(played.frames(3, RATE / count))
    assert all(np.array_equal(points, played.points[0]) for _, points in slow)
    assert np.array_equal(slow[0][0], slow[2][0]) and np.array_equal(played.image(0.0), slow[0][0])


def test_the_camera_plays_without_the_extra_synthetic_and_names_what_it_has():
    code = ("import sys; sys.modules['anny'] = sys.modules['warp'] = sys.modules['matplotlib'] = None; "
            "from hand4whole_ros.ros.demo import camera; assert camera.load_photograph().shape == (480, 640, 3); "
            "sys.exit(camera.main(['--ros-args', '-p', 'score:=nothing']))")
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=240)
    assert done.returncode == 2, done.stderr
    assert "score 'nothing' is not recorded; known are demonstration, operator" in done.stderr


@pytest.fixture(scope='module')
def output(demonstrated):
    return demonstrated[0]


@pytest.fixture(scope='module')
def said(demonstrated):
    """Lines of the log, which is no terminal."""
    return demonstrated[1].splitlines()


@pytest.fixture(scope='module')
def demonstrated(tmp_path_factory):
    folder = tmp_path_factory.mktemp('demo') / 'out'
    environment = dict(os.environ, ROS_DOMAIN_ID='86')
    answer = subprocess.run(
        [sys.executable, '-m', 'hand4whole_ros.cli.main', 'demo', '--seconds', '3', '--output', str(folder)],
        capture_output=True, text=True, timeout=240, env=environment)
    assert answer.returncode == 0, answer.stderr[-3000:]
    return folder, answer.stderr


def test_summary_counts_every_frame_and_errors_are_small(output):
    summary = json.loads((output / 'summary.json').read_text())
    assert summary['frames_in'] == summary['frames_done'] + summary['frames_dropped']
    # A busy machine may lose images on the way to the recorder.
    assert summary['frames_in'] <= summary['images_published'] <= 3 * demo.RATE + demo.PHOTO_SECONDS * demo.RATE
    assert summary['poses_published'] > 5 and summary['pose_rate_hz'] > 1
    errors = summary['errors_against_truth']
    assert errors['poses_compared'] > 3
    assert errors['body_root_mm_median'] < 80 and errors['hand_pa_mm_median'] < 20
    assert errors['palm_deg_median'] < 25 and errors['depth_percent_median'] < 15


def test_bag_holds_every_topic_and_opens_with_the_types_it_names(output):
    from rosbags.rosbag2 import Reader
    store = load_type_store()
    with Reader(output / 'bag') as reader:
        found = {connection.topic: connection for connection in reader.connections}
        for topic, kind in demo.TOPICS.items():
            name = topic + '/compressed' if topic in demo.IMAGE_TOPICS else topic
            assert found[name].msgcount > 0, f'nothing on {name}'
            if topic not in demo.IMAGE_TOPICS:
                assert found[name].msgtype == ros_type_name(kind)
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


def test_a_log_file_gets_a_line_for_each_stage_and_no_bars(said):
    stages = ['starting the node and the camera', 'camera playing: 100 images',
              'writing pictures, video and bag', 'writing the bag: ']
    found = [next(k for k, line in enumerate(said) if line.startswith(stage)) for stage in stages]
    assert found == sorted(found) and len(said) < 60
    assert not any('\r' in line or '%|' in line for line in said)
    # The camera plays once the node is there.
    assert any('waiting for images' in line for line in said[:found[2]])


def test_what_is_there_of_an_earlier_demo_is_replaced_and_nothing_else_is(output, tmp_path):
    folder = tmp_path / 'demo'
    shutil.copytree(output, folder)
    (folder / 'mine.txt').write_text('do not lose me')
    demo.check_output(folder)
    demo.check_output(tmp_path / 'new' / 'folder')
    for name in ('overlay.mp4', 'overlay.gif', 'sheet.png', 'summary.json', 'bag/metadata.yaml'):
        before = (folder / name).read_bytes()
        (folder / name).write_bytes(b'{"something": "of somebody else"}')
        with pytest.raises(OutputError, match=f'{name.split("/")[0]} .*; name another'):
            demo.check_output(folder)
        (folder / name).write_bytes(before)
    (folder / 'bag' / 'notes.txt').write_text('do not lose me')
    with pytest.raises(OutputError, match='bag is not replaced: it holds notes.txt, which is not of the bag'):
        demo.check_output(folder)
    (tmp_path / 'file').write_text('x')
    for path, says in ((tmp_path / 'file', 'is a file; name a folder'), (tmp_path / 'file' / 'x', 'is no folder'),
                       (Path('/proc/x'), 'cannot be written')):
        with pytest.raises(OutputError, match=says):
            demo.check_output(path)


def test_a_signal_while_the_camera_plays_keeps_what_was_recorded(tmp_path):
    out, log = tmp_path / 'out', tmp_path / 'log'
    with log.open('w') as stream:
        process = subprocess.Popen(
            [sys.executable, '-m', 'hand4whole_ros.cli.main', 'demo', '--seconds', '20', '--output', str(out)],
            stderr=stream,
        )
    peer = Peer('', topics=('poses', 'overlay'))
    try:
        # Pictures are drawn after poses, and the demo's own recorder may hear both later than this test.
        assert peer.until(lambda: len(peer.got['overlay']) >= 5 or process.poll() is not None, 200)
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == 1, log.read_text()
    finally:
        process.kill()
        peer.close()
    said = log.read_text().splitlines()[-1]
    assert said.startswith('hand4whole: interrupted: ') and said.endswith(
        f' of 440 images were played, and what came of them is in {out}')
    summary = json.loads((out / 'summary.json').read_text())
    assert summary['poses_published'] >= 1 and f' {summary["images_published"]} of' in said
    assert overwrite_rejection_reason(out / 'bag') == ''
    note('SIGTERM during hand4whole demo', 'while the camera plays', 1,
         'video, sheet, bag and summary of what was recorded; one line, exit code 1')
    assert sorted(path.name for path in out.iterdir()) == ['bag', 'overlay.gif', 'overlay.mp4', 'sheet.png',
                                                           'summary.json']
