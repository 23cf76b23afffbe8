"""Base of all nodes of teleoperation: checked parameters, and diagnostics."""

from __future__ import annotations

import sys

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node

from .. import topics
from ..node import given_parameters, qos
from .parameters import SimParameters, SourceParameters


class TeleopNode(Node):
    """A node with a table of parameters and one status in /diagnostics. Raises ParameterError if one is wrong."""

    parameters: SourceParameters | SimParameters

    def __init__(self, name: str, table: type[SourceParameters | SimParameters], arguments: list[str] | None = None,
                 **node_arguments):
        """arguments: what rclpy.init was given, to name parameters that the node does not have; None: sys.argv."""
        super().__init__(name, **node_arguments)
        self.parameters = given_parameters.declare_given_parameters(
            self, table, sys.argv if arguments is None else arguments)
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._diagnostics = self.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, qos.DIAGNOSTICS)
        self.timer(self.parameters.diagnostics_period, self._publish_diagnostics)

    def timer(self, period: float, callback) -> None:
        """Call back every `period` seconds of real time."""
        self.create_timer(period, callback, clock=self._steady)

    def status(self) -> tuple[str, list[tuple[str, str]]]:
        """The fault, in one line, or ''; keys and values for diagnostics."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop all work before the process ends."""

    def _publish_diagnostics(self):
        problem, values = self.status()
        array = DiagnosticArray(status=[DiagnosticStatus(
            name=f'{self.get_name()}: teleoperation', hardware_id=self.get_fully_qualified_name(),
            level=DiagnosticStatus.WARN if problem else DiagnosticStatus.OK,
            message=problem or 'following the operator',
            values=[KeyValue(key=key, value=value) for key, value in values])])
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)
