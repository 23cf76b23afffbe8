"""The node beside a depth camera, over the wire: distances are corrected, and no colour image is lost without depth."""

import array

import numpy as np
import pytest
from ros_peer import NodeProcess, Peer, camera_info, image_message, namespace
from scripted_node import person, picture
from sensor_msgs.msg import CameraInfo, Image

from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.ros.node.camera_device import check_camera
from hand4whole_ros.ros.node.parameter_table import ParameterError
from hand4whole_ros.ros.node.parameters import NodeParameters

WIDTH, HEIGHT, FOCAL, TRUE = 320, 240, 300.0, 1.1
CAMERA = Intrinsics(FOCAL, FOCAL, (WIDTH - 1) / 2, (HEIGHT - 1) / 2, WIDTH, HEIGHT)


@pytest.fixture(scope='module')
def node(tmp_path_factory):
    process = NodeProcess(tmp_path_factory.mktemp('depth'), namespace(), depth_topic='depth', depth_timeout=0.5,
                          smoothing=False, hold_time=0.0, diagnostics_period=0.2)
    yield process
    code, seconds = process.stop()
    assert code == 0, (code, seconds, process.log())


@pytest.fixture
def peer(node):
    made = Peer(node.namespace, diagnostics=True)
    yield made
    made.close()


@pytest.fixture(scope='module')
def metres(body):
    """(240, 320) m: what a depth camera sees of the scripted person, who is a tenth farther away than it seems."""
    from hand4whole_ros.rendering.rasterizer import Rasterizer
    vertices = body.vertices(person(body, CAMERA, (-0.5, 0.3, 3.0)))
    depth = Rasterizer(body.faces).ids_and_depth(vertices, CAMERA)[1]
    return np.where(np.isfinite(depth), TRUE * depth, 6.0).astype(np.float32)


def depth_message(values, stamp, frame, encoding):
    message = Image(height=values.shape[0], width=values.shape[1], encoding=encoding,
                    step=values.shape[1] * values.itemsize, data=array.array('B', values.tobytes()))
    message.header.stamp.sec, message.header.stamp.nanosec = stamp
    message.header.frame_id = frame
    return message


def answered(peer, make_depth, condition, first='depth'):
    """Colour and depth images of the same stamps, until the distance of the pelvis fulfils the condition; how many
    images were shown and answered meanwhile."""
    shown, answers = [], {}

    def heard():
        for message in peer.got['poses']:
            answers[(message.header.stamp.sec, message.header.stamp.nanosec)] = message
        return [answers[stamp] for stamp in shown if stamp in answers]
    for _ in range(60):
        stamp = peer.stamp()
        depth, colour = make_depth(stamp), image_message(picture(1), stamp, peer.frame)
        peer.publisher(CameraInfo, 'camera_info').publish(camera_info(WIDTH, HEIGHT, FOCAL))
        both = [(Image, 'depth', depth), (Image, 'image', colour)]
        for kind, topic, message in both if first == 'depth' else both[::-1]:
            if message is not None:
                peer.publisher(kind, topic).publish(message)
        shown.append(stamp)
        peer.until(lambda stamp=stamp: heard() and stamp in answers, 2.0 if len(shown) < 3 else 10.0)
        last = answers.get(stamp)
        if last is not None and last.poses and condition(distance(last)):
            return len(shown), len(heard())
    raise AssertionError(f'{len(heard())} of {len(shown)} images answered, pelvis at '
                         f'{[distance(message) for message in heard() if message.poses][-3:]} m')


def distance(message):
    """m, of the pelvis."""
    return message.poses[0].joints[0].position.z


def corrected(z):
    return abs(z - 3.0 * TRUE) < 0.05


def uncorrected(z):
    return abs(z - 3.0) < 1e-3


def hands_measured(peer):
    """Of the newest person."""
    pose = next(message for message in reversed(peer.got['poses']) if message.poses).poses[0]
    return [pose.left_hand.depth_measured, pose.right_hand.depth_measured]


def status(peer, text):
    """Whether diagnostics come to say this."""
    return peer.until(lambda: any(text in one.message for _, one in peer.reports()[:3]), 10.0)


@pytest.mark.parametrize('encoding, dtype, scale', [('16UC1', np.uint16, 1000), ('32FC1', np.float32, 1)])
@pytest.mark.parametrize('first', ['depth', 'image'])
def test_people_are_where_depth_sees_them(peer, node, metres, encoding, dtype, scale, first):
    values = (scale * metres).astype(dtype)
    answered(peer, lambda stamp: depth_message(values, stamp, peer.frame, encoding), corrected, first)
    assert hands_measured(peer) == [True, True]
    before = int(peer.fresh_value('frames with depth'))
    answered(peer, lambda stamp: depth_message(values, stamp, peer.frame, encoding), corrected, first)
    assert peer.until(lambda: int(peer.value('frames with depth') or 0) > before)


@pytest.mark.parametrize('wrong, counter, line', [
    (lambda values, stamp, frame: None, 'late or missing', 'none came in time on'),
    (lambda values, stamp, frame: depth_message(0 * values, stamp, frame, '32FC1'), 'not measured',
     'nothing was measured where people are'),
    (lambda values, stamp, frame: depth_message(np.nan * values, stamp, frame, '32FC1'), 'not measured',
     'nothing was measured where people are'),
    (lambda values, stamp, frame: depth_message(3 * values, stamp, frame, '32FC1'), 'implausible',
     'it would put people at half their distance or twice'),
    (lambda values, stamp, frame: depth_message(values, stamp, frame, '64FC1'), 'unusable', "encoding '64FC1'"),
    (lambda values, stamp, frame: depth_message(values[::2, ::2].copy(), stamp, frame, '32FC1'), 'unusable',
     'depth of 160 x 120, colour of 320 x 240'),
    (lambda values, stamp, frame: depth_message(values, stamp, 'elsewhere', '32FC1'), 'unusable',
     "depth of frame 'elsewhere'"),
    (lambda values, stamp, frame: depth_message(values, (stamp[0] - 5, stamp[1]), frame, '32FC1'), 'late or missing',
     'none came in time on')],
    ids=['none', 'zeros', 'NaN', 'unit', 'encoding', 'size', 'frame', 'old stamp'])
def test_poses_go_out_without_usable_depth_and_diagnostics_say_why(peer, node, metres, wrong, counter, line):
    answered(peer, lambda stamp: depth_message(metres, stamp, peer.frame, '32FC1'), corrected)
    before = int(peer.fresh_value(f'frames without depth: {counter}'))
    shown, heard = answered(peer, lambda stamp: wrong(metres, stamp, peer.frame), uncorrected)
    assert shown == heard, 'a colour image is lost'
    assert hands_measured(peer) == [False, False]
    assert peer.until(lambda: int(peer.value(f'frames without depth: {counter}') or 0) > before)
    for _ in range(4):
        answered(peer, lambda stamp: wrong(metres, stamp, peer.frame), uncorrected)
    assert status(peer, line), [one.message for _, one in peer.reports()[:5]]
    assert 'Traceback' not in node.log()


def test_a_camera_of_the_node_itself_has_no_depth():
    with pytest.raises(ParameterError, match='parameters camera and depth_topic: depth comes from the driver'):
        check_camera(NodeParameters(camera='0', depth_topic='/depth'))
    with pytest.raises(ParameterError, match='parameter depth_topic: expected the name of a topic'):
        NodeParameters.from_values({'depth_topic': '/not a topic'})


def test_the_colour_image_is_no_depth(tmp_path):
    process = NodeProcess(tmp_path, namespace(), depth_topic='image')
    try:
        assert process.says('parameter depth_topic: ', 60.0) and process.says('is the topic of the colour images')
        assert 'Traceback' not in process.log()
    finally:
        process.stop()
