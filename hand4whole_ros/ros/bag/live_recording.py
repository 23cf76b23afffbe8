"""`hand4whole record`: published messages, into a bag as they come, where `ros2 bag` is missing."""

from __future__ import annotations

import functools
import logging
import shutil
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import rclpy
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from ...apps.errors import WorkFailed
from ...system.output_files import OutputError, format_write_error, printable_path
from ..compat import wrap_timed_callback
from .types import message_class
from .writer import BagWriter, is_disk_full

log = logging.getLogger(__name__)

#: Seconds between two checks of the publishers.
POLL_PERIOD = 0.25

#: Messages of one topic that wait in the middleware while others are written.
_QUEUE_DEPTH = 100

#: Seconds to wait for a message before checking for the end.
_SPIN_TIMEOUT = 0.1


class RecordingNode(Node):
    """Subscribes to topics as their publishers appear, and writes their messages. Raises OSError if it cannot."""

    def __init__(self, writer: BagWriter, topics: Sequence[str]):
        """topics: absolute names; empty: all topics that other nodes publish."""
        super().__init__('hand4whole_recorder')
        self._writer, self._wanted = writer, set(topics)
        #: Topic -> messages written.
        self.counts: dict[str, int] = {}
        #: Topics whose type is not installed here.
        self.unknown: set[str] = set()
        self._clock_steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(POLL_PERIOD, self._update, clock=self._clock_steady)
        self._update()

    def _update(self):
        for topic, types in self.get_topic_names_and_types():
            if topic in self.counts or topic in self.unknown or self._wanted and topic not in self._wanted:
                continue
            publishers = [info for info in self.get_publishers_info_by_topic(topic)
                          if (info.node_name, info.node_namespace) != (self.get_name(), self.get_namespace())]
            if publishers:
                self._subscribe(topic, types[0], [info.qos_profile for info in publishers])

    def _subscribe(self, topic, type_name, profiles):
        kind = message_class(type_name)
        latched = all(profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for profile in profiles)
        if kind is None or not self._writer.add_topic(topic, kind, latched):
            self.unknown.add(topic)
            log.warning('%s is left out: its type %s is not known here', topic, type_name)
            return
        reliable = all(profile.reliability == ReliabilityPolicy.RELIABLE for profile in profiles)
        quality = QoSProfile(
            depth=_QUEUE_DEPTH,
            reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE)
        self.counts[topic] = 0
        self.create_subscription(kind, topic, wrap_timed_callback(functools.partial(self._write, topic)), quality,
                                 raw=True)
        log.info('recording %s', topic)

    def _write(self, topic, data, waited):
        self._writer.write_message(topic, time.time_ns() - waited, bytes(data))
        self.counts[topic] += 1


def run(output: Path, topics: Sequence[str], duration: float | None = None, storage: str = 'mcap') -> int:
    """Record until a signal comes, or for `duration` seconds; the number of messages.

    The bag is output.partial until it is complete. Raises OutputError if `output` exists, WorkFailed if
    nothing came, or the disk is full.
    """
    part = output.with_name(output.name + '.partial')
    for path in (output, part):
        if path.exists() or path.is_symlink():
            raise OutputError(f'{printable_path(path)} exists: name another output, or remove it')
    names = [topic if topic.startswith('/') else f'/{topic}' for topic in topics]
    rclpy.init()
    node = None
    try:
        part.mkdir(parents=True)
        with BagWriter(part / output.name, storage, (), {}, latched=(), custom_data='', program='record') as writer:
            node = RecordingNode(writer, names)
            _spin(node, duration)
        counts = {topic: count for topic, count in node.counts.items() if count}
        for topic in sorted(set(names) - counts.keys() - node.unknown):
            log.warning('nothing came on %s', topic)
        if not counts:
            raise WorkFailed(f'nothing is recorded: no message came{" on " + ", ".join(names) if names else ""}')
        (part / output.name).rename(output)
        total = sum(counts.values())
        log.info('%d messages of %d topics are in %s', total, len(counts), printable_path(output))
        return total
    except (OSError, sqlite3.OperationalError) as error:
        if isinstance(error, sqlite3.OperationalError) and not is_disk_full(error):
            raise
        raise WorkFailed(f'{format_write_error(output, error) if isinstance(error, OSError) else error}; what was '
                         f'recorded is in {printable_path(part)}') from None
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
        if output.exists() or node is not None and not any(node.counts.values()):
            shutil.rmtree(part, ignore_errors=True)


def _spin(node, duration):
    end = float('inf') if duration is None else time.monotonic() + duration
    try:
        while rclpy.ok() and (left := end - time.monotonic()) > 0:
            rclpy.spin_once(node, timeout_sec=min(left, _SPIN_TIMEOUT))
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
