"""`hand4whole play`: publish the messages of a bag on their topics, and its time on /clock."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import rclpy
from builtin_interfaces.msg import Time
from rclpy.duration import Duration
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from tqdm import tqdm

from .. import topics
from ..bag.image_survey import ImageSurvey
from ..bag.own_results import OwnResults
from ..bag.reader import COMPRESSED_IMAGE, IMAGE, Bag, BagError
from ..bag.types import has_other_fields, is_latched, message_class, ros_type_name
from ..compat import share_directory
from ..conversions.result_messages import MESSAGE_TYPES
from .keys import Keyboard, PlaybackClock

log = logging.getLogger(__name__)

CLOCK = '/clock'

#: Seconds between messages on /clock, and between checks of the keyboard.
CLOCK_PERIOD = 0.01

#: Seconds to wait for a subscriber before the first message. A subscriber whose first announcements were lost
#: repeats them after 3 s.
DISCOVERY_TIMEOUT = 5.0

#: Seconds without a new or a lost subscription after which subscribers are ready: a node may subscribe again to suit
#: the publishers it finds (this package's checks every half second), and misses messages sent in between.
SETTLE_TIME = 1.0

#: Seconds to wait for the last messages to arrive, before time jumps back or the player ends.
DELIVERY_TIMEOUT = 5.0

_QUEUE_DEPTH = 20

_POSES_TYPE = ros_type_name(MESSAGE_TYPES[topics.POSES])

#: Maximum number of messages of a latched topic that are kept for late subscribers.
_MAX_LATCHED = 1000


def run(path: Path, rate: float = 1.0, loop: bool = False, start: float = 0.0, *, paused: bool = False,
        wait_for: str | None = None, without_results: bool | None = None) -> bool:
    """Play until the end, or, in a loop, until interrupted; start when `wait_for` has a subscriber.

    without_results: skip the results of an earlier run of this package; None: if a node publishes such results
    now. Returns False if messages are missing in the bag. Raises BagError.
    """
    with Bag(path) as bag:
        if start * 1e9 >= max(bag.end - bag.start, 1):
            raise BagError(f'{path}: it ends after {(bag.end - bag.start) * 1e-9:.1f} s, before --start {start:g}')
        # Images larger than the middleware's own shared memory would be lost or late.
        profiles = share_directory() / 'config' / 'fastdds_large_images.xml'
        os.environ.setdefault('FASTDDS_DEFAULT_PROFILES_FILE', str(profiles))
        rclpy.init()
        try:
            with Keyboard() as keys:
                player = BagPlayer(bag, PlaybackClock(rate, paused), keys, without_results)
                player.wait(wait_for)
                player.play(bag.start + int(start * 1e9), loop)
        except (KeyboardInterrupt, ExternalShutdownException):
            pass
        except RuntimeError:        # RCLError: interrupted while publishing
            if rclpy.ok():
                raise
        finally:
            rclpy.try_shutdown()
        return not bag.incomplete


class BagPlayer(Node):
    """Publishers of all messages in a bag."""

    def __init__(self, bag: Bag, tempo: PlaybackClock, keys: Keyboard, without_results: bool | None = None):
        super().__init__('hand4whole_player')
        self._bag, self._playback_clock, self._keyboard = bag, tempo, keys
        self._clock_publisher = self.create_publisher(Clock, CLOCK, QoSProfile(depth=10))
        frames = _survey_cameras(bag)
        own_results = OwnResults(bag.connections, frames)
        #: Results to skip once a node publishes the same; None if that is decided.
        self._own_results_if_live = own_results if without_results is None else None
        self._own_results = own_results if without_results else None
        self._topic_publishers, self._connections = {}, []
        for connection in bag.connections:
            if (
                connection.topic == CLOCK
                or self._own_results is not None
                and connection.topic in self._own_results.topics
            ):
                continue
            kind = message_class(connection.msgtype)
            if kind is None:
                log.warning('%s is left out: its type %s is not installed here', connection.topic, connection.msgtype)
                continue
            if has_other_fields(connection):
                log.warning('%s is left out: it was recorded by another version of hand4whole_ros, whose %s has other '
                            'fields', connection.topic, connection.msgtype)
                continue
            if connection.topic in self._topic_publishers:
                log.warning('%s is played as one type: its messages of type %s are left out', connection.topic,
                            connection.msgtype)
                continue
            self._topic_publishers[connection.topic] = self.create_publisher(
                kind, connection.topic, _make_profile(connection)
            )
            self._connections.append(connection)
        if not any(connection.msgcount for connection in self._connections):
            raise BagError(f'{bag.path}: nothing in it can be played'
                           + ('' if any(c.msgcount for c in bag.connections) else ': it holds no messages at all'))

    def wait(self, topic: str | None) -> None:
        """Wait until this topic has a subscriber that is ready; None: any topic, but not for long."""
        if topic is not None and topic not in self._topic_publishers:
            raise BagError(f'{self._bag.path}: there is nothing on {topic} to wait for')
        chosen = list(self._topic_publishers.values()) if topic is None else [self._topic_publishers[topic]]
        end = time.monotonic() + (DISCOVERY_TIMEOUT if topic is None else float('inf'))
        while not any(publisher.get_subscription_count() for publisher in chosen):
            if not self._spin_until(end):
                if rclpy.ok():
                    log.warning('none of its topics has a subscriber so far: --wait-for TOPIC waits for one')
                return
        self._wait_until_settled()

    def _wait_until_settled(self):
        """Wait until subscriptions have not changed for a while, but not for long."""
        end, known, since = time.monotonic() + DISCOVERY_TIMEOUT, None, 0.0
        while (found := self._subscription_state()) != known or time.monotonic() < since + SETTLE_TIME:
            if found != known:
                known, since = found, time.monotonic()
            if not self._spin_until(end):
                return

    def _subscription_state(self):
        """The subscribers, and how many of them the middleware has matched."""
        return {topic: (publisher.get_subscription_count(),
                        {bytes(info.endpoint_gid) for info in self.get_subscriptions_info_by_topic(topic)})
                for topic, publisher in self._topic_publishers.items()}

    def _spin_until(self, end):
        """Spin for a short time; False at the end or if ROS has been shut down."""
        rclpy.spin_once(self, timeout_sec=CLOCK_PERIOD)
        time.sleep(CLOCK_PERIOD)
        return rclpy.ok() and time.monotonic() < end

    def play(self, start: int, loop: bool) -> None:
        """Play from `start` (ns) to the end, repeatedly with `loop`."""
        with tqdm(total=round((self._bag.end - start) * 1e-9, 1), unit='s', desc='playing', disable=None,
                  bar_format='{desc}: {n:.1f} of {total:.1f} s |{bar}|{postfix}') as bar:
            while rclpy.ok():
                self._play_once(start, bar)
                self._wait_for_delivery()
                if not loop:
                    return

    def _leave_out_own_results_beside_live_ones(self):
        """Skip results in the bag if a node publishes its own: no image or TF frame may have two."""
        if self._own_results_if_live is None or not self._find_live_nodes():
            return
        self._own_results, self._own_results_if_live = self._own_results_if_live, None
        for topic in self._own_results.topics & set(self._topic_publishers):
            self.destroy_publisher(self._topic_publishers.pop(topic))
        self._connections = [connection for connection in self._connections
                             if connection.topic not in self._own_results.topics]
        log.info('a node %s publishes poses: what an earlier run of it left in the bag is left out '
                 '(--with-results plays it all the same)', ', '.join(self._find_live_nodes()))

    def _find_live_nodes(self):
        """Full names of the nodes that publish people's poses."""
        return sorted({f'{info.node_namespace.rstrip("/")}/{info.node_name}'
                       for topic, types in self.get_topic_names_and_types() if _POSES_TYPE in types
                       for info in self.get_publishers_info_by_topic(topic)
                       if info.node_name != self.get_name() or info.node_namespace != self.get_namespace()})

    def _play_once(self, start, bar):
        self._leave_out_own_results_beside_live_ones()
        self._playback_clock.begin(start)
        self._publish_clock(start)
        for entry in self._bag.latched_before(start, self._connections):
            self._publish(entry)
        for entry in self._bag.messages(self._connections, start):
            if not self._advance_clock_to(entry.time, start, bar):
                return
            self._publish(entry)
        self._show_progress(bar, self._bag.end - start)

    def _advance_clock_to(self, when, start, bar):
        """Publish the time until it is `when`; False if ROS has been shut down."""
        while rclpy.ok():
            for key in self._keyboard.pressed():
                self._playback_clock.key(key)
            now, left = self._playback_clock.time_and_delay(when)
            if left == 0:
                self._publish_clock(when)
                return True
            # Never more than `when`, which is published next: time would go back.
            self._publish_clock(min(now, when))
            self._show_progress(bar, now - start)
            rclpy.spin_once(self, timeout_sec=0)
            time.sleep(min(left, CLOCK_PERIOD))
        return False

    def _show_progress(self, bar, played):
        bar.n = min(round(played * 1e-9, 1), bar.total)
        bar.set_postfix_str(self._playback_clock.describe(), refresh=False)
        bar.update(0)

    def _publish_clock(self, nanoseconds):
        self._clock_publisher.publish(Clock(clock=Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)))

    def _publish(self, entry):
        if self._own_results is not None:
            entry = self._own_results.without(entry)
        if entry is not None:
            self._topic_publishers[entry.connection.topic].publish(entry.data)

    def _wait_for_delivery(self):
        """Wait until subscribers have received everything: messages arriving after a jump back would count as new."""
        end = time.monotonic() + DELIVERY_TIMEOUT
        for publisher in self._topic_publishers.values():
            # In short steps: an interrupt is not handled while it waits.
            while (rclpy.ok() and publisher.get_subscription_count() and time.monotonic() < end
                   and not publisher.wait_for_all_acked(Duration(seconds=10 * CLOCK_PERIOD))):
                pass


def _survey_cameras(bag):
    """Log properties of the cameras in a bag that make their images hard to use; returns the frame_id of each."""
    frames = []
    for connection in bag.connections:
        if connection.msgtype in (IMAGE, COMPRESSED_IMAGE) and connection.msgcount:
            survey = ImageSurvey(bag, connection)
            frames.append(survey.frame)
            if survey.apart:
                log.warning("%s; /clock has the recorder's time, so that a node with use_sim_time receives them as old",
                            survey.clock_remark())
            if survey.frames_remark():
                log.warning('%s: they are played as they are', survey.frames_remark())
    return frames


def _latched_depth(connection):
    """Number of messages that late subscribers get: all, but of images no more than of other cameras."""
    if connection.msgtype in (IMAGE, COMPRESSED_IMAGE):
        return _QUEUE_DEPTH
    return min(max(connection.msgcount, _QUEUE_DEPTH), _MAX_LATCHED)


def _make_profile(connection):
    """Reliable, which every subscription matches; latched if it was, with a depth for all its messages."""
    if not is_latched(connection):
        return QoSProfile(
            depth=_QUEUE_DEPTH, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE
        )
    return QoSProfile(depth=_latched_depth(connection),
                      reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
