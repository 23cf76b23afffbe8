"""Depth messages: what is taken, what is refused in one line, and which belongs to which colour image."""

import threading
import time

import numpy as np
import pytest
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from hand4whole_ros.ros.conversions.depth_images import decode_depth
from hand4whole_ros.ros.conversions.images import ImageMessageError
from hand4whole_ros.ros.node.depth_buffer import MAX_STAMP_DIFFERENCE, DepthBuffer
from hand4whole_ros.ros.node.diagnostics import DiagnosticsBuilder, Health
from hand4whole_ros.ros.node.topic_advice import IMAGE, advise_on_depth

SECOND = 1_000_000_000


def depth_message(values, encoding='16UC1', frame='camera', stamp=SECOND, **fields):
    """(H, W) as a serialised Image; fields replace those of the message."""
    message = Image(height=values.shape[0], width=values.shape[1], encoding=encoding,
                    step=values.shape[1] * values.itemsize)
    message.header.frame_id = frame
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp, SECOND)
    message.data = values.tobytes()
    for name, value in fields.items():
        setattr(message, name, value)
    return bytes(serialize_message(message))


METRES = np.linspace(0.5, 4.0, 12).reshape(3, 4)


@pytest.mark.parametrize('encoding, dtype, unit', [('16UC1', '<u2', 0.001), ('32FC1', '<f4', 1.0)])
@pytest.mark.parametrize('big', [False, True], ids=['little', 'big'])
def test_both_encodings_and_byte_orders_are_metres(encoding, dtype, unit, big):
    values = (METRES / unit).round(3).astype(dtype.replace('<', '>' if big else '<'))
    found = decode_depth(depth_message(values, encoding, is_bigendian=int(big)), 'camera', 4, 3)
    np.testing.assert_allclose(found.values * found.unit, METRES, atol=1e-3)


def test_padded_rows_and_a_message_without_a_frame_are_taken():
    padded = np.zeros((3, 6), np.uint16)
    padded[:, :4] = METRES * 1000
    data = depth_message(padded, frame='', width=4, step=12)
    np.testing.assert_allclose(decode_depth(data, 'camera', 4, 3).values * 0.001, METRES, atol=1e-3)


@pytest.mark.parametrize('changes, line', [
    ({'encoding': 'rgb8'}, "depth of encoding 'rgb8', expected 16UC1"),
    ({'width': 3}, 'depth of 3 x 3, colour of 4 x 3 pixels: take the depth that is aligned'),
    ({'height': 0}, 'depth of 4 x 0, colour of 4 x 3'),
    ({'step': 2}, 'step is 2 bytes, but a row needs 8'),
    ({'data': b'\0\0'}, 'data holds 2 bytes, expected 24'),
    ({'frame': 'camera_depth'}, "depth of frame 'camera_depth', colour of frame 'camera': take the depth"),
    ({'frame': 'x' * 4000}, 'depth of frame ')])
def test_what_is_no_depth_of_this_image_is_refused_in_one_line(changes, line):
    with pytest.raises(ImageMessageError) as refused:
        decode_depth(depth_message((METRES * 1000).astype(np.uint16), **changes), 'camera', 4, 3)
    assert line in str(refused.value) and '\n' not in str(refused.value) and len(str(refused.value)) < 300


@pytest.mark.parametrize('data', [b'', b'\0\1\0\0', bytes(24), b'\0\1\0\0' + b'\xff' * 60])
def test_bytes_that_are_no_message_are_refused(data):
    with pytest.raises(ImageMessageError):
        decode_depth(data, 'camera', 4, 3)


def stamped(stamp):
    return depth_message((METRES * 1000).astype(np.uint16), stamp=stamp)


def test_depth_is_paired_by_its_stamp_whichever_comes_first():
    buffer, stamps = DepthBuffer(), [SECOND + k * 33_000_000 for k in range(8)]
    for stamp in stamps[:3]:
        buffer.add(stamped(stamp))
    buffer.expect(stamps[1])
    assert buffer.take(0.0) == stamped(stamps[1])
    buffer.expect(stamps[3])
    for stamp in stamps[3:]:        # the estimator is slow: many come meanwhile
        buffer.add(stamped(stamp))
    assert buffer.take(0.0) == stamped(stamps[3])
    assert buffer.take(0.0) is None, 'nothing is expected'


def test_the_nearest_stamp_counts_if_it_is_near_enough():
    buffer = DepthBuffer()
    buffer.expect(2 * SECOND)
    for difference in (-MAX_STAMP_DIFFERENCE, 3_000_000, -2_000_000, 9_000_000):
        buffer.add(stamped(2 * SECOND + difference))
    assert buffer.take(0.0) == stamped(2 * SECOND - 2_000_000)
    buffer.expect(3 * SECOND)
    buffer.add(stamped(3 * SECOND - MAX_STAMP_DIFFERENCE - 1))
    assert buffer.take(0.0) is None


def test_depth_that_is_under_way_is_waited_for_and_what_cannot_come_is_not():
    buffer = DepthBuffer()
    buffer.expect(SECOND)
    begun = time.monotonic()
    assert buffer.take(30.0) is None, 'nobody publishes depth'
    buffer.add(stamped(SECOND))
    buffer.expect(2 * SECOND)
    threading.Timer(0.05, buffer.add, [stamped(2 * SECOND)]).start()
    assert buffer.take(30.0) == stamped(2 * SECOND)
    buffer.expect(3 * SECOND)
    buffer.add(stamped(4 * SECOND))
    assert buffer.take(30.0) is None, 'a later one has come'
    assert time.monotonic() - begun < 20
    buffer.expect(5 * SECOND)
    assert buffer.take(0.01) is None


@pytest.mark.parametrize('counted, line', [
    ({'depth_used': 10, 'depth_missing': 1}, None),
    ({'depth_used': 2, 'depth_missing': 8}, '8 of 10 images without depth: none came in time on /depth'),
    ({'depth_unusable': 5}, '5 of 5 images without depth: what is wrong'),
    ({'depth_used': 4, 'depth_holes': 6}, '6 of 10 images without depth: nothing was measured where people are'),
    ({'depth_implausible': 3}, '3 of 3 images without depth: it would put people at half their distance or twice')])
def test_diagnostics_say_why_distances_are_not_corrected(counted, line):
    health = Health(state='active', last_received=time.monotonic(), depth_topic='/depth', depth_problem='what is wrong')
    builder = DiagnosticsBuilder('node')
    for name, value in counted.items():
        setattr(health.counters, name, value)
    status = builder.report(health, Image().header.stamp).status[0]
    assert (line in status.message) if line else 'depth' not in status.message, status.message
    values = {one.key: one.value for one in status.values}
    assert values['frames with depth'] == str(counted.get('depth_used', 0))
    assert 'depth' not in builder.report(health, Image().header.stamp).status[0].message, 'nothing new'
    health.depth_topic = ''
    assert not [one.key for one in builder.report(health, Image().header.stamp).status[0].values if 'depth' in one.key]


def test_advice_names_where_depth_is():
    published = {'/camera/depth/image_rect_raw': [IMAGE], '/camera/aligned_depth_to_color/image_raw': [IMAGE],
                 '/camera/color/image_raw': [IMAGE]}
    assert advise_on_depth('/camera/aligned_depth_to_color/image_raw', published) is None
    line = advise_on_depth('/depth', published)
    assert line.startswith('there is no publisher of sensor_msgs/msg/Image on /depth')
    assert line.endswith('there is /camera/aligned_depth_to_color/image_raw, /camera/depth/image_rect_raw')
    assert 'does the driver publish aligned depth' in advise_on_depth('/depth', {})
    assert 'CompressedImage' in advise_on_depth('/depth', {'/depth': ['sensor_msgs/msg/CompressedImage']})
