"""A simulated camera: plays a recording of a drawn person who moves arms and fingers, then a photograph.

Publishes `image` and `camera_info`, and on `truth` the true positions of the drawn joints: a PoseArray of
the 55 SMPL-X joints, then 21 keypoints of the left hand and 21 of the right, stamped like its image.
"""

from __future__ import annotations

import array
import itertools
import sys
import time
from pathlib import Path

import numpy as np
import rclpy
from geometry_msgs.msg import Point, Pose, PoseArray
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from ...geometry.camera import Intrinsics
from .recording import NAMES, Recording

FRAME_ID = 'demo_camera_optical_frame'

#: Time in the recording, s, of the image that replaces the photograph.
_PORTRAIT = 9.0


def load_photograph() -> np.ndarray:
    """Rear Admiral Grace Hopper, (H, W, 3) uint8 RGB: a public domain portrait that matplotlib ships.

    A drawn person if matplotlib, of extra dev, is not installed.
    """
    try:
        from matplotlib import cbook
    except ImportError:
        return Recording('demonstration').image(_PORTRAIT)
    from ...media import image_files
    return image_files.read_image(Path(cbook.get_sample_data('grace_hopper.jpg', asfileobj=False)))


class DemoCamera(Node):
    """Reads one round of the motion, waits for subscribers, then plays it."""

    def __init__(self):
        super().__init__('demo_camera')
        self.rate = self.declare_parameter('rate', 20.0).value
        #: The person's motion: of all parts ('demonstration'), or driving a robot hand ('operator').
        self.score = self.declare_parameter('score', 'demonstration').value
        #: Seconds of motion in one round.
        self.seconds = self.declare_parameter('seconds', 8.0).value
        #: Seconds of photograph after each round; 0 for none.
        self.photo_seconds = self.declare_parameter('photo_seconds', 0.0).value
        #: Rounds to play; 0 for ever.
        self.rounds = self.declare_parameter('rounds', 0).value
        #: Subscriptions on `image` to wait for before playing.
        self.wait_for = self.declare_parameter('wait_for', 0).value
        self._image = self.create_publisher(Image, 'image', 5)
        self._info = self.create_publisher(CameraInfo, 'camera_info', 5)
        self._truth = self.create_publisher(PoseArray, 'truth', 10)

    def play(self) -> None:
        """Publish at the chosen rate until all rounds are over or ROS shuts down."""
        frames = list(self._recorded_frames()) + list(self._photograph_frames())
        while rclpy.ok() and self._image.get_subscription_count() < self.wait_for:
            rclpy.spin_once(self, timeout_sec=0.05)
        due = time.monotonic()
        for _ in itertools.count() if self.rounds == 0 else range(self.rounds):
            for image, intrinsics, points in frames:
                if not rclpy.ok():
                    return
                self._publish(image, intrinsics, points)
                due += 1 / self.rate
                rclpy.spin_once(self, timeout_sec=max(due - time.monotonic(), 0))
                time.sleep(max(due - time.monotonic(), 0))

    def _recorded_frames(self):
        recording = Recording(self.score)
        for image, points in recording.frames(max(int(self.seconds * self.rate), 1), self.rate):
            yield image, recording.intrinsics, points

    def _photograph_frames(self):
        if self.photo_seconds <= 0:
            return
        image = load_photograph()
        height, width = image.shape[:2]
        yield from [(image, Intrinsics.from_fov(width, height), None)] * int(self.photo_seconds * self.rate)

    def _publish(self, image, intrinsics, points):
        message = Image(height=image.shape[0], width=image.shape[1], encoding='rgb8', step=3 * image.shape[1],
                        data=array.array('B', image.tobytes()))
        message.header.stamp = self.get_clock().now().to_msg()
        message.header.frame_id = FRAME_ID
        info = CameraInfo(header=message.header, height=intrinsics.height, width=intrinsics.width,
                          distortion_model='plumb_bob', d=[0.0] * 5, k=intrinsics.matrix.ravel(),
                          r=np.eye(3).ravel(), p=np.eye(3, 4).ravel())
        info.p[:] = np.hstack([intrinsics.matrix, np.zeros((3, 1))]).ravel()
        self._info.publish(info)
        self._image.publish(message)
        if points is not None:
            self._truth.publish(PoseArray(header=message.header, poses=[
                Pose(position=Point(x=x, y=y, z=z)) for x, y, z in points.astype(float).tolist()]))


def main(args: list[str] | None = None) -> int:
    """Play until stopped."""
    rclpy.init(args=args)
    try:
        camera = DemoCamera()
        if camera.score not in NAMES:
            camera.get_logger().fatal(f'score {camera.score!r} is not recorded; known are {", ".join(NAMES)}')
            return 2
        camera.play()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
