"""The node with published networks, their weights made from names and a stand-in body, before a live camera."""

import sys
import time

import numpy as np
import pytest
from ros_peer import NodeProcess, Peer, camera_info, namespace
from sensor_msgs.msg import CameraInfo

from hand4whole_ros.msg import HandPose
from hand4whole_ros.synthetic.motion import PersonMotion

pytest.importorskip('mediapipe')


@pytest.mark.parametrize('estimator, own_hands', [('hand4whole_pp', True), ('hand4whole', False)])
def test_finite_poses_from_a_live_camera(tmp_path, published_folder, estimator, own_hands):
    name = namespace()
    node = NodeProcess(tmp_path, name, '-r', 'image:=cam/image_raw', estimator=estimator, weights='random-tiny',
                       weights_folder=str(published_folder), device='cpu', diagnostics_period=0.5,
                       command=[sys.executable, '-m', 'hand4whole_ros.ros.node.main'])
    peer = Peer(name, topics=('poses', 'markers', 'skeleton', 'operator/left_wrist', 'operator/right_wrist',
                              'operator/left_hand', 'operator/right_hand'), tf=True, diagnostics=True)
    motion = PersonMotion()
    k = motion.intrinsics
    info = camera_info(k.width, k.height, k.fx)
    try:
        assert node.says('waiting for images', 90), node.log()
        frames = [motion.frame(number / 10) for number in range(8)]
        end = time.monotonic() + 60
        number = 0
        while len([m for m in peer.got['poses'] if m.poses]) < 8 or not peer.got['markers']:
            assert time.monotonic() < end, node.log()
            peer.publisher(CameraInfo, 'cam/camera_info').publish(info)
            peer.show(frames[number % 8], 'cam/image_raw')
            number += 1
            peer.spin(0.1)
        people = [pose for message in peer.got['poses'] for pose in message.poses]
        for pose in people:
            numbers = np.concatenate([pose.body_pose, pose.betas, pose.left_hand_pose, pose.right_hand_pose] + [
                [p.position.x, p.position.y, p.position.z, p.orientation.x, p.orientation.w] for p in pose.joints])
            assert np.isfinite(numbers).all()
        seen = [hand for pose in people for hand in (pose.left_hand, pose.right_hand) if hand.state == HandPose.OK]
        assert seen and any(np.abs(hand.betas).max() > 0 for hand in seen) == own_hands
        assert peer.got['skeleton'][0].model == 'smplx' and len(peer.got['tf']) > 0
        mesh = [m for m in peer.got['markers'][-1].markers if m.ns == 'body']
        assert mesh and np.isfinite([(p.x, p.y, p.z) for p in mesh[0].points]).all()
        assert peer.value('estimator') == estimator
    finally:
        peer.close()
        code, seconds = node.stop()
    assert code == 0 and seconds < 2.5 and 'Traceback' not in node.log(), (code, seconds, node.log())


@pytest.mark.parametrize('estimator', ['wilor', 'unihope'])
def test_finite_hands_from_a_live_camera(tmp_path, published_folder, hands_alone, estimator):
    name = namespace()
    node = NodeProcess(tmp_path, name, '-r', 'image:=cam/image_raw', estimator=estimator, weights='random-tiny',
                       weights_folder=str(published_folder), device='cpu', diagnostics_period=0.5,
                       object_size=[0.06, 0.1, 0.04], command=[sys.executable, '-m', 'hand4whole_ros.ros.node.main'])
    peer = Peer(name, topics=('poses', 'hands', 'objects', 'markers'), tf=True, diagnostics=True)
    info = camera_info(320, 320, hands_alone[0][3].fx)
    try:
        assert node.says('waiting for images', 90), node.log()
        end, number = time.monotonic() + 60, 0
        while len([m for m in peer.got['hands'] if m.hands]) < 4 or not peer.got['markers']:
            assert time.monotonic() < end, node.log()
            peer.publisher(CameraInfo, 'cam/camera_info').publish(info)
            peer.show(hands_alone[number // 4 % len(hands_alone)][0], 'cam/image_raw')
            number += 1
            peer.spin(0.1)
        hands = [hand for message in peer.got['hands'] for hand in message.hands]
        for hand in hands:
            turn = hand.wrist.orientation
            assert np.isfinite([*hand.finger_pose, *hand.keypoints_2d, *hand.betas, turn.x, turn.w]).all()
            assert np.isfinite([(p.x, p.y, p.z) for p in hand.keypoints]).all() and hand.person == -1
            assert np.abs(hand.betas).max() > 0 and hand.hand_length > 0
            assert 0 <= hand.grasp_probability <= 1 if estimator == 'unihope' else hand.grasp_probability == -1
        # What random weights vote for is no box; if it ever is, its numbers are.
        assert len(peer.got['objects']) >= 4 if estimator == 'unihope' else peer.got['objects'] == []
        for detection in (one for message in peer.got['objects'] for one in message.detections):
            place = detection.bbox.center.position
            assert np.isfinite([place.x, place.y, place.z]).all() and place.z > 0
        assert (peer.value('objects') is not None) == (estimator == 'unihope')
        assert all(message.poses == [] for message in peer.got['poses']) and len(peer.got['tf']) > 0
        assert peer.value('estimator') == estimator
    finally:
        peer.close()
        code, seconds = node.stop()
    assert code == 0 and seconds < 2.5 and 'Traceback' not in node.log(), (code, seconds, node.log())
