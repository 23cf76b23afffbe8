"""What the demo makes of what it has recorded: figures, a video and a sheet. Messages as the nodes publish them."""

import json

import cv2
import numpy as np
import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Point, Pose, PoseArray
from sensor_msgs.msg import JointState
from std_msgs.msg import Header
from teleop_peer import person

from hand4whole_ros.evaluation.teleop import operator_recording
from hand4whole_ros.msg import TeleopState, WholeBodyPoseArray
from hand4whole_ros.rendering.teleop_panel import STRIP, PanelState, draw_panel
from hand4whole_ros.ros.conversions.images import image_message
from hand4whole_ros.ros.teleop import demo_topics as topics
from hand4whole_ros.ros.teleop.demo_results import DemoRecording
from hand4whole_ros.teleop.hand_gate import HandObservation
from hand4whole_ros.teleop.hand_teleop import HandTeleop
from hand4whole_ros.teleop.retargeting import create
from hand4whole_ros.teleop.robot_hand import load_robot_hand

SECONDS, DELAY = 3.0, 0.05


def header(t):
    """Of the moment t, s."""
    return Header(stamp=Time(sec=1000 + int(t), nanosec=round(t % 1 * 1e9)), frame_id='camera')


def points(positions):
    return [Pose(position=Point(x=float(x), y=float(y), z=float(z))) for x, y, z in positions]


class Recorded:
    """The messages of a perfect robot that follows from 0.5 s on, DELAY behind each image."""

    def __init__(self):
        self.messages = {topic: [] for topic in topics.TOPICS}
        operator, robot = operator_recording('right'), load_robot_hand('capsule', 'right')
        retargeter = create(robot)
        teleop = HandTeleop(retargeter)
        for t in np.arange(0, SECONDS, 1 / 10).tolist():
            hand = operator.keypoints[round(t * 30)]
            image = image_message(np.full((120, 160, 3), 90, np.uint8), header(t))
            truth = PoseArray(header=header(t), poses=points(np.zeros((76, 3))) + points(hand))
            poses = WholeBodyPoseArray(header=header(t), poses=[person(hand, header=header(t))])
            command = teleop.update(HandObservation(t, hand), t)
            later, moving = header(t + DELAY), t >= 0.5
            state = TeleopState(header=later, engaged=moving, moving=moving, state=TeleopState.OK,
                                image_stamp=image.header.stamp if moving else Time(), delay=DELAY)
            joints = JointState(header=later, name=list(command.names), position=command.positions.tolist())
            tips = PoseArray(header=later, poses=points(retargeter.tip_positions(command.positions)))
            for topic, message in ((topics.IMAGE, image), (topics.TRUTH, truth), (topics.POSES, poses),
                                   (topics.FINGERS, state), (topics.WRIST, state), (topics.JOINTS, joints),
                                   (topics.COMMAND, joints), (topics.TIPS, tips)):
                self.messages[topic].append(message)
        self.messages[topics.DIAGNOSTICS].append(DiagnosticArray(status=[DiagnosticStatus(
            hardware_id='/retarget', values=[KeyValue(key='added by this node: p50 (ms)', value='2.50'),
                                             KeyValue(key='added by this node: p95 (ms)', value='4.00')])]))

    def of(self, topic):
        return self.messages[topic]


@pytest.fixture(scope='module')
def recording():
    return DemoRecording(Recorded(), 'capsule', 'right', SECONDS)


def test_figures_are_those_of_the_messages(recording):
    summary = json.loads(json.dumps(recording.summary()))
    assert summary['images_published'] == 30 and summary['images_followed'] == 25 and summary['times_engaged'] == 1
    assert summary['image_to_command_ms'] == {'p50': 50.0, 'p95': 50.0}
    assert summary['added_by_retarget_ms'] == {'p50': 2.5, 'p95': 4.0}
    assert summary['added_by_wrist_teleop_ms'] is None and summary['away'] is None
    (pinch,) = summary['pinches']
    assert pinch['seconds'] == [2.0, 2.8] and 8 < pinch['operator_mm'] < 14
    assert pinch['estimated_mm'] == pytest.approx(pinch['operator_mm'], abs=0.5)
    assert pinch['commanded_mm'] == pytest.approx(pinch['simulated_mm'], abs=0.1) and pinch['commanded_mm'] < 4
    assert summary['apart']['simulated_mm_median'] > 60


def test_pictures_show_both(recording, tmp_path):
    recording.write(tmp_path / 'video.mp4', tmp_path / 'sheet.png', 10.0)
    good, frame = cv2.VideoCapture(str(tmp_path / 'video.mp4')).read()
    assert good and frame.shape == (120 + STRIP, 280, 3)
    assert cv2.imread(str(tmp_path / 'sheet.png')).std() > 20


@pytest.mark.parametrize('engaged, hand, color', [
    (True, TeleopState.OK, 1), (True, TeleopState.HELD, 0), (False, TeleopState.OK, 0)])
def test_the_badge_is_green_only_while_the_robot_follows(engaged, hand, color):
    black = np.zeros((100, 400, 3), np.uint8)
    panel = draw_panel(black, black, PanelState(engaged, hand, 'a reason', None, None, 0.05, None))
    badge = panel[100 + 10, 160].astype(int)
    assert (badge.argmax() == 1) == bool(color)
    assert panel.shape == (100 + STRIP, 800, 3) and not panel[:100].any()
