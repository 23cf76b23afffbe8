"""Base of the nodes that drive a part of a robot by one hand of the operator: its hand, state and delays."""

from __future__ import annotations

import math
import time

from rclpy.clock import JumpThreshold
from rclpy.duration import Duration

from ...msg import TeleopState
from ...system.priority import set_niceness
from ...teleop.hand_gate import OK
from ...teleop.hand_teleop import HandCommand
from ...teleop.wrist_teleop import WristCommand
from ..conversions import messages
from ..node import qos
from . import topics
from .delays import Delays
from .hand_input import HandInput
from .parameters import DriverParameters
from .teleop_node import TeleopNode


class DriverNode(TeleopNode):
    """Base of retarget and wrist_teleop, which add `drive`."""

    parameters: DriverParameters

    def __init__(self, name: str, table: type[DriverParameters], arguments=None, **node_arguments):
        super().__init__(name, table, arguments, **node_arguments)
        self._state = self.create_publisher(TeleopState, topics.STATE, qos.POSES)
        self._message = TeleopState(side=self.parameters.side, age=math.inf, person=-1)
        self._total, self._added = Delays(), Delays()
        self._images = self._used = self._commands = 0
        self._person = None             # track id of the person of the last hand
        self._logged = None

    def begin(self) -> None:
        """Start once everything is loaded: receive hands, and continue between them."""
        self._input = HandInput(self, self.parameters, (self.parameters.side,), self._received)
        self._raise_priority()
        self.timer(1 / self.parameters.rate, lambda: self._work(None, 0.0))
        self._jump_handle = self.get_clock().create_jump_callback(
            JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=True),
            post_callback=lambda jump: self.forget('the clock was set back'))

    def _raise_priority(self):
        wanted = self.parameters.niceness
        refused = set_niceness(wanted) if wanted else ''
        if refused:
            self.get_logger().info(f'other processes may delay this node, as niceness {wanted} is refused ({refused}): '
                                   f'allow it with LimitNICE={wanted} in a systemd unit or a nice line in '
                                   '/etc/security/limits.conf, or set niceness to 0')

    def choose(self, person: int | None) -> None:
        """Use only the hand of this person; None: of the operator of the node hand4whole, or of operator_id."""
        wanted = self.parameters.operator_id
        self._input.person = person if person is not None else None if wanted < 0 else wanted

    def drive(self, observation, now: float) -> tuple[HandCommand | WristCommand, bool, str, bool]:
        """Make and publish the command at `now`, s on a steady clock; observation: HandObservation, or None between
        images.

        Returns a command with state, age, confidence and stamp; whether the operator is engaged; why the robot holds;
        and whether a command was published.
        """
        raise NotImplementedError

    def forget(self, reason: str) -> None:
        """The hand is LOST for this reason."""
        raise NotImplementedError

    def _received(self, side, measured, added):
        self._images += 1
        self._message.header.frame_id = measured.header.frame_id
        self._person = measured.observation.person
        self._work(measured, added)

    def _work(self, measured, added):
        started = time.monotonic()
        observation = None if measured is None else measured.observation
        command, engaged, reason, published = self.drive(observation, started)
        now, message = self.get_clock().now(), self._message
        self._commands += published
        moving = engaged and command.state == OK and not reason
        if measured is not None and moving and command.stamp == measured.observation.stamp:
            self._used += 1
            message.image_stamp = measured.header.stamp
            message.delay = max(1e-9 * (now.nanoseconds - messages.to_nanoseconds(measured.header.stamp)), 0.0)
            self._total.add(message.delay)
            self._added.add(added + time.monotonic() - started)
        message.header.stamp = now.to_msg()
        message.engaged, message.moving, message.state = engaged, moving, command.state
        message.confidence, message.age, message.reason = float(command.confidence), float(command.age), reason
        message.person = -1 if self._person is None else self._person
        self._state.publish(message)
        self._log(engaged, moving, reason)

    def _log(self, engaged, moving, reason):
        """Log one line at each change between driving and not driving."""
        if engaged == self._logged:
            return
        self._logged = engaged
        self.get_logger().info('engaged: the robot follows' if engaged else f'the robot holds: {reason}')

    def status(self) -> tuple[str, list[tuple[str, str]]]:
        """See TeleopNode."""
        message = self._message
        problem = '' if message.moving else f'the robot holds: {message.reason or "no hand yet"}'
        if not self._images:
            problem = f'nothing comes on {self._input.topics}: does the node hand4whole run?'
        return problem, [
            ('engaged', str(message.engaged).lower()), ('hand', {0: 'LOST', 1: 'HELD', 2: 'OK'}[message.state]),
            ('person', str(message.person)), ('age of the hand (s)', f'{message.age:.3f}'),
            ('images', str(self._images)), ('images followed', str(self._used)), ('commands', str(self._commands)),
            *self._total.values('image to command'), *self._added.values('added by this node'), *self.own_values()]

    def own_values(self) -> list[tuple[str, str]]:
        """More keys and values for diagnostics."""
        return []
