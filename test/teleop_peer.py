"""The operator and the source of hands: plays hands, presses the switch, hears everything."""

import sys
import time

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, PoseArray, PoseStamped, Quaternion, TwistStamped
from ros_peer import NodeProcess, Peer
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from teleop_hands import placed, right_hand

from hand4whole_ros.msg import HandPose, NamedPoseArray, TeleopState, WholeBodyPose, WholeBodyPoseArray

#: Seconds between two images.
DT = 1 / 30

#: Everything that the nodes publish: key -> type and topic.
HEARD = {'command': (JointState, 'retarget/command'), 'joints': (JointState, 'joint_states'),
         'fingers': (TeleopState, 'retarget/state'), 'wrist': (TeleopState, 'wrist_teleop/state'),
         'pose': (PoseStamped, 'wrist_teleop/pose'), 'twist': (TwistStamped, 'wrist_teleop/twist'),
         'openxr': (NamedPoseArray, 'openxr/hands'), 'tips': (PoseArray, 'sim_hand/tips')}


def hand_message(keypoints, side='right', state=HandPose.OK, confidence=0.9, header=None, quaternion=(0, 0, 0, 1),
                 **fields):
    """(21, 3) m as HandPose, with these other fields; None is a hand that is LOST."""
    message = HandPose(side=side, state=HandPose.LOST if keypoints is None else state,
                       confidence=0.0 if keypoints is None else confidence, **fields)
    if header is not None:
        message.header = header
    if keypoints is not None:
        message.keypoints = [Point(x=float(x), y=float(y), z=float(z)) for x, y, z in keypoints]
        message.wrist.position = message.keypoints[0]
        x, y, z, w = (float(v) for v in quaternion)
        message.wrist.orientation = Quaternion(x=x, y=y, z=z, w=w)
    return message


def person(keypoints, track_id=1, operator=True, left=None, **hand):
    """Somebody with this right hand, for WholeBodyPoseArray."""
    message = WholeBodyPose(track_id=track_id, state=WholeBodyPose.OK, confidence=0.9, is_operator=operator)
    message.right_hand = hand_message(keypoints, 'right', **hand)
    message.left_hand = hand_message(left, 'left', **hand)
    return message


class Operator(Peer):
    """Publishes images' worth of people at 30 a second and presses the switch of both nodes meanwhile."""

    def __init__(self, namespace):
        super().__init__(namespace, topics=(), diagnostics=True)
        for key, (kind, topic) in HEARD.items():
            self._collect(kind, topic, key, 50)
        self.pressed = None         # True, False; None: the switch says nothing
        self.stamp_offset = 0.0     # s, added to the stamp of every image
        self.hand = placed(right_hand(0.2))

    def image(self, *people):
        """One image of these people; without any, nobody is in it."""
        header = WholeBodyPoseArray().header
        seconds, rest = divmod(time.time_ns() + int(1e9 * self.stamp_offset), 10**9)
        header.stamp, header.frame_id = Time(sec=seconds, nanosec=rest), self.frame
        for one in people:
            one.header = header
            one.published = self.node.get_clock().now().to_msg()
            one.left_hand.header = one.right_hand.header = header
        self.publisher(WholeBodyPoseArray, 'hand4whole/poses').publish(
            WholeBodyPoseArray(header=header, estimator='scripted', poses=list(people)))

    def switch(self):
        """One message of the switch to both nodes, if it says anything."""
        if self.pressed is not None:
            for node in ('retarget', 'wrist_teleop'):
                self.publisher(Bool, f'{node}/engage').publish(Bool(data=self.pressed))

    def plays(self, condition, people=None, timeout=75.0):
        """Play until condition() is true; whether it came true. people: called for each image; None for no image at
        all; by default one person with self.hand."""
        people = people or (lambda: (person(self.hand),))
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                return False
            self.switch()
            shown = people()
            if shown is not None:
                self.image(*shown)
            self.spin(DT)
        return True

    def last(self, key):
        """The newest message under this key; None before the first."""
        return self.got[key][-1] if self.got[key] else None

    def is_state(self, key, reason='', **fields):
        """Whether the newest state of a node has these fields, and names this reason."""
        state = self.last(key)
        return state is not None and reason in state.reason and all(
            getattr(state, name) == value for name, value in fields.items())

    def drives(self, *keys):
        """Whether the robot follows."""
        return all(self.is_state(key, engaged=True, moving=True) for key in keys)

    def value_of(self, node, name):
        """A value of the newest diagnostics of one of the nodes; everybody shares /diagnostics."""
        full = f'{self.node.get_namespace()}/{node}'
        return next((value.value for message in reversed(self.got['diagnostics']) for status in message.status
                     if status.hardware_id == full for value in status.values if value.key == name), None)

    def joints(self, name='joints'):
        """Joint -> position of the newest message."""
        message = self.last(name)
        return dict(zip(message.name, message.position))

    def engage(self, *keys):
        """Release and press the switch until the robot follows."""
        self.pressed = False
        assert self.plays(lambda: all(self.is_state(key, 'not pressed', engaged=False, state=TeleopState.OK) for key in
                                      keys)), \
            [self.last(key) for key in keys]
        self.pressed = True
        assert self.plays(lambda: self.drives(*keys)), [self.last(key) for key in keys]

    def trigger(self, node, service):
        """(success, message) of one of the services."""
        client = self.node.create_client(Trigger, f'{node}/{service}')
        assert self.plays(client.service_is_ready)
        futures = []

        def answered():
            return any(future.done() for future in futures)
        while not answered():       # an answer to somebody whom the node has not found yet is lost
            futures.append(client.call_async(Trigger.Request()))
            end = time.monotonic() + 2.0
            self.plays(lambda end=end: answered() or time.monotonic() > end)
            assert len(futures) < 10
        result = next(future.result() for future in futures if future.done())
        self.node.destroy_client(client)
        return result.success, result.message


def program(name):
    """Command line of one of the nodes."""
    return [sys.executable, '-m', 'hand4whole_ros.ros.teleop.programs', name]


def start(folder, namespace, name, *arguments, **parameters):
    """One of the nodes in a process of its own."""
    folder = folder / name
    folder.mkdir(exist_ok=True)
    return NodeProcess(folder, namespace, *arguments, command=program(name), **parameters)


def holds(operator, people, key='joints', images=12):
    """The largest motion of joints, rad, in the time of so many images that are played."""
    before, played = operator.joints(key), []

    def played_all():
        played.append(operator.joints(key))
        return len(played) > images
    assert operator.plays(played_all, people)
    return max(np.abs([now[name] - before[name] for name in before]).max() for now in played)
