"""The node sim_hand: a simulated robot hand that takes commands and publishes its joints, fingertips and an image."""

from __future__ import annotations

import time

from geometry_msgs.msg import Point, Pose, PoseArray
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Header

from ...teleop.simulation import SimulatedHand, SimulationUnavailable
from ..conversions import images
from ..node import qos
from ..node.latest_worker import LatestWorker
from ..node.parameter_table import ParameterError
from ..node.program import one_line
from . import topics
from .command_messages import TYPES, commanded_positions
from .parameters import SimParameters
from .retarget_node import command_joints, load_hand
from .teleop_node import TeleopNode

#: Maximum seconds simulated in one step: after a gap the simulation continues, slower than real time.
_MAX_STEP = 0.1

#: Maximum seconds to finish an image being drawn when the node stops.
_PATIENCE = 1.0


class SimNode(TeleopNode):
    """The node. Raises ParameterError if a parameter is wrong or the hand cannot be simulated."""

    parameters: SimParameters

    def __init__(self, *, arguments=None, **node_arguments):
        super().__init__(topics.SIM_NODE, SimParameters, arguments, **node_arguments)
        wanted = self.parameters
        self.hand = load_hand(wanted.hand, wanted.side)
        self._order = command_joints(wanted.joints, self.hand)
        try:
            self._simulated = SimulatedHand(self.hand)
            # Images are drawn on a thread of their own, from a hand of their own.
            self._drawn = SimulatedHand(self.hand)
        except SimulationUnavailable as error:
            raise ParameterError(str(error)) from None
        self._commands = self._refused = 0
        self._stepped = time.monotonic()
        self._joint_states = self.create_publisher(JointState, topics.JOINT_STATES, qos.POSES)
        self._tips = self.create_publisher(PoseArray, topics.SIM_TIPS, qos.POSES)
        self._image = self.create_publisher(Image, topics.SIM_IMAGE, qos.VISUALIZATIONS)
        self._overlay = LatestWorker(self._draw, self._log_drawing_error)
        self._overlay.min_period = 1 / wanted.image_rate
        self._overlay.start()
        self.create_subscription(TYPES[wanted.command_type], topics.SIM_COMMAND, self._commanded, 1)
        self.timer(1 / wanted.rate, self._step)
        self.get_logger().info(f'{wanted.hand} hand, {wanted.side}: commands from '
                               f'{self.resolve_topic_name(topics.SIM_COMMAND)}')

    def stop(self):
        """See TeleopNode."""
        self._overlay.stop(_PATIENCE)

    def _commanded(self, message):
        try:
            self._simulated.command(*commanded_positions(self.parameters.command_type, message, self._order))
        except ValueError as error:
            self._refused += 1
            self.get_logger().warning(f'command left out: {error}', throttle_duration_sec=5.0)
        else:
            self._commands += 1

    def _step(self):
        now = time.monotonic()
        self._simulated.step(min(now - self._stepped, _MAX_STEP))
        self._stepped = now
        header = Header(stamp=self.get_clock().now().to_msg(), frame_id=self.hand.wrist_link)
        positions = self._simulated.joint_positions
        self._joint_states.publish(JointState(
            header=header, name=list(self.hand.joint_names), position=positions.tolist(),
            velocity=self._simulated.joint_velocities.tolist()))
        self._tips.publish(PoseArray(header=header, poses=[
            Pose(position=Point(x=x, y=y, z=z)) for x, y, z in self._simulated.tip_positions.tolist()]))
        if self._image.get_subscription_count() > 0:
            self._overlay.submit((header, positions))

    def _log_drawing_error(self, error):
        self.get_logger().error(f'nothing drawn: {one_line(error)}', throttle_duration_sec=5.0)

    def _draw(self, item):
        header, positions = item
        self._drawn.reset(positions)
        size = self.parameters.image_size
        self._image.publish(images.image_message(self._drawn.render(size, size), header))

    def status(self):
        """See TeleopNode."""
        problem = '' if self._commands else f'no command yet on {self.resolve_topic_name(topics.SIM_COMMAND)}'
        return problem, [('commands', str(self._commands)), ('commands left out', str(self._refused)),
                         ('thumb to index finger (mm)', f'{1000 * self._simulated.pinch_distance():.1f}')]
