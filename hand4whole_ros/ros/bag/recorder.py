"""Records topics as serialised messages, and writes them as an mcap bag."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import rclpy
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from ..compat import wrap_timed_callback
from .ownership import CUSTOM_DATA
from .types import load_type_store, make_latched_profile, ros_type_name


@dataclass(frozen=True)
class RecordedMessage:
    """One message: its topic, the time it arrived (ns) and its serialised bytes."""

    topic: str
    received: int
    data: bytes


class Recorder(Node):
    """Keeps every message of the given topics, in memory and undecoded."""

    def __init__(self, topics: dict[str, type], latched: tuple[str, ...] = ()):
        """topics: name -> message class; `latched` ones are subscribed transient local."""
        super().__init__('recorder')
        self.topics = topics
        self.messages: list[RecordedMessage] = []
        for topic, kind in topics.items():
            profile = QoSProfile(
                depth=50, reliability=ReliabilityPolicy.RELIABLE,
                durability=DurabilityPolicy.TRANSIENT_LOCAL if topic in latched else DurabilityPolicy.VOLATILE)
            self.create_subscription(kind, topic, self._make_callback(topic), profile, raw=True)

    def _make_callback(self, topic):
        def keep(data, waited):
            self.messages.append(RecordedMessage(topic, self.get_clock().now().nanoseconds - waited, bytes(data)))
        return wrap_timed_callback(keep)

    def of(self, topic: str) -> list:
        """The decoded messages of one topic, in order."""
        from rclpy.serialization import deserialize_message
        return [deserialize_message(m.data, self.topics[topic]) for m in self.messages if m.topic == topic]


def write_bag(
    folder: Path, messages: list[RecordedMessage], topics: dict[str, type], latched: tuple[str, ...] = ()
) -> None:
    """Write messages, in the order they arrived, as a compressed mcap bag into a new folder."""
    from rosbags.rosbag2 import StoragePlugin, Writer
    store = load_type_store()
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        writer.set_custom_data(CUSTOM_DATA + 'demo', '')
        connections = {
            topic: writer.add_connection(topic, ros_type_name(kind), typestore=store,
                                         offered_qos_profiles=[make_latched_profile()] if topic in latched else ())
            for topic, kind in topics.items()}
        for message in sorted(messages, key=lambda m: m.received):
            writer.write(connections[message.topic], message.received, message.data)


def spin_until(node: Node, done, timeout: float) -> bool:
    """Spin `node` until `done()` or for `timeout` seconds; whether it was done."""
    end = node.get_clock().now().nanoseconds + int(timeout * 1e9)
    while not done():
        if node.get_clock().now().nanoseconds > end or not rclpy.ok():
            return False
        rclpy.spin_once(node, timeout_sec=0.05)
    return True
