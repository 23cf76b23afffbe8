"""The other process: a camera to publish with, and everything the node says, collected."""

import array
import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray, PoseStamped
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection3DArray
from visualization_msgs.msg import MarkerArray

from hand4whole_ros.msg import HandPose, HandPoseArray, OperatorStatus, Skeleton, WholeBodyPoseArray

TYPES = {'poses': WholeBodyPoseArray, 'hands': HandPoseArray, 'markers': MarkerArray, 'overlay': Image,
         'objects': Detection3DArray,
         'skeleton': Skeleton,
         'operator/head': PoseStamped, 'operator/status': OperatorStatus,
         'operator/left_wrist': PoseStamped, 'operator/right_wrist': PoseStamped,
         'operator/left_hand': HandPose, 'operator/right_hand': HandPose,
         'operator/left_hand/keypoints': PoseArray, 'operator/right_hand/keypoints': PoseArray}
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
SCRIPTED = [sys.executable, str(Path(__file__).with_name('scripted_process.py'))]


class Peer:
    """A node with an executor of its own. `got[topic]` is the list of messages received."""

    def __init__(self, namespace, topics=('poses',), tf=False, diagnostics=False):
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node('peer', namespace=namespace, context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.got, self._stamp = {}, time.time_ns()
        self.frame = f'{namespace}_optical'
        self.publishers, self.clients = {}, {}
        for topic in topics:
            self.listen(topic)
        if tf:
            self.got['tf'] = []
            self.node.create_subscription(TFMessage, '/tf', self._keep_own, 100)
        if diagnostics:
            self._collect(DiagnosticArray, '/diagnostics', 'diagnostics', 10)

    def listen(self, topic):
        """Subscribe to one of the node's topics; returns the subscription."""
        return self._collect(TYPES[topic], f'hand4whole/{topic}', topic, LATCHED if topic == 'skeleton' else 10)

    def _collect(self, kind, topic, key, qos):
        self.got.setdefault(key, [])
        return self.node.create_subscription(kind, topic, self.got[key].append, qos)

    def _keep_own(self, msg):
        """Everybody shares /tf; our camera's frame is our own."""
        if msg.transforms[0].header.frame_id == self.frame:
            self.got['tf'].append(msg)

    def tf_of(self, stamp, timeout=5.0):
        """The TFMessage with this stamp."""
        found = []
        assert self.until(lambda: found.extend(m for m in self.got['tf'] if m.transforms[0].header.stamp == stamp)
                          or found, timeout), 'no TF with that stamp'
        return found[0]

    def publisher(self, kind, topic, qos=2):
        """A publisher, made once."""
        key = (topic, kind)
        if key not in self.publishers:
            self.publishers[key] = self.node.create_publisher(kind, topic, qos)
        return self.publishers[key]

    def spin(self, seconds):
        """Let messages come in."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            # Always the same: with another timeout rclpy begins again with the topics subscribed first, and on
            # a busy machine the last ones are never read.
            self.executor.spin_once(timeout_sec=0.01)

    def until(self, condition, timeout=10.0):
        """Spin until `condition()`; whether it came true."""
        end = time.monotonic() + timeout
        while not condition():
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.executor.spin_once(timeout_sec=min(left, 0.05))
        return True

    def stamp(self):
        """Seconds and nanoseconds of a stamp that only grows."""
        self._stamp = max(self._stamp + 1_000_000, time.time_ns())
        return divmod(self._stamp, 1_000_000_000)

    def show(self, rgb, topic='image', frame=None, stamp=None, **changes):
        """Publish one picture; keywords replace fields of the message. Returns the message."""
        msg = image_message(rgb, stamp or self.stamp(), self.frame if frame is None else frame)
        for name, value in changes.items():
            setattr(msg, name, value)
        self.publisher(Image, topic).publish(msg)
        return msg

    def answer(self, rgb, key='poses', timeout=20.0, again=0.25, **keywords):
        """Show a picture, again if need be, until what it leads to arrives under `key`; that message."""
        before, end, shown = len(self.got[key]), time.monotonic() + timeout, []

        def answers():
            # A picture that was shown again for an earlier call may be answered only now. The node makes up a stamp
            # for one that has none.
            return [m for m in self.got[key][before:]
                    if not hasattr(m, 'header') or m.header.stamp in shown or Time() in shown]
        while time.monotonic() < end:
            shown.append(self.show(rgb, **keywords).header.stamp)
            if self.until(answers, again):
                return answers()[-1]
        raise AssertionError(f'nothing arrived on {key} within {timeout} s')

    def client(self, kind, service, timeout=60.0):
        """A client of one of the node's services, made once.

        It is ready when it has found the node. Whether the node has found it too, DDS does not say, and an answer to
        somebody it has not found yet is lost: hence the pause.
        """
        if service not in self.clients:
            client = self.clients[service] = self.node.create_client(kind, f'hand4whole/{service}')
            assert self.until(client.service_is_ready, timeout), f'no service {service}'
            self.spin(0.5)
        return self.clients[service]

    def call(self, kind, service, request, timeout=60.0, again=5.0):
        """The response of one of the node's services; silence is asked `again` after so many seconds."""
        client, end, asked = self.client(kind, service, timeout), time.monotonic() + timeout, []
        while time.monotonic() < end:
            asked.append(client.call_async(request))
            if self.until(lambda: any(future.done() for future in asked), again):
                return next(future.result() for future in asked if future.done())
        raise AssertionError(f'{service} does not answer')

    def set_parameter(self, name, value):
        """(successful, reason) of setting one parameter."""
        request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        result = self.call(SetParameters, 'set_parameters', request).results[0]
        return result.successful, result.reason

    def transition(self, number):
        """Ask for a lifecycle transition; whether it succeeded."""
        request = ChangeState.Request(transition=Transition(id=number))
        return self.call(ChangeState, 'change_state', request, again=60.0).success

    def state(self):
        """Label of the node's lifecycle state."""
        return self.call(GetState, 'get_state', GetState.Request()).current_state.label

    def fresh_value(self, name):
        """A value of a diagnostics message that is yet to come."""
        self.got['diagnostics'].clear()
        assert self.until(lambda: self.value(name) is not None), f'no diagnostics with {name}'
        return self.value(name)

    def value(self, name):
        """A value of the newest diagnostics message of this namespace's node."""
        newest = [status for _, status in self.reports()[:1]]
        return next((v.value for status in newest for v in status.values if v.key == name), None)

    def reports(self):
        """(stamp, status) of the diagnostics of this namespace's node, newest first; everybody shares /diagnostics."""
        return [(msg.header.stamp, status) for msg in reversed(self.got['diagnostics']) for status in msg.status
                if status.hardware_id.startswith(self.node.get_namespace())]

    def close(self):
        """Leave."""
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)


def image_message(rgb, stamp, frame):
    """(H, W, 3) RGB as rgb8."""
    msg = Image(height=rgb.shape[0], width=rgb.shape[1], encoding='rgb8', step=rgb.shape[1] * 3)
    msg.header.stamp.sec, msg.header.stamp.nanosec = stamp
    msg.header.frame_id = frame
    msg.data = array.array('B', rgb.tobytes())
    return msg


def compressed_message(data, stamp, frame='camera', format='jpeg'):
    """Bytes as CompressedImage."""
    msg = CompressedImage(format=format)
    msg.header.stamp.sec, msg.header.stamp.nanosec = stamp
    msg.header.frame_id = frame
    msg.data = array.array('B', data)
    return msg


def camera_info(width=320, height=240, focal=300.0):
    """A plain calibrated camera."""
    msg = CameraInfo(width=width, height=height, distortion_model='plumb_bob', d=[0.0] * 5)
    msg.k = [focal, 0.0, (width - 1) / 2, 0.0, focal, (height - 1) / 2, 0.0, 0.0, 1.0]
    msg.p = [focal, 0.0, (width - 1) / 2, 0.0, 0.0, focal, (height - 1) / 2, 0.0, 0.0, 0.0, 1.0, 0.0]
    return msg


def namespace():
    """A namespace that nobody else uses, not even the same test running elsewhere."""
    return f'test_{uuid.uuid4().hex[:8]}'


class NodeProcess:
    """The node in a process of its own; `log()` is what it said."""

    def __init__(self, folder, namespace, *arguments, command=SCRIPTED, **parameters):
        self.namespace = namespace
        self._path = Path(folder, f'{namespace}.log')
        words = [*command, '--ros-args', '-r', f'__ns:=/{namespace}', *arguments]
        for name, value in parameters.items():
            words += ['-p', f'{name}:={str(value).lower() if isinstance(value, bool) else value}']
        with self._path.open('wb') as out:
            self.process = subprocess.Popen(words, stdout=out, stderr=out, env={**os.environ, 'OMP_NUM_THREADS': '1'})

    def log(self):
        """Everything it has said so far."""
        return self._path.read_text()

    def says(self, text, timeout=20.0, times=1):
        """Wait until it says something; whether it did."""
        end = time.monotonic() + timeout
        while self.log().count(text) < times:
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def stop(self, number=signal.SIGINT, timeout=10.0):
        """Signal it and wait. Returns (exit code, seconds)."""
        started = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = None
        return code, time.monotonic() - started
