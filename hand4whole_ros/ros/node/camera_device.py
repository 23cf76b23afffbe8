"""A camera or stream that the node reads itself: its images go to the node, and to topics for others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from ...media.live_address import parse_live_address, printable_address
from .. import topics
from ..conversions import calibration_file, images, messages
from ..conversions.raw_image import DEFAULT_FRAME_ID, RawImage
from . import qos
from .diagnostics import Health
from .parameter_table import ParameterError
from .parameters import NodeParameters

#: Seconds between two attempts to open a missing camera.
RETRY_PERIOD = 1.0

#: Maximum seconds to wait for the thread to end.
_STOP_TIMEOUT = 1.0


def check_camera(parameters: NodeParameters) -> None:
    """Raises ParameterError if `camera` names none or has no depth, or `camera_calibration` cannot be read."""
    if parameters.camera and parse_live_address(parameters.camera) is None:
        raise ParameterError(
            f'parameter camera: expected 0, /dev/video0 or an rtsp:// or http:// address, found '
            f'{parameters.camera[:80]!r}; hand4whole replay and hand4whole play take recordings')
    if parameters.camera and parameters.depth_topic:
        raise ParameterError('parameters camera and depth_topic: depth comes from the driver of a depth camera, whose '
                             'colour images the node has to take as well: leave camera empty and set the image topic')
    if parameters.camera_calibration is not None:
        try:
            calibration_file.read_calibration(parameters.camera_calibration)
        except ValueError as error:
            raise ParameterError(f'parameter camera_calibration: {error}') from None


class CameraDevice:
    """Reads a camera on a thread of its own while open, and reopens the camera when it is lost.

    Publishes every image on `image`, and on `image`/compressed while that has subscribers, and its camera_info
    beside it. Without a calibration that has zeros in `k`, as ROS specifies.
    """

    def __init__(self, node, parameters: NodeParameters, on_image: Callable[[RawImage], None],
                 on_camera_info: Callable[[CameraInfo], None], *, health: Health):
        """parameters: checked by check_camera."""
        self._node, self._on_image, self._on_camera_info, self._health = node, on_image, on_camera_info, health
        self._address = parse_live_address(parameters.camera) or ''
        self._name = printable_address(self._address)
        self._frame = parameters.frame_prefix + DEFAULT_FRAME_ID
        self._calibration = (None if parameters.camera_calibration is None
                             else calibration_file.read_calibration(parameters.camera_calibration))
        self.image_topic = node.resolve_topic_name(topics.IMAGE).removesuffix(topics.COMPRESSED)
        self.camera_info_topic = topics.sibling_camera_info(self.image_topic)
        self.rectified = False
        self._publishers: tuple = ()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._reader = None

    def open(self) -> None:
        """Start reading."""
        create = self._node.create_publisher
        self._publishers = (create(Image, self.image_topic, qos.VISUALIZATIONS),
                            create(CompressedImage, self.image_topic + topics.COMPRESSED, qos.VISUALIZATIONS),
                            create(CameraInfo, self.camera_info_topic, qos.VISUALIZATIONS))
        self._closing.clear()
        self._thread = threading.Thread(target=self._run, name='camera device', daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading."""
        self._closing.set()
        if self._reader is not None:
            self._reader.close()
        if self._thread is not None and self._thread.is_alive():    # a signal may have interrupted `open`
            self._thread.join(_STOP_TIMEOUT)
        publishers, self._publishers = self._publishers, ()
        for publisher in publishers:
            self._node.destroy_publisher(publisher)
        self._health.source_problem = ''

    def _run(self):
        from ...media.videos import VideoError  # FFmpeg's libraries
        from ...media.videos.live import LiveReader
        lost = False
        while not self._closing.is_set():
            try:
                with LiveReader(self._address) as self._reader:
                    for frame in self._reader.frames():
                        if self._closing.is_set():
                            return
                        if lost or frame.stamp == 0:
                            self._node.get_logger().info(f'{self._name}: images come{" again" * lost}')
                            lost, self._health.source_problem = False, ''
                        self._publish(frame.image, time.monotonic() - (self._reader.started or 0.0) - frame.stamp)
                problem = f'{self._name}: it has ended'
            except VideoError as error:
                problem = str(error)
            except Exception as error:      # one image that cannot be published must not stop the camera
                problem = f'{self._name}: {type(error).__name__}: {error}'
            if self._closing.is_set() or not self._node.context.ok():
                return
            self._health.source_problem = f'{problem}; it is tried again every second'
            if not lost:
                self._node.get_logger().warning(self._health.source_problem)
            lost = True
            self._closing.wait(RETRY_PERIOD)

    def _publish(self, rgb, age):
        """One image (H, W, 3), taken `age` s ago."""
        now, steady = self._node.get_clock().now().nanoseconds, time.monotonic_ns()
        taken = max(now - int(age * 1e9), 0)
        header = messages.make_header(messages.to_time_message(taken), self._frame)
        data = bytes(serialize_message(images.image_message(rgb, header)))
        info = self._make_camera_info(rgb, header)
        self._on_camera_info(info)
        self._on_image(RawImage(data, False, taken, steady - int(age * 1e9)))
        raw, compressed, camera_info = self._publishers
        if raw.get_subscription_count():
            raw.publish(data)
        if compressed.get_subscription_count():
            compressed.publish(images.jpeg_message(rgb, header))
        camera_info.publish(info)

    def _make_camera_info(self, rgb, header):
        height, width = rgb.shape[:2]
        info = CameraInfo(width=width, height=height) if self._calibration is None else self._calibration
        return CameraInfo(header=header, width=info.width, height=info.height, distortion_model=info.distortion_model,
                          d=info.d, k=info.k, r=info.r, p=info.p)
