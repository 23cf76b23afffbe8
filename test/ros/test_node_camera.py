"""The node reads its own camera: a real HTTP server stands in for the device, which no test machine has."""

import pytest
from ros_peer import NodeProcess, Peer, namespace
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from test_live_sources import camera  # noqa: F401 (a fixture)

from hand4whole_ros.ros.conversions.calibration_file import read_calibration
from hand4whole_ros.ros.conversions.images import decode_compressed_image, decode_image

CALIBRATION = '''image_width: 320
image_height: 240
camera_name: narrow_stereo
camera_matrix:
  rows: 3
  cols: 3
  data: [300.0, 0.0, 159.5, 0.0, 300.0, 119.5, 0.0, 0.0, 1.0]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [0, 0, 0, 0, 0]
'''


@pytest.fixture
def started(tmp_path):
    """Function that starts a node with its own camera and a peer of it."""
    made = []

    def start(address, **parameters):
        process = NodeProcess(tmp_path, namespace(), '-r', 'image:=camera/image_raw', '-p', f'camera:="{address}"',
                              diagnostics_period=0.2, **parameters)
        peer = Peer(process.namespace, diagnostics=True, tf=True)
        for kind, topic in ((Image, 'camera/image_raw'), (CompressedImage, 'camera/image_raw/compressed'),
                            (CameraInfo, 'camera/camera_info')):
            peer._collect(kind, topic, topic, 10)
        made.append((process, peer))
        return process, peer
    yield start
    for process, peer in made:
        peer.close()
        assert process.stop()[0] == 0, process.log()


def test_images_and_poses_come_from_one_process(started, camera, tmp_path):     # noqa: F811
    file = tmp_path / 'camera.yaml'
    file.write_text(CALIBRATION)
    process, peer = started(f'{camera}/stream?token=secret', camera_calibration=str(file), frame_prefix='left/')
    peer.frame = 'left/camera_optical_frame'
    assert peer.until(lambda: all(peer.got[key] for key in peer.got), 90), (process.log(), peer.got.keys())
    raw, compressed = peer.got['camera/image_raw'][-1], peer.got['camera/image_raw/compressed'][-1]
    assert decode_image(raw).shape == decode_compressed_image(compressed).shape == (240, 320, 3)
    info, poses = peer.got['camera/camera_info'][-1], peer.got['poses'][-1]
    assert list(info.k) == [300, 0, 159.5, 0, 300, 119.5, 0, 0, 1] and info.p[0] == 300
    assert {message.header.frame_id for message in (raw, compressed, info, poses)} == {'left/camera_optical_frame'}
    assert len(poses.poses) == 1 and peer.got['tf'][-1].transforms[0].child_frame_id == 'left/body_0'
    assert peer.until(lambda: any(one.header.stamp == shown.header.stamp for one in peer.got['poses']
                                  for shown in peer.got['camera/image_raw']), 10)
    assert peer.fresh_value('camera') == 'calibrated'
    assert 'secret' not in process.log()


def test_a_camera_that_is_lost_is_waited_for(started, camera):      # noqa: F811
    process, peer = started(f'{camera}/20')
    assert process.says('images come again', 90), process.log()
    log = process.log()
    assert log.count('/20: it has ended; it is tried again every second') >= 1 and 'Traceback' not in log
    assert peer.until(lambda: peer.got['camera/camera_info'], 20)
    assert peer.got['camera/camera_info'][-1].k[0] == 0, 'without a calibration it says that it has none'
    assert peer.until(lambda: 'field of view' in (peer.value('camera') or ''), 20)


def test_a_camera_that_is_not_there_is_waited_for_and_said(started):
    process, peer = started('/dev/video97')
    assert process.says('/dev/video97: cannot be opened: No such file or directory; it is tried again', 60)
    assert peer.until(lambda: any('/dev/video97: cannot be opened' in status.message
                                  for _, status in peer.reports()), 20)
    assert process.log().count('/dev/video97: cannot be opened') == 1


@pytest.mark.parametrize('text, says', [
    ('', 'NoneType'), ('[1', 'while parsing'),
    (CALIBRATION.replace('320', 'wide'), 'image_width: expected a number of pixels'),
    (CALIBRATION.replace('300.0, 0.0, 159.5, ', ''), r'camera_matrix: expected data: \[...\] with 9 numbers'),
    (CALIBRATION.replace('119.5', '.nan'), 'camera_matrix: a number in it is not finite'),
    ('x: ' + 'y' * 200_000, 'larger than 100 kB')])
def test_a_file_that_is_no_calibration_costs_one_line(tmp_path, text, says):
    file = tmp_path / 'camera.yaml'
    file.write_text(text)
    with pytest.raises(ValueError, match=says) as caught:
        read_calibration(file)
    assert '\n' not in str(caught.value) and str(caught.value).startswith(str(file))


def test_a_calibration_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match='nowhere.yaml: cannot be read: No such file or directory'):
        read_calibration(tmp_path / 'nowhere.yaml')
