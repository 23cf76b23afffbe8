"""The product as it is: the node with the mediapipe estimator in one process, a camera and a robot in another."""

import sys
import time

import numpy as np
import pytest
from ros_peer import TYPES, NodeProcess, Peer, camera_info, namespace
from sensor_msgs.msg import CameraInfo

from hand4whole_ros.msg import HandPose
from hand4whole_ros.synthetic.motion import PersonMotion

pytest.importorskip('mediapipe')

PERIOD = 1 / 15


@pytest.fixture(scope='module')
def seen(tmp_path_factory):
    """What a robot receives while a rendered person moves before a camera for some seconds."""
    name = namespace()
    node = NodeProcess(tmp_path_factory.mktemp('node'), name, '-r', 'image:=cam/image_raw', estimator='mediapipe',
                       diagnostics_period=0.5, command=[sys.executable, '-m', 'hand4whole_ros.ros.node.main'])
    peer = Peer(name, topics=tuple(TYPES), tf=True, diagnostics=True)
    motion = PersonMotion()
    k = motion.intrinsics
    info = camera_info(k.width, k.height, k.fx)
    info.k[2], info.k[5] = k.cx, k.cy
    frames = [(t, motion.frame(t)) for t in np.arange(20) * PERIOD]
    truth = {}
    try:
        assert node.says('waiting for images', 60), node.log()
        # The first overlay and the first pose load libraries; then the motion is played once.
        end = time.monotonic() + 180
        while not (peer.got['overlay'] and peer.got['markers'] and peer.got['tf']):
            assert time.monotonic() < end, node.log()
            peer.publisher(CameraInfo, 'cam/camera_info').publish(info)
            peer.show(frames[0][1], 'cam/image_raw')
            peer.spin(0.2)
        peer.spin(1.0)
        peer.got['poses'].clear()
        for t, image in frames:
            peer.publisher(CameraInfo, 'cam/camera_info').publish(info)
            stamp = peer.show(image, 'cam/image_raw').header.stamp
            truth[(stamp.sec, stamp.nanosec)] = motion.truth(t)
            peer.spin(PERIOD)
        peer.until(lambda: peer.got['poses'] and (peer.got['poses'][-1].header.stamp == stamp), 5)
        # A message that was on its way already may count fewer.
        peer.until(lambda: int(peer.fresh_value('frames done')) >= len(peer.got['poses']), 10)
        yield peer, truth, k
    finally:
        peer.close()
        code, seconds = node.stop()
    assert code == 0 and seconds < 2.0 and 'Traceback' not in node.log(), (code, seconds, node.log())


def _pairs(peer, truth):
    """(pose, truth) of every image that had somebody in it."""
    return [(got.poses[0], truth[(got.header.stamp.sec, got.header.stamp.nanosec)])
            for got in peer.got['poses'] if got.poses]


def test_the_person_is_followed_where_he_is(seen):
    peer, truth, _ = seen
    pairs = _pairs(peer, truth)
    assert len(pairs) >= 5 and len({pose.track_id for pose, _ in pairs}) == 1
    places = np.array([(p.joints[0].position.x, p.joints[0].position.y, p.joints[0].position.z) for p, _ in pairs])
    real = np.array([t.joints[0] for _, t in pairs])
    assert np.median(np.linalg.norm(places - real, axis=1)) < 0.4


def test_wrists_project_onto_the_wrists_in_the_picture(seen):
    peer, truth, intrinsics = seen
    errors = []
    for pose, real in _pairs(peer, truth):
        for side, hand in (('left', pose.left_hand), ('right', pose.right_hand)):
            if hand.state == HandPose.OK and real.hand(side).visibility > 0.7:
                at = hand.wrist.position
                errors.append(np.linalg.norm(intrinsics.project(np.array([at.x, at.y, at.z]))
                                             - real.hand(side).keypoints_2d[0]))
    assert len(errors) >= 5 and np.median(errors) < 25


def test_everything_else_arrives_too(seen):
    peer, _, _ = seen
    assert peer.got['skeleton'][0].model == 'anny'
    assert any(m.ns == 'body' and len(m.points) > 10_000 for m in peer.got['markers'][-1].markers)
    assert (peer.got['overlay'][-1].width, peer.got['overlay'][-1].height) == (640, 480)
    assert any(frame.child_frame_id.startswith('l_wrist_') for frame in peer.got['tf'][-1].transforms)
    assert peer.got['operator/left_hand'] or peer.got['operator/right_hand']
    assert peer.value('estimator') == 'mediapipe' and peer.value('camera') == 'calibrated'
    assert int(peer.value('frames done')) >= 5
