"""A camera over a desk: the node with hands alone, retargeting, and a camera with a robot, each in its own process.

The hand is drawn, and where it is is known.
"""

import sys
import time

import numpy as np
import pytest
from ros_peer import LATCHED, NodeProcess, Peer, camera_info, namespace
from sensor_msgs.msg import CameraInfo, JointState
from teleop_peer import start

from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.msg import HandPose, TeleopState
from hand4whole_ros.synthetic import hand_patches
from hand4whole_ros.teleop.hand_gate import HandObservation
from hand4whole_ros.teleop.hand_teleop import HandTeleop
from hand4whole_ros.teleop.retargeting import create
from hand4whole_ros.teleop.robot_hand import load_robot_hand

pytest.importorskip('ai_edge_litert')

SIZE = 320
IMAGE = 'desk/image_raw'
#: px that the hand moves to the right from image to image.
STEP = 2


class Desk(Peer):
    """Shows one drawn right hand, and hears the node and the robot's command."""

    def __init__(self, namespace):
        super().__init__(namespace, topics=('hands', 'poses', 'markers'), tf=True, diagnostics=True)
        self._collect(JointState, 'retarget/command', 'command', 50)
        self._collect(TeleopState, 'retarget/state', 'state', 50)
        patches, row = hand_patches.draw_patches(6, 3, SIZE), 4
        zoom = SIZE / patches.size[row]
        cx, cy = (np.array(hand_patches.FRAME) / 2 - patches.corner[row]) * zoom - 0.5
        focal = float(patches.focal[row] * zoom)
        self.intrinsics = Intrinsics(focal, focal, cx, cy, SIZE, SIZE)
        self.drawn, self.keypoints = patches.images[row], patches.keypoints[row].astype(float)
        info = camera_info(SIZE, SIZE, focal)
        info.k[2], info.k[5] = info.p[2], info.p[6] = float(cx), float(cy)
        self.publisher(CameraInfo, 'desk/camera_info', LATCHED).publish(info)

    @property
    def hand_length(self):
        """m, of the drawn hand."""
        return float(np.linalg.norm(np.diff(self.keypoints[[0, 9, 10, 11, 12]], axis=0), axis=1).sum())

    def picture(self, step=0):
        """The hand some steps to the right."""
        return np.roll(self.drawn, STEP * step, axis=1)

    def hand(self, step=0, timeout=60.0):
        """The hand in the next image that has one, OK."""
        found = []

        def seen():
            found[:] = [hand for hand in self.answer(self.picture(step), key='hands', topic=IMAGE, again=2.0).hands
                        if hand.state == HandPose.OK]
            return found
        assert self.until(seen, timeout), 'no hand is seen'
        (hand,) = found
        return hand


@pytest.fixture(scope='module')
def desk(tmp_path_factory):
    folder, name = tmp_path_factory.mktemp('desk'), namespace()
    peer = Desk(name)
    processes = [
        NodeProcess(folder, name, '-r', f'image:={IMAGE}', people=False, quality='fast', camera_info_timeout=60.0,
                    hand_length=peer.hand_length, diagnostics_period=0.2,
                    command=[sys.executable, '-m', 'hand4whole_ros.ros.node.main']),
        # A busy machine may take a second for an image: that is no silence here.
        start(folder, name, 'retarget', source='hands', engagement='none', start='rest', max_image_age=0.0,
              max_silence=9.0, hold_time=10.0)]
    try:
        assert processes[0].says('waiting for images', 90.0), processes[0].log()
        yield peer
    finally:
        peer.close()
        for one in processes:
            code, _ = one.stop()
            assert code == 0 and 'Traceback' not in one.log(), one.log()


def points(hand):
    return np.array([(p.x, p.y, p.z) for p in hand.keypoints])


def test_a_hand_alone_is_seen_where_it_is_and_nobody_is_looked_for(desk):
    hand = desk.hand()
    assert (hand.person, hand.side) == (-1, 'right') and hand.side_confidence > 0.5 and 0 < hand.confidence <= 1
    assert hand.hand_length == pytest.approx(desk.hand_length, rel=1e-3)
    assert 0.9 < hand.agreement < 1 and not hand.depth_measured
    truth = desk.keypoints
    off = np.linalg.norm(np.reshape(hand.keypoints_2d, (21, 2)) - desk.intrinsics.project(truth), axis=1)
    assert np.median(off) < 25 and abs(points(hand)[:, 2].mean() / truth[:, 2].mean() - 1) < 0.25
    projected = desk.intrinsics.project(points(hand))
    assert np.median(np.linalg.norm(projected - np.reshape(hand.keypoints_2d, (21, 2)), axis=1)) < 15
    (transform,) = desk.tf_of(hand.header.stamp).transforms
    assert (transform.header.frame_id, transform.child_frame_id) == (desk.frame, f'r_hand_{hand.track_id}')
    assert all(message.poses == [] for message in desk.got['poses'])
    assert desk.fresh_value('estimator') == 'mediapipe'
    assert desk.until(lambda: any(m.ns == 'hands' and len(m.points) == 40
                                  for message in desk.got['markers'] for m in message.markers))


def test_a_hand_that_moves_stays_itself(desk):
    # Who is not seen for two seconds is forgotten, also where it is the machine that stands still: then once more.
    for _ in range(5):
        first, moments = desk.hand(), [time.monotonic()]
        hands = []
        for step in range(1, 12):
            hands.append(desk.hand(step))
            moments.append(time.monotonic())
        if max(np.diff(moments)) < 1.5:
            break
    assert {hand.track_id for hand in hands} == {first.track_id}, np.diff(moments)
    places = [np.reshape(hand.keypoints_2d, (21, 2))[:, 0].mean() for hand in hands]
    assert places[-1] - places[0] == pytest.approx(10 * STEP, abs=8)
    assert hands[-1].wrist.position.x > first.wrist.position.x


def test_a_robot_hand_follows_a_hand_without_a_body(desk):
    hand = desk.hand()
    robot = load_robot_hand('capsule', 'right')
    expected = HandTeleop(create(robot))
    for k in range(60):     # the hand is still: whatever filters and limits do, they come to rest
        wanted = expected.update(HandObservation(float(k), points(hand)), float(k) / 30)
    assert np.abs(wanted.positions).mean() > 0.4

    def follows():
        desk.hand()
        if not desk.got['command'] or not desk.got['state'][-1].moving:
            return False
        command = desk.got['command'][-1]
        positions = dict(zip(command.name, command.position))
        # Retargeting depends somewhat on where it comes from: the mean, which is 0.5 rad of an open hand.
        return np.abs([positions[name] - value for name, value in zip(wanted.names, wanted.positions)]).mean() < 0.2
    assert desk.until(follows, 60), (desk.got['state'][-1:], len(desk.got['command']), desk.got['command'][-1:], wanted)
    state = desk.got['state'][-1]
    assert state.engaged and state.moving and state.person == hand.track_id and state.side == 'right', state
