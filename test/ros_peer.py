"""The other process: a camera to publish with, and everything the node says, collected."""

import array
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from hand4whole_ros.msg import HandPose, Skeleton, WholeBodyPoseArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

TYPES = {'poses': WholeBodyPoseArray, 'markers': MarkerArray, 'overlay': Image, 'skeleton': Skeleton,
         'operator/left_wrist': PoseStamped, 'operator/right_wrist': PoseStamped,
         'operator/left_hand': HandPose, 'operator/right_hand': HandPose}
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
SCRIPTED = [sys.executable, str(Path(__file__).with_name('scripted_node.py'))]


class Peer:
    """A node with an executor of its own. `got[topic]` is the list of messages received."""

    def __init__(self, namespace, topics=('poses',), tf=False, diagnostics=False):
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node('peer', namespace=namespace, context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.got, self._stamp = {}, time.time_ns()
        self.publishers = {}
        for topic in topics:
            self.listen(topic)
        if tf:
            self._collect(TFMessage, '/tf', 'tf', 100)
        if diagnostics:
            self._collect(DiagnosticArray, '/diagnostics', 'diagnostics', 10)

    def listen(self, topic):
        """Subscribe to one of the node's topics; returns the subscription."""
        return self._collect(TYPES[topic], f'hand4whole/{topic}', topic, LATCHED if topic == 'skeleton' else 10)

    def _collect(self, kind, topic, key, qos):
        self.got.setdefault(key, [])
        return self.node.create_subscription(kind, topic, self.got[key].append, qos)

    def publisher(self, kind, topic, qos=2):
        """A publisher, made once."""
        key = (topic, kind)
        if key not in self.publishers:
            self.publishers[key] = self.node.create_publisher(kind, topic, qos)
        return self.publishers[key]

    def spin(self, seconds):
        """Let messages come in."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.executor.spin_once(timeout_sec=left)

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

    def show(self, rgb, topic='image', frame='camera', stamp=None, **changes):
        """Publish one picture; keywords replace fields of the message. Returns the message."""
        msg = image_message(rgb, stamp or self.stamp(), frame)
        for name, value in changes.items():
            setattr(msg, name, value)
        self.publisher(Image, topic).publish(msg)
        return msg

    def answer(self, rgb, key='poses', timeout=10.0, again=0.25, **keywords):
        """Show a picture, again if need be, until something new arrives under `key`; that message."""
        before, end = len(self.got[key]), time.monotonic() + timeout
        while time.monotonic() < end:
            self.show(rgb, **keywords)
            if self.until(lambda: len(self.got[key]) > before, again):
                return self.got[key][-1]
        raise AssertionError(f'nothing arrived on {key} within {timeout} s')

    def value(self, name):
        """A value of the newest diagnostics message of this namespace's node."""
        for msg in reversed(self.got['diagnostics']):
            for status in msg.status:
                if status.hardware_id.startswith(self.node.get_namespace()):
                    return next(v.value for v in status.values if v.key == name)
        return None

    def close(self):
        """Leave."""
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)


def image_message(rgb, stamp, frame='camera'):
    """(H, W, 3) RGB as rgb8."""
    msg = Image(height=rgb.shape[0], width=rgb.shape[1], encoding='rgb8', step=rgb.shape[1] * 3)
    msg.header.stamp.sec, msg.header.stamp.nanosec = stamp
    msg.header.frame_id = frame
    msg.data = array.array('B', rgb.tobytes())
    return msg


def compressed_message(data, stamp, format='jpeg'):
    """Bytes as CompressedImage."""
    msg = CompressedImage(format=format)
    msg.header.stamp.sec, msg.header.stamp.nanosec = stamp
    msg.header.frame_id = 'camera'
    msg.data = array.array('B', data)
    return msg


def camera_info(width=320, height=240, focal=300.0):
    """A plain calibrated camera."""
    msg = CameraInfo(width=width, height=height, distortion_model='plumb_bob', d=[0.0] * 5)
    msg.k = [focal, 0.0, (width - 1) / 2, 0.0, focal, (height - 1) / 2, 0.0, 0.0, 1.0]
    msg.p = [focal, 0.0, (width - 1) / 2, 0.0, 0.0, focal, (height - 1) / 2, 0.0, 0.0, 0.0, 1.0, 0.0]
    return msg


class NodeProcess:
    """The node in a process of its own; `log()` is what it said."""

    def __init__(self, folder, namespace, *arguments, command=SCRIPTED, **parameters):
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
