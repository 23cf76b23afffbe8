"""What cameras and people do wrong: each time one clear line, nothing lost, and the node lives."""

import math
import time

import cv2
import numpy as np
import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from ros_peer import BEST_EFFORT, NodeProcess, Peer, camera_info, compressed_message, namespace
from rosgraph_msgs.msg import Clock
from scripted_node import NOT_FINITE, RAISE, picture
from sensor_msgs.msg import CameraInfo, CompressedImage, Image


@pytest.fixture(scope='module')
def node(tmp_path_factory):
    process = NodeProcess(tmp_path_factory.mktemp('node'), namespace(), diagnostics_period=0.2,
                          camera_info_timeout=0.0, hold_time=0.0)
    yield process
    code, _ = process.stop()
    assert code == 0, process.log()
    assert 'Traceback' not in process.log()


@pytest.fixture(scope='module')
def camera(node):
    peer = Peer(node.namespace, tf=True, diagnostics=True)
    assert peer.until(lambda: peer.value('state') == 'active', 30), node.log()
    peer.answer(picture())
    yield peer
    peer.close()


def refused(node, camera, line, **changes):
    """One wrong picture leads to one line and one count, and the next right one to a pose."""
    before = int(camera.fresh_value('frames dropped: unusable'))
    said = node.log().count(line)
    # The same kind of line comes at most every few seconds, so that a bad camera does not fill a disk.
    end = time.monotonic() + 8
    while node.log().count(line) == said:
        assert time.monotonic() < end, f'never said: {line}\n{node.log()}'
        camera.show(picture(), **changes)
        camera.spin(0.25)
    assert int(camera.fresh_value('frames dropped: unusable')) > before
    assert len(camera.answer(picture(1)).poses) == 1


@pytest.mark.parametrize('line, changes', [
    ('320 x 240 rgb8: step is 100 bytes, but a row needs 960', {'step': 100}),
    ("unknown image encoding 'rgb12'", {'encoding': 'rgb12'})])
def test_wrong_images(node, camera, line, changes):
    refused(node, camera, line, **changes)


@pytest.mark.parametrize('changes', [{'data': b'abc'}, {'width': 0, 'height': 0, 'step': 0, 'data': b''},
                                     {'width': 2**32 - 1, 'height': 2**32 - 1, 'step': 2**32 - 1}, {'encoding': ''}])
def test_more_wrong_images_are_counted_and_the_node_lives(camera, changes):
    before = int(camera.fresh_value('frames dropped: unusable'))
    camera.show(picture(), **changes)
    assert camera.until(lambda: int(camera.value('frames dropped: unusable') or 0) == before + 1)
    assert len(camera.answer(picture(1)).poses) == 1


def test_an_image_of_8k(camera):
    camera.set_parameter('publish_tf', True)
    msg = camera.answer(picture(1, width=7680, height=4320), timeout=40, again=10)
    assert len(msg.poses) == 1
    camera.spin(0.5)


def test_an_estimator_that_raises_costs_one_image(node, camera):
    before = int(camera.fresh_value('frames dropped: estimator failed'))
    camera.show(picture(1, RAISE))
    assert node.says('image dropped: the script says so')
    assert camera.until(lambda: int(camera.fresh_value('frames dropped: estimator failed')) == before + 1)
    assert len(camera.answer(picture(1)).poses) == 1


def test_a_pose_that_is_not_finite_is_nobody(camera):
    camera.answer(picture(0))
    assert camera.answer(picture(1, NOT_FINITE)).poses == []
    assert len(camera.answer(picture(1)).poses) == 1


def test_two_people_then_one_then_nobody(camera):
    assert len(camera.answer(picture(0)).poses) == 0
    two = camera.answer(picture(2)).poses
    one = camera.answer(picture(1)).poses
    assert len(two) == 2 and len(one) == 1 and one[0].track_id == two[0].track_id
    assert camera.answer(picture(0)).poses == []


def test_images_without_stamp_and_frame(node, camera):
    camera.answer(picture(0))
    got = camera.answer(picture(1), stamp=(0, 0), frame='')
    assert abs(got.header.stamp.sec - time.time()) < 60 and got.header.frame_id == 'camera_optical_frame'
    assert node.says('images carry no stamp') and node.says('images carry no frame_id')
    assert node.log().count('images carry no stamp') == 1


def test_images_that_show_nothing_are_said_once_and_no_success(node, camera):
    """The lens is covered, or 12 bits of 16 are taken for 16."""
    def warned():
        camera.fresh_value('state')
        status = camera.reports()[0][1]
        return status.level == DiagnosticStatus.WARN and line in status.message
    line = 'images show nothing: all pixels have nearly the same value'
    dark = picture(0) * 0
    camera.answer(dark)
    assert camera.until(lambda: (camera.show(dark), warned())[1])
    camera.answer(dark)
    assert node.says(line) and node.log().count(line) == 1
    assert camera.until(lambda: (camera.show(picture(0)), not warned())[1])


def nan_info():
    info = camera_info()
    info.k[0] = math.nan
    return info


@pytest.mark.parametrize('info, said', [
    (nan_info(), 'camera_info has a K that is not finite'),
    (CameraInfo(width=320, height=240), 'camera_info is uncalibrated'),
    (camera_info(480, 480), 'camera_info is for 480 x 480 images, but the image is 320 x 240'),
    (camera_info(640, 480), 'camera_info is for 640 x 480 images and is scaled to 320 x 240')])
def test_unusable_camera_info_is_said_once_and_in_diagnostics(node, camera, info, said):
    publisher = camera.publisher(CameraInfo, 'camera_info')
    assert camera.until(publisher.get_subscription_count)
    publisher.publish(info)
    camera.spin(0.2)
    pose = camera.answer(picture(1)).poses[0]
    assert math.isfinite(pose.transl[2])
    for _ in range(3):
        publisher.publish(info)
        camera.answer(picture(1))
    assert node.says(said) and node.log().count(said) == 1
    assert said in camera.fresh_value('camera')


def test_a_good_camera_info_afterwards_is_taken(camera):
    camera.publisher(CameraInfo, 'camera_info').publish(camera_info())
    camera.spin(0.2)
    camera.answer(picture(1))
    assert camera.fresh_value('camera') == 'calibrated'


def test_time_that_jumps_back_begins_anew(node, camera):
    """A bag that plays in a loop: ids and filters start over, and stamps go on forward from there."""
    camera.answer(picture(2))
    jumps = int(camera.fresh_value('jumps back in time'))
    for stamp in ((1000, 0), (1000, 50_000_000), (1000, 100_000_000)):
        got = camera.answer(picture(1), stamp=stamp)
        assert (got.header.stamp.sec, got.header.stamp.nanosec) == stamp
        camera.tf_of(got.header.stamp)
    assert got.poses[0].track_id == 0
    assert int(camera.fresh_value('jumps back in time')) == jumps + 1
    late = int(camera.value('frames dropped: late'))
    camera.show(picture(1), stamp=(1000, 20_000_000))
    assert camera.until(lambda: int(camera.value('frames dropped: late') or 0) == late + 1)


def test_no_publisher_then_a_new_one(camera):
    camera.answer(picture(1))
    camera.node.destroy_publisher(camera.publishers.pop(('image', Image)))
    camera.got['diagnostics'].clear()
    assert camera.until(lambda: any('no image for' in status.message for _, status in camera.reports()))
    assert len(camera.answer(picture(1), timeout=20).poses) == 1


def test_compressed_images_and_simulated_time(tmp_path):
    """One node: image_transport compressed, use_sim_time, a loop of the clock, 8k and rubbish."""
    name = namespace()
    process = NodeProcess(tmp_path, name, '-r', f'/clock:=/{name}/clock', image_transport='compressed',
                          use_sim_time=True, diagnostics_period=0.2, camera_info_timeout=0.0)
    peer = Peer(name, tf=True, diagnostics=True)
    clock = peer.publisher(Clock, 'clock')

    def show(data, seconds, topic='image/compressed'):
        clock.publish(Clock(clock=Time(sec=seconds)))
        peer.spin(0.02)
        peer.publisher(CompressedImage, topic).publish(compressed_message(data, (seconds, 0), peer.frame))

    def answer(data, seconds, topic='image/compressed'):
        before, end = len(peer.got['poses']), time.monotonic() + 25
        while len(peer.got['poses']) == before:
            assert time.monotonic() < end, process.log()
            show(data, seconds, topic)
            peer.until(lambda: len(peer.got['poses']) > before, 1.0)
        return peer.got['poses'][-1]

    try:
        jpeg = cv2.imencode('.jpg', picture(1)[..., ::-1])[1].tobytes()
        assert process.says('waiting for images'), process.log()

        def heard():    # a node whose clock has not been heard yet is at 0, however soon an image comes
            clock.publish(Clock(clock=Time(sec=100)))
            return any(stamp.sec == 100 for stamp, _ in peer.reports())
        assert peer.until(heard), process.log()
        got = answer(jpeg, 100)
        assert len(got.poses) == 1 and got.poses[0].published.sec == 100
        show(b'this is a letter, not a picture', 101)
        assert process.says('not a picture')
        show(jpeg[:200], 102)
        huge = cv2.imencode('.png', np.repeat(np.repeat(picture(1), 24, 0), 18, 1)[..., ::-1])[1].tobytes()
        assert len(answer(huge, 103).poses) == 1
        assert len(answer(jpeg, 10).poses) == 1       # the clock starts over
        assert peer.got['poses'][-1].header.stamp.sec == 10 and peer.got['poses'][-1].poses[0].track_id == 0
        assert process.log().count('everything starts anew') <= 1
        assert len(answer(jpeg, 11, topic='image').poses) == 1      # CompressedImage on the image topic itself
    finally:
        peer.close()
        code, _ = process.stop()
    assert code == 0 and 'Traceback' not in process.log(), process.log()


def test_no_camera_and_one_that_does_not_match_are_named(tmp_path):
    name = namespace()
    peer = Peer(name)
    other = peer.node.resolve_topic_name('other/image')
    peer.publisher(Image, other)
    process = NodeProcess(tmp_path, name, image_reliability='reliable')
    try:
        assert process.says(f'there is no publisher of sensor_msgs/msg/Image on /{name}/image'), process.log()
        # Where discovery takes longer than the first reminder, the next one names it.
        assert process.says(other) and 'remap image:=' in process.log(), process.log()
        peer.publisher(Image, 'image', BEST_EFFORT)
        assert process.says('offers an incompatible RELIABILITY'), process.log()
        assert 'set image_reliability to auto' in process.log()
    finally:
        peer.close()
        assert process.stop()[0] == 0


def test_a_topic_of_another_form_is_never_offered_as_the_one_that_is_missing(tmp_path):
    """What somebody subscribes to is not there for that; a form of the image that the node can take is named."""
    name = namespace()
    packed, peer = Peer(name), Peer(name)   # one participant cannot publish two types on a topic
    packed.publisher(CompressedImage, 'image')
    peer.publisher(CameraInfo, 'other/camera_info')
    process = NodeProcess(tmp_path, name)
    try:
        assert process.says(f'there is no publisher of sensor_msgs/msg/Image on /{name}/image, but sensor_msgs/msg/'
                            f'CompressedImage on /{name}/image: set image_transport:=compressed', 30), process.log()
        assert f'there is /{name}/image:' not in process.log()
        peer.publisher(Image, 'image')      # and now a calibration that nobody finds
        other = f'/{name}/other/camera_info'
        # Cameras of other tests may be named beside it.
        assert process.says(f'there is no publisher of sensor_msgs/msg/CameraInfo on /{name}/camera_info; '
                            f'there is {other}', 30), process.log()
        assert f'remap camera_info:={other}' in process.log()
    finally:
        packed.close()
        peer.close()
        assert process.stop()[0] == 0
