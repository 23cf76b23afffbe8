"""The node with face:=true: jaw, eyes and expression of a drawn person on ~/poses."""

import sys
import time

import numpy as np
import pytest
from ros_peer import NodeProcess, Peer, camera_info, namespace
from sensor_msgs.msg import CameraInfo

pytest.importorskip('ai_edge_litert')
pytest.importorskip('anny')

from hand4whole_ros.synthetic.heads import WIDE, WIDE_PLACE, HeadPose  # noqa: E402

SHUT = HeadPose(place=WIDE_PLACE)
OPEN = HeadPose(jaw=np.radians(18), expression={'smile': 0.8}, place=WIDE_PLACE)


@pytest.mark.parametrize('face', [True, False])
def test_a_mouth_that_opens_opens_in_the_messages(tmp_path, face):
    name = namespace()
    node = NodeProcess(tmp_path, name, '-r', 'image:=cam/image_raw', estimator='mediapipe', face=face,
                       command=[sys.executable, '-m', 'hand4whole_ros.ros.node.main'])
    peer = Peer(name, topics=('poses',))
    images = {False: SHUT.draw(WIDE), True: OPEN.draw(WIDE)}
    jaws = {}
    try:
        assert node.says('waiting for images', 60), node.log()
        for opened, image in images.items():
            peer.got['poses'].clear()
            end = time.monotonic() + 60
            # The filters follow within some images.
            while len([one for one in peer.got['poses'] if one.poses]) < 6:
                assert time.monotonic() < end, node.log()
                peer.publisher(CameraInfo, 'cam/camera_info').publish(camera_info(WIDE.width, WIDE.height, WIDE.fx))
                peer.show(image, 'cam/image_raw')
                peer.spin(0.15)
            pose = peer.got['poses'][-1].poses[0]
            jaws[opened] = pose.jaw_pose[0]
            assert np.isfinite([*pose.jaw_pose, *pose.leye_pose, *pose.reye_pose, *pose.expression]).all()
            assert (pose.joint_confidence[22] > 0.6) or not face
    finally:
        peer.close()
        node.stop()
    assert 'Traceback' not in node.log()
    if face:
        assert jaws[True] > jaws[False] + 0.12
    else:
        assert jaws == {False: 0.0, True: 0.0}
