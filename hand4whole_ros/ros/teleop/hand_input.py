"""Subscription to the hands of one source, with the age of their images."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy

from ...teleop.metric_depth import HeightCorrection, PalmLengthCorrection
from ..compat import wrap_timed_callback
from ..node.parameter_table import ParameterError
from ..node.program import THROTTLE
from ..node.stamp_guard import MAX_AHEAD, format_duration
from .hand_sources import SOURCES, HandMeasurement
from .parameters import SourceParameters

#: The newest message only: older hands are not used.
_NEWEST = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.RELIABLE)


class HandInput:
    """Calls `received(side, measurement, added)` with each hand of each message.

    added: s since the hand was published, or since it reached this process if the message has no time of
    publication.
    """

    def __init__(self, node, parameters: SourceParameters, sides: tuple[str, ...],
                 received: Callable[[str, HandMeasurement, float], None]):
        self._node, self._parameters, self._received = node, parameters, received
        self._source = SOURCES[parameters.source]
        #: Track id of the only person whose hand is used, for source hands that of the hand; None: the operator of the
        #: node hand4whole, for source hands the nearest hand, as long as it is tracked.
        self.person = None if parameters.operator_id < 0 else parameters.operator_id
        self._by_palm, self._by_height = _create_corrections(parameters, sides)
        self._last: dict[str, int | None] = {}
        grouped: dict[str, list[str]] = {}
        for side in sides:
            grouped.setdefault(self._source.topic(side), []).append(side)
        for topic, of_topic in grouped.items():
            node.create_subscription(self._source.message_type, topic, wrap_timed_callback(self._callback(of_topic)),
                                     _NEWEST, raw=True)
        #: Names of the topics, for the user.
        self.topics = ', '.join(node.resolve_topic_name(topic) for topic in grouped)

    def _callback(self, sides):
        def arrived(data, waited):
            try:
                found = self._source.read(data)
            except ValueError as error:
                self._node.get_logger().warning(f'a message on {self.topics} is left out: {error}',
                                                throttle_duration_sec=THROTTLE)
                return
            for side in sides:
                measured = self._source.measure(found, side, self.person, self._last.get(side))
                self._last[side] = measured.observation.person
                now = self._node.get_clock().now().nanoseconds
                added = waited if measured.published is None else max(now - measured.published, 0)
                self._received(side, self._corrected(side, self._with_age(measured, now)), 1e-9 * added)
        return arrived

    def _corrected(self, side, measured):
        """The same, at the distance computed from the length of the operator's palm, or from the operator's height.

        A measured distance is kept: it is more accurate than either length gives.
        """
        observation = measured.observation
        if observation.fault or observation.depth_measured:
            return measured
        if side in self._by_palm:
            keypoints = self._by_palm[side](observation.keypoints, observation.person)
        elif self._by_height is not None and measured.joints is not None:
            keypoints = self._by_height(observation.keypoints, measured.joints, observation.person)
        else:
            return measured
        return dataclasses.replace(measured, observation=dataclasses.replace(observation, keypoints=keypoints))

    def _with_age(self, measured, now):
        """The same; with a fault if its image is too old, or of another clock."""
        limit, observation = self._parameters.max_image_age, measured.observation
        age = 1e-9 * now - observation.stamp
        if limit <= 0 or observation.fault or -MAX_AHEAD <= age <= limit:
            return measured
        fault = f'the image is {format_duration(age)} old' if age > 0 else \
            f'the image is stamped {format_duration(-age)} in the future: the clocks of camera and machine differ'
        return dataclasses.replace(measured, observation=dataclasses.replace(observation, fault=fault))


def _create_corrections(parameters, sides):
    """side -> correction by the palm's length, and the one by the operator's height or None."""
    name, by_palm, by_height = 'palm_length', {}, None
    try:
        if parameters.palm_length > 0:
            by_palm = {side: PalmLengthCorrection(parameters.palm_length) for side in sides}
        name = 'operator_height'
        if parameters.operator_height > 0:
            by_height = HeightCorrection(parameters.operator_height)
            if parameters.palm_length > 0:
                raise ValueError('palm_length is given, which is more exact: give one of the two')
            if parameters.source != 'poses':
                raise ValueError(f'source {parameters.source} does not give the apparent height of the operator: '
                                 'set source to poses')
    except ValueError as error:
        raise ParameterError(f'parameter {name}: {error}') from None
    return by_palm, by_height
