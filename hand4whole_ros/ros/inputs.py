"""The node's subscriptions: the image, and the camera_info beside it, whatever their publishers offer."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rclpy.clock import Clock, ClockType
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from . import qos, topics
from .parameters import NodeParameters

#: Seconds between looks at who publishes.
WATCH_PERIOD = 0.5

#: Seconds between reminders that nobody publishes.
REMIND = 10.0

_COMPRESSED_TYPE = 'sensor_msgs/msg/CompressedImage'


class ReceivedImage(NamedTuple):
    """An image as it arrived, not yet turned into a message: most of the dropped ones never are."""

    data: bytes
    compressed: bool
    received: int       # ns on the node's clock


class CameraInputs:
    """Subscriptions to one camera. Open while the node is active."""

    def __init__(self, node, parameters: NodeParameters, on_image: Callable[[ReceivedImage], None],
                 on_camera_info: Callable[[CameraInfo], None]):
        self._node, self._on_image, self._on_camera_info = node, on_image, on_camera_info
        self._compressed = parameters.image_transport == 'compressed'
        self._reliability = parameters.image_reliability
        base = node.resolve_topic_name(topics.IMAGE)
        self._base_topic = base.removesuffix(topics.COMPRESSED)
        self.image_topic = base
        if self._compressed and not base.endswith(topics.COMPRESSED):
            self.image_topic = base + topics.COMPRESSED
        self.camera_info_topic = _camera_info_topic(node, base)
        #: The lens is undone already: by image_pipeline's convention such topics are called image_rect.
        self.rectified = self._base_topic.rpartition('/')[2].startswith('image_rect')
        self._images = []
        self._image_topics = set()
        self._camera_info = self._camera_info_qos = None
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._watch = None
        self._remind_at = self._steady.now().nanoseconds + int(2 * WATCH_PERIOD * 1e9)

    def open(self) -> None:
        """Subscribe, and keep watching who publishes."""
        self._subscribe_image(self.image_topic)
        self._subscribe_camera_info(qos.camera_info([]))
        # Not on the node's own clock: simulated time stands still until somebody publishes it.
        self._watch = self._node.create_timer(WATCH_PERIOD, self._look, clock=self._steady)
        self._look()

    def close(self) -> None:
        """Unsubscribe."""
        self._node.destroy_timer(self._watch)
        for subscription in (*self._images, self._camera_info):
            self._node.destroy_subscription(subscription)
        self._images, self._camera_info = [], None

    def _subscribe_image(self, topic):
        self._image_topics.add(topic)
        self._images.append(self._node.create_subscription(
            CompressedImage if self._compressed else Image, topic, self._image_arrived,
            qos.image(self._reliability), raw=True, event_callbacks=qos.subscription_events(
                topic, self._node.get_logger().warning, 'set image_reliability to auto')))

    def _image_arrived(self, data):
        self._on_image(ReceivedImage(data, self._compressed, self._node.get_clock().now().nanoseconds))

    def _subscribe_camera_info(self, profile: QoSProfile):
        if self._camera_info is not None:
            self._node.destroy_subscription(self._camera_info)
        self._camera_info_qos = profile
        self._camera_info = self._node.create_subscription(
            CameraInfo, self.camera_info_topic, self._on_camera_info, profile,
            event_callbacks=qos.subscription_events(
                self.camera_info_topic, self._node.get_logger().warning, 'its publisher has just changed'))

    def _look(self):
        """Follow the publishers that are there now."""
        found = self._node.get_publishers_info_by_topic(self.camera_info_topic)
        wanted = qos.camera_info([info.qos_profile for info in found])
        if found and wanted != self._camera_info_qos:
            self._subscribe_camera_info(wanted)
        if self._compressed and self._base_topic not in self._image_topics and any(
                info.topic_type == _COMPRESSED_TYPE
                for info in self._node.get_publishers_info_by_topic(self._base_topic)):
            self._subscribe_image(self._base_topic)
        self._remind()

    def _remind(self):
        now = self._steady.now().nanoseconds
        if now < self._remind_at:
            return
        self._remind_at = now + int(REMIND * 1e9)
        kind = _COMPRESSED_TYPE if self._compressed else 'sensor_msgs/msg/Image'
        if not any(info.topic_type == kind for topic in self._image_topics
                   for info in self._node.get_publishers_info_by_topic(topic)):
            others = [name for name, types in self._node.get_topic_names_and_types()
                      if kind in types and name not in self._image_topics
                      and self._node.count_publishers(name) and not name.endswith('/overlay')]
            hint = f"; there is {', '.join(sorted(others))}: remap image:={sorted(others)[0]}" if others else ''
            self._node.get_logger().warning(f'nobody publishes {kind} on {self.image_topic} yet{hint}')


def _camera_info_topic(node, image_topic):
    """camera_info where it is remapped itself, else the sibling of the remapped image topic."""
    resolved = node.resolve_topic_name(topics.CAMERA_INFO)
    if resolved != node.resolve_topic_name(topics.CAMERA_INFO, only_expand=True):
        return resolved
    return topics.sibling_camera_info(image_topic)
