"""The peer of the node that `hand4whole bench` measures: a camera, and a recorder with a clock."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image

from ...geometry.camera import Intrinsics
from ...ros.bag.recorder import Recorder
from ...ros.compat import share_directory
from ...ros.conversions import images, messages
from ...ros.node import qos


class CameraPeer:
    """Publishes images and records topics, in a namespace of its own. A context manager; stops its processes."""

    def __init__(self, topics: dict[str, type]):
        """topics: relative to the node's namespace, e.g. 'hand4whole/poses' -> message class."""
        # As in the demonstration: limited to this machine, with images through shared memory.
        os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
        os.environ.setdefault('FASTDDS_DEFAULT_PROFILES_FILE',
                              str(share_directory() / 'config' / 'fastdds_large_images.xml'))
        self.namespace = f'/bench_{uuid.uuid4().hex[:8]}'
        self._children: list[subprocess.Popen] = []
        rclpy.init(args=[])
        self.recorder = Recorder({f'{self.namespace}/{topic}': kind for topic, kind in topics.items()})
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.recorder)
        self._camera = self.recorder.create_publisher(Image, f'{self.namespace}/image', 1)
        self._info = self.recorder.create_publisher(CameraInfo, f'{self.namespace}/camera_info', qos.SKELETON)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in self._children:
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
        for child in self._children:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._executor.shutdown()
        rclpy.try_shutdown()

    def start(self, module: str, *words: str, parameters: Sequence[str] = ()) -> subprocess.Popen:
        """Start a module of hand4whole_ros ('ros.node.main') in our namespace. parameters: 'name:=value'."""
        ros = ['--ros-args', '-r', f'__ns:={self.namespace}', '-r', f'/tf:={self.namespace}/tf',
               '-r', f'/diagnostics:={self.namespace}/diagnostics', '--log-level', 'warn']
        for parameter in parameters:
            ros += ['-p', parameter]
        child = subprocess.Popen([sys.executable, '-m', f'hand4whole_ros.{module}', *words, *ros])
        self._children.append(child)
        return child

    def publish_camera_info(self, intrinsics: Intrinsics) -> None:
        """Publish camera_info, latched."""
        info = CameraInfo(width=intrinsics.width, height=intrinsics.height, distortion_model='plumb_bob', d=[0.0] * 5,
                          k=intrinsics.matrix.ravel(), p=np.hstack([intrinsics.matrix, np.zeros((3, 1))]).ravel())
        info.header.frame_id = 'bench_camera'
        self._info.publish(info)

    def until(self, done: Callable[[], bool], timeout: float) -> bool:
        """Record until `done()` or for `timeout` seconds; whether it was done. RuntimeError if a program ended."""
        end = time.monotonic() + timeout
        while not done():
            left = end - time.monotonic()
            if left <= 0:
                return False
            self._executor.spin_once(timeout_sec=min(left, 0.1))
            for child in self._children:
                if child.poll():
                    raise RuntimeError(f'a program that was measured ended with code {child.returncode}; see above')
        return True

    def play(self, pictures: Sequence[np.ndarray], rate: float, seconds: float,
             *, done: Callable[[], bool] = lambda: False, tick: Callable[[], object] = lambda: None) -> bool:
        """Publish images (H, W, 3) uint8 repeatedly at `rate` Hz and record, as `until`; calls `tick` with each."""
        ready, end, due = (
            [_SerialisedImage(picture) for picture in pictures],
            time.monotonic() + seconds,
            time.monotonic(),
        )
        shown = 0
        while time.monotonic() < end:
            self._camera.publish(ready[shown % len(ready)].stamped(time.time_ns()))
            shown += 1
            tick()
            # If this machine is too slow for the rate, images are skipped, not sent in bursts.
            due = max(due + 1 / rate, time.monotonic() + 1e-3)
            if self.until(done, due - time.monotonic()):
                return True
        return False


class _SerialisedImage:
    """An image message, serialised once; only its stamp changes."""

    def __init__(self, picture):
        message = images.image_message(picture, messages.make_header(messages.to_time_message(0), 'bench_camera'))
        self._payload = bytes(serialize_message(message))[12:]

    def stamped(self, nanoseconds):
        return b'\x00\x01\x00\x00' + struct.pack('<iI', *divmod(nanoseconds, 1_000_000_000)) + self._payload
