"""Where no image comes: which topic is offered, and which never."""

import pytest

from hand4whole_ros.ros.node.topic_advice import (
    CAMERA_INFO,
    COMPRESSED_IMAGE,
    IMAGE,
    advise_on_camera_info,
    advise_on_image,
)

REALSENSE = {'/camera/color/image_raw': [IMAGE], '/camera/color/image_raw/compressed': [COMPRESSED_IMAGE],
             '/camera/color/image_raw/compressedDepth': [COMPRESSED_IMAGE],
             '/camera/aligned_depth_to_color/image_raw': [IMAGE], '/camera/depth/image_rect_raw': [IMAGE],
             '/camera/depth/image_rect_raw/compressedDepth': [COMPRESSED_IMAGE],
             '/camera/infra1/image_rect_raw': [IMAGE], '/hand4whole/overlay': [IMAGE],
             '/other/hand4whole/overlay/compressed': [COMPRESSED_IMAGE], '/tf': ['tf2_msgs/msg/TFMessage']}
DEPTH = {name: types for name, types in REALSENSE.items() if 'depth' in name or 'Depth' in name}
FORMS = {'/image/compressed': [COMPRESSED_IMAGE], '/image/compressedDepth': [COMPRESSED_IMAGE]}


@pytest.mark.parametrize('wanted, topic, published, expected', [
    (IMAGE, '/image', REALSENSE, '; there is /camera/color/image_raw, /camera/infra1/image_rect_raw: '
                                 'remap image:=/camera/color/image_raw'),
    (COMPRESSED_IMAGE, '/image/compressed', REALSENSE, '; there is /camera/color/image_raw/compressed: '
                                                       'remap image:=/camera/color/image_raw'),
    # The other form of the same image, on the topic itself or beside it.
    (IMAGE, '/image', {**REALSENSE, '/image': [COMPRESSED_IMAGE]},
     f', but {COMPRESSED_IMAGE} on /image: set image_transport:=compressed'),
    (IMAGE, '/image', FORMS, f', but {COMPRESSED_IMAGE} on /image/compressed: set image_transport:=compressed'),
    (COMPRESSED_IMAGE, '/image/compressed', {'/image': [IMAGE]}, f', but {IMAGE} on /image: set image_transport:=raw'),
    # Another form elsewhere.
    (IMAGE, '/image', {'/cam/compressed': [COMPRESSED_IMAGE]},
     f'; there is /cam/compressed, of {COMPRESSED_IMAGE}: remap image:=/cam and set image_transport:=compressed'),
    (COMPRESSED_IMAGE, '/image/compressed', {'/cam': [IMAGE]},
     f'; there is /cam, of {IMAGE}: remap image:=/cam and set image_transport:=raw'),
    # Nothing that shows people.
    (IMAGE, '/image', DEPTH, '; there is only depth, on /camera/aligned_depth_to_color/image_raw, '
                             '/camera/depth/image_rect_raw: does the driver publish colour, too?'),
    (IMAGE, '/image', {'/hand4whole/overlay': [IMAGE]}, ', nor any image elsewhere: is the camera running'),
    (IMAGE, '/image', {'/cam/compressedDepth': [COMPRESSED_IMAGE]}, ', nor any image elsewhere'),
    (IMAGE, '/points', {'/points': ['sensor_msgs/msg/PointCloud2'], '/cam': [IMAGE]},
     ', but sensor_msgs/msg/PointCloud2; there is /cam: remap image:=/cam'),
    (IMAGE, '/image', {f'/cam{k}': [IMAGE] for k in range(9)},
     '; there is /cam0, /cam1, /cam2, /cam3, /cam4 and 4 more: remap image:=/cam0')])
def test_what_is_there_is_named_with_what_to_do(wanted, topic, published, expected):
    line = advise_on_image(wanted, topic, published)
    assert line.startswith(f'there is no publisher of {wanted} on {topic}{expected}')
    assert 'compressedDepth' not in line and 'overlay' not in line


def test_the_domain_is_named_where_nothing_is_there(monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', '23')
    assert advise_on_image(IMAGE, '/image', {}).endswith('with ROS_DOMAIN_ID=23 as here?')


def test_a_calibration_elsewhere_is_named_the_nearest_first():
    infos = {'/camera/depth/camera_info': [CAMERA_INFO], '/camera/color/camera_info': [CAMERA_INFO],
             '/a/camera_info': [CAMERA_INFO]}
    line = advise_on_camera_info('/camera/color/image_rect/camera_info', infos)
    assert line.endswith('remap camera_info:=/camera/color/camera_info')
    assert (
        advise_on_camera_info('/camera/color/camera_info', infos) is None
        and advise_on_camera_info('/b/camera_info', {}) is None
    )
