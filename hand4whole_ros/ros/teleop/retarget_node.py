"""The node retarget: the operator's hand in, joint commands of a robot hand out."""

from __future__ import annotations

import math
import time

import numpy as np
from sensor_msgs.msg import JointState

from ...teleop.engagement import Engagement
from ...teleop.hand_teleop import HandTeleop
from ...teleop.joints import RobotDescriptionError, reordered
from ...teleop.retargeting import RetargetingUnavailable, create
from ...teleop.robot_hand import HandFilesMissing, load_robot_hand
from ..node import qos
from ..node.parameter_table import ParameterError
from . import topics
from .command_messages import TYPES, command_message, measured_positions
from .driver_node import DriverNode
from .engagement_input import EngagementSwitch, FollowedEngagement, NoEngagement
from .parameters import SWITCH, WRIST, RetargetParameters

#: Seconds after which measured joint positions are too old to start from.
MAX_MEASURED_AGE = 1.0


def load_hand(name: str, side: str):
    """The robot hand of two parameters. ParameterError in one line if it cannot be loaded."""
    try:
        return load_robot_hand(name, side)
    except (RobotDescriptionError, HandFilesMissing) as error:
        raise ParameterError(f'parameter hand: {error}') from None


def command_joints(joints, hand) -> tuple[str, ...]:
    """Joints of a command in the order of the parameter `joints`; all of the hand if it is ['']."""
    if not any(joints):
        return hand.joint_names
    try:
        reordered(hand.joint_names, np.arange(len(hand.joint_names)), joints)
    except ValueError as error:
        raise ParameterError(f'parameter joints: {error}') from None
    return tuple(joints)


class RetargetNode(DriverNode):
    """The node. Raises ParameterError if a parameter is wrong or the hand cannot be loaded."""

    parameters: RetargetParameters

    def __init__(self, *, arguments=None, **node_arguments):
        super().__init__(topics.RETARGET_NODE, RetargetParameters, arguments, **node_arguments)
        wanted = self.parameters
        self.hand = load_hand(wanted.hand, wanted.side)
        self._joints = command_joints(wanted.joints, self.hand)
        try:
            self._teleop = HandTeleop(create(self.hand), wanted.hand_config())
        except RetargetingUnavailable as error:
            raise ParameterError(str(error)) from None
        self._measured, self._measured_at = None, -math.inf
        self._measured_problem = f'no joint positions on {self.resolve_topic_name(topics.JOINT_STATES)} yet'
        self._was_engaged = False
        self._command = self.create_publisher(TYPES[wanted.command_type], topics.COMMAND, qos.POSES)
        if wanted.start == 'joint_states':
            self.create_subscription(JointState, topics.JOINT_STATES, self._joint_states, 1)
        if wanted.engagement == SWITCH:
            self._engagement = EngagementSwitch(
                self, Engagement(wanted.engagement_config()), lambda: (self._message.state, self._person),
                choose=self.choose, not_ready=self._not_ready)
        elif wanted.engagement == WRIST:
            self._engagement = FollowedEngagement(self, wanted.engage_timeout, self._not_ready)
        else:
            self._engagement = NoEngagement(self._not_ready)
        self.begin()
        self.get_logger().info(f'{wanted.hand} hand, {wanted.side}: hands from {self._input.topics}, commands on '
                               f'{self.resolve_topic_name(topics.COMMAND)}')

    def _joint_states(self, message):
        try:
            self._measured = measured_positions(message, self.hand.joint_names)
        except ValueError as error:
            # Other parts of the robot publish on the same topic.
            if self._measured is None:
                self._measured_problem = f'{self.resolve_topic_name(topics.JOINT_STATES)}: {error}'
            return
        self._measured_at = time.monotonic()

    def _not_ready(self):
        """Why the hand cannot start; '' if it can."""
        if self.parameters.start == 'rest':
            return ''
        if self._measured is None:
            return self._measured_problem
        age = time.monotonic() - self._measured_at
        return '' if age <= MAX_MEASURED_AGE else f'joint positions are {age:.1f} s old'

    def forget(self, reason):
        """See DriverNode."""
        self._teleop.gate.reset(reason)

    def drive(self, observation, now):
        """See DriverNode."""
        engaged, reason = self._engagement.update(self._teleop.gate.check(now), now, self._person)
        if engaged and not self._was_engaged and self._measured is not None:
            self._teleop.limiter.restart(self._measured)
        self._was_engaged = engaged
        command = self._teleop.check(now, engaged) if observation is None else \
            self._teleop.update(observation, now, engaged)
        # Nothing is published before the operator has moved the hand, and after its release: other publishers may.
        if engaged and command.stamp is not None:
            self._publish(command)
        return command, engaged, reason or command.reason, engaged and command.stamp is not None

    def _publish(self, command):
        wanted = self.parameters
        self._command.publish(command_message(
            wanted.command_type, self._joints, reordered(command.names, command.positions, self._joints),
            stamp=self.get_clock().now().to_msg(), seconds=wanted.trajectory_time))
