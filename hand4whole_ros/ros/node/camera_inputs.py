"""The node's subscriptions: image, camera_info and depth, compatible with whatever QoS their publishers offer."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from .. import topics
from ..compat import wrap_timed_callback
from ..conversions.raw_image import RawImage
from . import qos, topic_advice
from .parameters import NodeParameters

#: Seconds between checks of the publishers.
POLL_PERIOD = 0.5

#: Seconds between reminders that there is no publisher.
REMINDER_PERIOD = 10.0

_TYPE_NAMES = {Image: topic_advice.IMAGE, CompressedImage: topic_advice.COMPRESSED_IMAGE}


class CameraInputs:
    """Subscriptions to one camera. Open while the node is active."""

    def __init__(self, node, parameters: NodeParameters, on_image: Callable[[RawImage], None],
                 on_camera_info: Callable[[CameraInfo], None], *, on_depth: Callable[[bytes], None]):
        """on_depth: gets serialised depth images, where parameters.depth_topic names their topic. ValueError if that
        is the image topic."""
        self._node, self._on_image, self._on_camera_info, self._on_depth = node, on_image, on_camera_info, on_depth
        self._image_type = CompressedImage if parameters.image_transport == 'compressed' else Image
        self._reliability = parameters.image_reliability
        base = node.resolve_topic_name(topics.IMAGE)
        self._base_topic = base.removesuffix(topics.COMPRESSED)
        self.image_topic = base
        if self._image_type is CompressedImage:
            self.image_topic = self._base_topic + topics.COMPRESSED
        self.camera_info_topic = _resolve_camera_info_topic(node, base)
        self.rectified = topics.is_rectified(self._base_topic)
        self._depth_topic = node.resolve_topic_name(parameters.depth_topic) if parameters.depth_topic else ''
        if self._depth_topic in (self.image_topic, self._base_topic):
            raise ValueError(f'parameter depth_topic: {self._depth_topic} is the topic of the colour images')
        #: topic -> subscription and the profile it was made with
        self._subscriptions: dict[str, tuple] = {}
        self._steady_clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._poll_timer = None
        self._advised_on_camera_info = False
        self._next_reminder = self._steady_clock.now().nanoseconds + int(2 * POLL_PERIOD * 1e9)

    def open(self) -> None:
        """Subscribe, and check the publishers regularly."""
        self._update_subscriptions()
        # Not on the node's own clock: simulated time does not advance until it is published.
        self._poll_timer = self._node.create_timer(POLL_PERIOD, self._poll, clock=self._steady_clock)

    def close(self) -> None:
        """Unsubscribe."""
        if self._poll_timer is not None:
            self._node.destroy_timer(self._poll_timer)
        for subscription, _ in self._subscriptions.values():
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()

    def _poll(self):
        self._update_subscriptions()
        self._remind()

    def _update_subscriptions(self):
        """Subscribe with the profile that suits the present publishers best."""
        self._subscribe(
            self.camera_info_topic,
            qos.camera_info_profile(self._offered_profiles(self.camera_info_topic)),
            CameraInfo,
            self._handle_camera_info,
            raw=True,
        )
        for topic in self._image_topics():
            self._subscribe(
                topic,
                qos.image_profile(self._reliability, self._offered_profiles(topic)),
                self._image_type,
                wrap_timed_callback(self._handle_image),
                raw=True,
            )

        if self._depth_topic:
            self._subscribe(self._depth_topic, qos.depth_profile(self._offered_profiles(self._depth_topic)), Image,
                            self._on_depth, raw=True)

    def _image_topics(self):
        wanted = [self.image_topic]
        if self._base_topic != self.image_topic and any(
                info.topic_type == _TYPE_NAMES[self._image_type]
                for info in self._node.get_publishers_info_by_topic(self._base_topic)):
            wanted.append(self._base_topic)
        return wanted

    def _offered_profiles(self, topic):
        return [info.qos_profile for info in self._node.get_publishers_info_by_topic(topic)]

    def _subscribe(self, topic, profile, kind, callback, *, raw=False):
        subscription, current = self._subscriptions.get(topic, (None, None))
        if profile == current:
            return
        if subscription is not None:
            self._node.destroy_subscription(subscription)
        self._subscriptions[topic] = self._node.create_subscription(
            kind, topic, callback, profile, raw=raw,
            event_callbacks=qos.subscription_events(lambda policy: self._handle_qos_mismatch(topic, policy))), profile

    def _handle_qos_mismatch(self, topic, policy):
        if topic not in (self.camera_info_topic, self._depth_topic) and self._reliability == 'reliable':
            self._node.get_logger().warning(f'a publisher on {topic} offers an incompatible {policy} and nothing is '
                                            'received from it: set image_reliability to auto')
        self._update_subscriptions()

    def _handle_image(self, data, queue_time):
        # Simulated time is zero until it is published, and nothing arrives before that.
        received = max(self._node.get_clock().now().nanoseconds - queue_time, 0)
        self._on_image(RawImage(data, self._image_type is CompressedImage, received,
                                     time.monotonic_ns() - queue_time))

    def _handle_camera_info(self, data):
        # Deserialised here: for an invalid message rclpy would log half a page about its own state.
        try:
            info = deserialize_message(data, CameraInfo)
        except Exception as error:
            self._node.get_logger().warning(f'{len(data)} bytes on {self.camera_info_topic} that are no CameraInfo '
                                            f'({type(error).__name__})', throttle_duration_sec=REMINDER_PERIOD)
        else:
            self._on_camera_info(info)

    def _remind(self):
        now = self._steady_clock.now().nanoseconds
        if now < self._next_reminder:
            return
        self._next_reminder = now + int(REMINDER_PERIOD * 1e9)
        kind, advice = _TYPE_NAMES[self._image_type], None
        if not any(info.topic_type == kind for topic in self._image_topics()
                   for info in self._node.get_publishers_info_by_topic(topic)):
            advice = topic_advice.advise_on_image(kind, self.image_topic, self._published_topics())
        elif not self._advised_on_camera_info:
            advice = topic_advice.advise_on_camera_info(self.camera_info_topic, self._published_topics())
            self._advised_on_camera_info = advice is not None
        if advice:
            self._node.get_logger().warning(advice)
        if self._depth_topic and (advice := topic_advice.advise_on_depth(self._depth_topic, self._published_topics())):
            self._node.get_logger().warning(advice)

    def _published_topics(self):
        """Topic -> types that other nodes publish on it; subscriptions, such as the node's own, do not count."""
        own = self._node.get_name(), self._node.get_namespace()
        return {name: types for name, _ in self._node.get_topic_names_and_types()
                if (types := {info.topic_type for info in self._node.get_publishers_info_by_topic(name)
                              if (info.node_name, info.node_namespace) != own})}


def _resolve_camera_info_topic(node, image_topic):
    """camera_info if it is remapped itself, else the sibling of the remapped image topic."""
    resolved = node.resolve_topic_name(topics.CAMERA_INFO)
    if resolved != node.resolve_topic_name(topics.CAMERA_INFO, only_expand=True):
        return resolved
    return topics.sibling_camera_info(image_topic)
