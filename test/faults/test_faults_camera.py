"""A camera that comes, goes and changes its mind while the node runs: what each change costs."""

import array
import itertools
import random
import time

import cv2
import numpy as np
import pytest
from fault_figures import note
from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.msg import ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.qos import QoSProfile
from ros_peer import BEST_EFFORT, LATCHED, NodeProcess, Peer, camera_info, image_message, namespace
from scripted_node import picture
from sensor_msgs.msg import CameraInfo, Image

from hand4whole_ros.ros.node.parameters import NodeParameters

RELIABLE = QoSProfile(depth=1)


@pytest.fixture(scope='module')
def node(tmp_path_factory):
    process = NodeProcess(tmp_path_factory.mktemp('node'), namespace(), camera_info_timeout=0.0,
                          diagnostics_period=0.2, hold_time=0.0)
    yield process
    code, _ = process.stop()
    assert code == 0 and 'Traceback' not in process.log(), process.log()
    assert process.log().count('a callback failed') <= 1, process.log()     # see the parameter of no type


@pytest.fixture(scope='module')
def camera(node):
    peer = Peer(node.namespace, diagnostics=True)
    assert peer.until(lambda: peer.value('state') == 'active', 120), node.log()
    peer.answer(picture())
    yield peer
    peer.close()


def seconds_to_a_pose(camera, rgb=None, **changes):
    """From the first image at 30 Hz to the first pose; one person is found again."""
    started = time.monotonic()
    assert len(camera.answer(picture(1) if rgb is None else rgb, again=1 / 30, **changes).poses) == 1
    return time.monotonic() - started


def plugged_in(camera, qos):
    """Unplug the camera, and plug in one that publishes with another quality of service."""
    if ('image', Image) in camera.publishers:
        camera.node.destroy_publisher(camera.publishers.pop(('image', Image)))
    camera.spin(0.1)
    camera.publishers[('image', Image)] = camera.node.create_publisher(Image, 'image', qos)


def test_a_camera_unplugged_and_back(camera):
    waited = []
    for _ in range(6):
        plugged_in(camera, RELIABLE)
        waited.append(seconds_to_a_pose(camera))
    assert max(waited) < 15
    note('the camera is unplugged and comes back', 'its publisher is destroyed and made again', len(waited),
         f'a pose {np.median(waited):.2f} s after the first image, {max(waited):.2f} s at most')


def test_a_camera_back_with_other_quality_of_service_and_size(camera):
    sizes, waited = ((320, 240), (640, 480), (64, 48), (1280, 720)), []
    for qos, (width, height) in zip(itertools.cycle((BEST_EFFORT, RELIABLE, LATCHED)), (*sizes, *reversed(sizes))):
        plugged_in(camera, qos)
        waited.append(seconds_to_a_pose(camera, picture(1, width=width, height=height)))
    plugged_in(camera, RELIABLE)
    assert max(waited) < 15
    note('the camera comes back otherwise', 'best effort, reliable and latched publishers in turn, 64 x 48 to '
         '1280 x 720', len(waited), f'a pose {np.median(waited):.2f} s after the first image, {max(waited):.2f} s at '
         'most')


def test_another_size_with_every_image(camera):
    sizes = [(320, 240), (642, 480), (66, 50), (1280, 720), (321, 241)]
    plugged_in(camera, RELIABLE)
    before = int(camera.fresh_value('frames dropped: unusable'))
    for width, height in sizes * 4:
        camera.answer(picture(1, width=width, height=height), again=1.0)
    assert int(camera.fresh_value('frames dropped: unusable')) == before
    note('the resolution changes in mid-stream', 'another size with every image', len(sizes) * 4,
         'a pose for every image, none unusable')


def test_another_camera_info_in_mid_stream(camera):
    publisher = camera.publisher(CameraInfo, 'camera_info')
    assert camera.until(publisher.get_subscription_count)
    late, changes = 0, 20
    for k in range(changes):
        focal = (300.0, 450.0, float('nan'), 600.0)[k % 4]
        # Not calibrated any more: a field of view of 60 degrees over 320 pixels.
        wanted = focal if focal == focal else 160 / np.tan(np.radians(30))
        for _ in range(20):
            publisher.publish(camera_info(focal=focal))     # as cameras do: with every image
            hand = camera.answer(picture(1), again=1.0).poses[0].left_hand
            point = hand.keypoints[0]
            if abs(wanted * point.x / point.z + 159.5 - hand.keypoints_2d[0]) < 0.01:
                break
            late += 1
            camera.spin(1 / 30)     # a camera takes its time, in which the message arrives
        else:
            raise AssertionError(f'focal length {focal} is not used after 20 images')
    publisher.publish(camera_info())
    camera.spin(0.1)
    assert late <= changes
    note('camera_info changes in mid-stream', 'three focal lengths and NaN in turn', changes,
         f'used from the next image on, {late} image(s) later than that')


def test_another_encoding_with_every_image(camera):
    rgb = picture(1)
    ways = {'rgb8': rgb, 'bgr8': rgb[..., ::-1], 'rgba8': np.dstack([rgb, rgb[..., 0]]),
            'bgra8': np.dstack([rgb[..., ::-1], rgb[..., 0]]), 'rgb16': rgb.astype(np.uint16) * 257, 'rgb12': rgb,
            'nv12': None}
    before, good, bad = int(camera.fresh_value('frames dropped: unusable')), 0, 0
    for encoding, pixels in list(ways.items()) * 3:
        if pixels is None:
            pixels = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)  # planes where pairs are expected: other colours
        raw = np.ascontiguousarray(pixels)
        changes = {'encoding': encoding, 'step': raw.nbytes // len(raw), 'data': array.array('B', raw.tobytes())}
        if encoding == 'rgb12':
            camera.show(rgb, **changes)
            camera.spin(0.1)
            bad += 1
        else:
            camera.answer(rgb, again=1.0, **changes)
            good += 1
    assert int(camera.fresh_value('frames dropped: unusable')) == before + bad
    note('the encoding changes in mid-stream', 'six encodings and one that does not exist, in turn', good + bad,
         f'{good} poses, {bad} images refused')


class Setter:
    """Sets parameters of the node, many times."""

    def __init__(self, camera):
        self._camera = camera
        self._client = camera.client(SetParameters, 'set_parameters')

    def __call__(self, name, value):
        request = SetParameters.Request(parameters=[ParameterMsg(name=name, value=value)])
        future = self._client.call_async(request)
        assert self._camera.until(future.done, 10)
        return future.result().results[0]


def test_parameters_change_under_load(camera):
    rng, setter, settings = random.Random(4), Setter(camera), NodeParameters.settings()
    values = [ParameterValue(), ParameterValue(type=1, bool_value=True), ParameterValue(type=2, integer_value=-(2**63)),
              ParameterValue(type=3, double_value=float('nan')), ParameterValue(type=3, double_value=1e308),
              ParameterValue(type=4, string_value='x' * 100_000), ParameterValue(type=9, string_array_value=['a'])]
    taken = refused = 0
    for k in range(150):
        name = rng.choice([*settings, 'no_such_parameter', '', 'a' * 5000, 'qos_overrides./x'])
        setting = settings.get(name)
        value = rng.choice(values)
        if setting is not None and setting.type is float and rng.random() < 0.7:
            value = ParameterValue(type=3, double_value=rng.uniform(setting.low, setting.high))
        result = setter(name, value)
        taken, refused = taken + result.successful, refused + (not result.successful)
        assert result.successful or result.reason, f'{name} refused without a word'
        if k % 5 == 0:
            camera.show(picture(2))
    for name, setting in settings.items():
        if setting.dynamic:
            assert camera.set_parameter(name, setting.to_plain(setting.default)) == (True, ''), name
    for name, value in (('camera_info_timeout', 0.0), ('hold_time', 0.0), ('diagnostics_period', 0.2)):
        assert camera.set_parameter(name, value)[0]
    assert taken > 10 and refused > 50
    assert len(camera.answer(picture(1)).poses) == 1
    note('parameters change while running', '150 random names, types and values, NaN and a text of 100 kB among them, '
         'between images', 150, f'{taken} taken, {refused} refused with a reason; afterwards a pose as before')


def test_a_parameter_of_no_type(node, camera):
    """rclpy raises in its own service; that used to end the process."""
    client = camera.client(SetParameters, 'set_parameters')
    value = ParameterMsg(name='max_rate', value=ParameterValue(type=200))
    for _ in range(3):
        client.call_async(SetParameters.Request(parameters=[value]))
    assert node.says('a callback failed: 200 is not a valid')
    assert camera.set_parameter('max_rate', 0.0) == (True, '')
    assert len(camera.answer(picture(1)).poses) == 1
    note('a request that raises inside rclpy', 'set_parameters with a value of type 200', 3,
         'not answered, one line in the log; the next request and the next image are')


def test_stamps_that_jump(camera):
    """Forward by years, backward, nonsense: the next good image counts."""
    stamps = [(2**31 - 1, 999_999_999), (0, 1), (1, 2**32 - 1), (-5, 0), (2**31 - 1, 0)]
    for stamp in stamps * 3:
        camera.publisher(Image, 'image').publish(image_message(picture(1), stamp, camera.frame))
        camera.spin(0.05)
        assert len(camera.answer(picture(1)).poses) == 1
    note('stamps that jump', 'the year 2038, the year 1970, before it, and 4 s of nanoseconds, a good stamp after each',
         len(stamps) * 3, 'the next good image gives its pose')
