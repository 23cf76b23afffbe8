"""The topics of REP-155 below /humans, where hri_msgs is installed, and what the node says where it is not."""

import uuid
from types import SimpleNamespace

import numpy as np
import pytest
from ros_peer import NodeProcess, Peer, camera_info, namespace
from scripted_node import person, picture
from sensor_msgs.msg import CameraInfo
from tf2_msgs.msg import TFMessage

from hand4whole_ros import skeleton
from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.ros.compat import load_hri_msgs
from hand4whole_ros.ros.conversions import humans_messages

HRI = load_hri_msgs()
needs_hri_msgs = pytest.mark.skipif(HRI is None, reason='hri_msgs is not installed: PyPI has none, apt has '
                                    'ros-$ROS_DISTRO-hri-msgs')

#: The points of hri_msgs/Skeleton2D in their order.
POINTS = ('nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist right_hip right_knee '
          'right_ankle left_hip left_knee left_ankle left_eye right_eye left_ear right_ear').split()


class Message(SimpleNamespace):
    """A message of any fields."""


class Skeleton2D(Message):
    """With the names and the order of the real one, which a test with hri_msgs compares."""

    def __init__(self, **fields):
        super().__init__(skeleton=[Message(x=0.0, y=0.0, c=0.0) for _ in POINTS], **fields)


for _number, _name in enumerate(POINTS):
    setattr(Skeleton2D, _name.upper(), _number)

CAMERA = Intrinsics.from_focal(640, 480, 500.0)
MESSAGES = SimpleNamespace(IdsList=Message, NormalizedRegionOfInterest2D=Message, Skeleton2D=Skeleton2D)


def test_joints_are_shares_of_the_image_and_what_is_not_known_has_no_confidence(body):
    somebody = person(body, CAMERA, (0.0, 0.3, 2.0))    # the feet are below the picture
    points = dict(zip(POINTS, humans_messages.make_skeleton(MESSAGES, somebody, None, CAMERA).skeleton))
    for name in ('left_wrist', 'right_shoulder', 'neck', 'left_eye'):
        x, y = CAMERA.project(somebody.joints[skeleton.JOINT[name]])
        assert (points[name].x, points[name].y) == pytest.approx(((x + 0.5) / 640, (y + 0.5) / 480), abs=1e-6)
        assert points[name].c == pytest.approx(somebody.confidence)
    for name in ('nose', 'left_ear', 'right_ear', 'left_ankle', 'right_ankle'):
        assert (points[name].x, points[name].y, points[name].c) == (0, 0, 0)
    assert points['left_wrist'].x > points['right_wrist'].x, 'the left hand is on the right of somebody who faces us'


def test_a_box_is_cut_off_at_the_edges_of_the_image(body):
    region = humans_messages.make_region(MESSAGES, person(body, CAMERA), 'header', CAMERA)
    np.testing.assert_allclose([region.xmin, region.ymin, region.xmax, region.ymax],
                               [100 / 640, 50 / 480, 300 / 640, 400 / 480])
    small = Intrinsics.from_focal(200, 200, 500.0)
    region = humans_messages.make_region(MESSAGES, person(body, small), 'header', small)
    assert (region.xmin, region.ymin, region.xmax, region.ymax, region.c) == (0.5, 0.25, 1.0, 1.0, pytest.approx(0.9))


@needs_hri_msgs
def test_the_points_are_those_of_hri_msgs():
    assert [getattr(HRI.Skeleton2D, name.upper()) for name in POINTS] == list(range(len(HRI.Skeleton2D().skeleton)))


@needs_hri_msgs
def test_bodies_come_and_go_with_people(tmp_path):
    root = f'/test_{uuid.uuid4().hex[:8]}'      # as /humans is everybody's
    process = NodeProcess(tmp_path, namespace(), '-r', f'/humans/bodies/tracked:={root}/tracked', frames='rep155',
                          hold_time=0.0)
    peer = Peer(process.namespace)
    try:
        peer._collect(HRI.IdsList, f'{root}/tracked', 'tracked', 10)
        peer.publisher(CameraInfo, 'camera_info').publish(camera_info(320, 240, 300.0))
        ids = peer.answer(picture(2), 'tracked', 60.0).ids
        assert len(set(ids)) == 2
        for name in ids:
            peer._collect(HRI.NormalizedRegionOfInterest2D, f'/humans/bodies/{name}/roi', f'roi{name}', 10)
            peer._collect(HRI.Skeleton2D, f'/humans/bodies/{name}/skeleton2d', f'skeleton{name}', 10)
        region = peer.answer(picture(2), f'roi{ids[0]}', 20.0)
        assert 0 <= region.xmin < region.xmax <= 1 and region.header.frame_id == peer.frame
        found = peer.answer(picture(2), f'skeleton{ids[1]}', 20.0)
        assert found.skeleton[HRI.Skeleton2D.NECK].c > 0.5
        peer._collect(TFMessage, '/tf', 'every tf', 100)

        def frames():
            return {one.child_frame_id: one.header.frame_id for message in peer.got['every tf']
                    for one in message.transforms}
        peer.answer(picture(2), 'tracked')
        assert peer.until(lambda: {f'body_{name}' for name in ids} <= frames().keys())
        for name in ids:        # REP-155's frame is that of the pelvis
            assert name[0] == 'p' and frames()[f'body_{name}'] == f'body_{name[1:]}'
            assert frames()[f'body_{name[1:]}'] == peer.frame
        assert peer.until(lambda: list(peer.answer(picture(0), 'tracked').ids) == [])
        assert peer.until(lambda: peer.node.count_publishers(f'/humans/bodies/{ids[0]}/roi') == 0)
        assert 'error' not in process.log().lower()
    finally:
        peer.close()
        assert process.stop()[0] == 0, process.log()


@pytest.mark.skipif(HRI is not None, reason='hri_msgs is installed')
def test_without_hri_msgs_one_line_says_so_and_poses_go_out(tmp_path):
    process = NodeProcess(tmp_path, namespace(), frames='rep155')
    peer = Peer(process.namespace)
    try:
        assert len(peer.answer(picture(1), 'poses', 60.0).poses) == 1
        assert process.log().count('topics below /humans are left out') == 1
        assert not any(name.startswith('/humans') for name, _ in peer.node.get_publisher_names_and_types_by_node(
            'hand4whole', f'/{process.namespace}'))
    finally:
        peer.close()
        assert process.stop()[0] == 0, process.log()
