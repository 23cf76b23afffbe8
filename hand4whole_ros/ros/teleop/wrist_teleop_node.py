"""The node wrist_teleop: the operator's wrist in, poses of the robot's wrist out."""

from __future__ import annotations

import time

from geometry_msgs.msg import PoseStamped, TwistStamped

from ...teleop.hand_gate import OK
from ...teleop.poses import Pose
from ...teleop.wrist_teleop import WristTeleop
from ..compat import pose_from_xyz_rpy
from ..node import qos
from . import topics
from .driver_node import DriverNode
from .engagement_input import EngagementSwitch
from .parameters import WristTeleopParameters

#: Seconds after which the measured pose of the robot is too old to start from.
MAX_MEASURED_AGE = 1.0


class WristTeleopNode(DriverNode):
    """The node. Raises ParameterError if a parameter is wrong."""

    parameters: WristTeleopParameters

    def __init__(self, *, arguments=None, **node_arguments):
        super().__init__(topics.WRIST_TELEOP_NODE, WristTeleopParameters, arguments, **node_arguments)
        wanted = self.parameters
        self._teleop = WristTeleop(pose_from_xyz_rpy(wanted.camera_xyz, wanted.camera_rpy),
                                   pose_from_xyz_rpy(wanted.start_xyz, wanted.start_rpy), wanted.side,
                                   wanted.wrist_config())
        self._measured_at = None
        self._measured_problem = f'no pose of the robot on {self.resolve_topic_name(topics.CURRENT_POSE)} yet'
        self._was_engaged = False
        self._pose = self.create_publisher(PoseStamped, topics.POSE, qos.POSES)
        self._twist = self.create_publisher(TwistStamped, topics.TWIST, qos.POSES) if wanted.publish_twist else None
        if wanted.start == 'current_pose':
            self.create_subscription(PoseStamped, topics.CURRENT_POSE, self._current_pose, 1)
        self._engagement = EngagementSwitch(
            self, self._teleop.engagement, lambda: (self._message.state, self._person), choose=self.choose,
            not_ready=self._not_ready)
        self.begin()
        self.get_logger().info(f'{wanted.side} wrist: hands from {self._input.topics}, poses on '
                               f'{self.resolve_topic_name(topics.POSE)}')

    def _current_pose(self, message):
        wanted, topic = self.parameters.base_frame, self.resolve_topic_name(topics.CURRENT_POSE)
        p, q = message.pose.position, message.pose.orientation
        try:
            if message.header.frame_id != wanted:
                raise ValueError(f'is in frame {message.header.frame_id!r}, expected {wanted!r}')
            pose = Pose.from_quaternion((p.x, p.y, p.z), (q.x, q.y, q.z, q.w))
        except ValueError as error:
            self._measured_at, self._measured_problem = None, f'{topic}: {error}'
            return
        self._measured_at = time.monotonic()
        self._teleop.set_robot_pose(pose)

    def _not_ready(self):
        """Why the robot cannot start; '' if it can."""
        if self.parameters.start == 'parameters':
            return ''
        if self._measured_at is None:
            return self._measured_problem
        age = time.monotonic() - self._measured_at
        return '' if age <= MAX_MEASURED_AGE else f'the pose of the robot is {age:.1f} s old'

    def forget(self, reason):
        """See DriverNode."""
        self._teleop.gate.reset(reason)

    def drive(self, observation, now):
        """See DriverNode."""
        command = self._teleop.check(now) if observation is None else self._teleop.update(observation, now)
        reason = self._engagement.problem if command.reason == 'not pressed' and self._engagement.problem \
            else command.reason
        stopped = self._was_engaged and not command.engaged
        self._was_engaged = command.engaged
        if command.engaged:
            self._publish_pose(command)
        if self._twist is not None and (command.engaged or stopped):
            self._twist.publish(self._make_twist(command))
        return command, command.engaged, reason, command.engaged

    def _header(self, message):
        # MoveIt Servo ignores commands older than a tenth of a second: the stamp is that of publication.
        message.header.stamp, message.header.frame_id = self.get_clock().now().to_msg(), self.parameters.base_frame
        return message

    def _publish_pose(self, command):
        message = self._header(PoseStamped())
        position, orientation = message.pose.position, message.pose.orientation
        position.x, position.y, position.z = (float(v) for v in command.pose.position)
        orientation.x, orientation.y, orientation.z, orientation.w = (float(v) for v in command.pose.quaternion)
        self._pose.publish(message)

    def _make_twist(self, command):
        """Zero while it holds."""
        message = self._header(TwistStamped())
        moving = command.engaged and command.state == OK
        for vector, velocity in ((message.twist.linear, command.velocity),
                                 (message.twist.angular, command.angular_velocity)):
            vector.x, vector.y, vector.z = (float(v) if moving else 0.0 for v in velocity)
        return message
