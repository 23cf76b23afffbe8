"""Inputs of engagement: a deadman switch on a topic and two services, or another node's engagement."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from ...msg import TeleopState
from ...teleop.engagement import Engagement
from ...teleop.hand_gate import LOST, GateResult
from ..compat import wrap_timed_callback
from . import topics

_NEWEST = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.RELIABLE)


class EngagementSwitch:
    """`~/engage` (std_msgs/Bool, true while pressed, repeated), `~/take_over` and `~/release` of one node."""

    def __init__(self, node, engagement: Engagement, hand: Callable[[], tuple[int, int | None]],
                 *, choose: Callable[[int | None], None], not_ready: Callable[[], str]):
        """hand: the state of the hand now and the track id of its person. choose: called with the person who may drive
        alone, or None. not_ready: why engaging is not possible yet; ''."""
        self._node, self._engagement, self._hand, self._choose = node, engagement, hand, choose
        self._not_ready = not_ready
        self.problem = ''       #: Why a press had no effect.
        node.create_subscription(Bool, topics.ENGAGE, wrap_timed_callback(self._switched), _NEWEST)
        node.create_service(Trigger, topics.TAKE_OVER, self._take_over)
        node.create_service(Trigger, topics.RELEASE, self._release)

    def _switched(self, message, waited):
        self.problem = '' if self._engagement.engaged or not message.data else self._not_ready()
        if message.data and not self.problem:
            # The age of a press includes its time in the middleware.
            self._engagement.press(time.monotonic() - 1e-9 * waited)
        elif not message.data:
            self._engagement.release()

    def _take_over(self, request, response):
        state, person = self._hand()
        response.success = state != LOST
        if not response.success:
            response.message = 'no hand is detected: nobody can take over'
            return response
        self._engagement.take_over(person)
        self._choose(person)
        response.message = 'the source names no person for the hand: any operator may engage' if person is None \
            else f'track id {person} is the operator: release the switch and press it'
        self._node.get_logger().info(response.message)
        return response

    def _release(self, request, response):
        self._engagement.take_over(None, 'the operator was released')
        self._choose(None)
        response.success, response.message = True, 'released: anybody may engage, after releasing the switch'
        self._node.get_logger().info(response.message)
        return response

    def update(self, gate: GateResult, now: float, person: int | None) -> tuple[bool, str]:
        """Whether the operator is engaged at `now`, and why not."""
        result = self._engagement.update(gate, now, person)
        return result.engaged, self.problem if result.reason == 'not pressed' and self.problem else result.reason


class FollowedEngagement:
    """The engagement of the node wrist_teleop: fingers and wrist engage together."""

    def __init__(self, node, timeout: float, not_ready: Callable[[], str]):
        """timeout: s for which one state of that node is valid."""
        self._timeout, self._not_ready = timeout, not_ready
        self._state: TeleopState | None = None
        self._wait_for_delivery, self._engaged = -math.inf, False
        self._topic = node.resolve_topic_name(topics.WRIST_STATE)
        node.create_subscription(TeleopState, topics.WRIST_STATE, wrap_timed_callback(self._received), _NEWEST)

    def _received(self, message, waited):
        self._state, self._wait_for_delivery = message, time.monotonic() - 1e-9 * waited

    def update(self, gate: GateResult, now: float, person: int | None) -> tuple[bool, str]:
        """Whether the operator is engaged at `now`, and why not."""
        if self._state is None or not 0 <= now - self._wait_for_delivery <= self._timeout:
            reason = f'nothing comes on {self._topic}: does wrist_teleop run?'
        elif not self._state.engaged:
            reason = self._state.reason or 'not engaged'
        elif person is not None and self._state.person >= 0 and person != self._state.person:
            reason = f'this hand has track id {person}, not {self._state.person}'
        else:
            reason = '' if self._engaged else self._not_ready()
        self._engaged = not reason
        return self._engaged, reason


class NoEngagement:
    """Every trusted hand drives the robot."""

    def __init__(self, not_ready: Callable[[], str]):
        self._not_ready, self._engaged = not_ready, False

    def update(self, gate: GateResult, now: float, person: int | None) -> tuple[bool, str]:
        """Whether the robot is ready, and why not."""
        reason = '' if self._engaged else self._not_ready()
        self._engaged = not reason
        return self._engaged, reason
