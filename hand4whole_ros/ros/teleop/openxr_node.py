"""The node openxr: both hands in OpenXR's conventions, as NVIDIA Isaac Teleop expects them."""

from __future__ import annotations

import time

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion

from ... import skeleton
from ...msg import NamedPoseArray
from ...teleop.hand_gate import OK, HandGate
from ...teleop.openxr import BOTH_HANDS, JOINT_NAMES, no_hand, to_openxr
from ..node import qos
from . import topics
from .delays import Delays
from .hand_input import HandInput
from .parameters import OpenXrParameters
from .teleop_node import TeleopNode

#: Seconds between checks whether hands still come.
_CHECK_PERIOD = 0.1


def named_poses(hands, header) -> NamedPoseArray:
    """Two OpenXrHand, left first, as a message."""
    positions = np.concatenate([hand.positions for hand in hands]).tolist()
    quaternions = np.concatenate([hand.quaternions for hand in hands]).tolist()
    return NamedPoseArray(
        header=header, name=list(BOTH_HANDS), is_valid=np.concatenate([hand.is_valid for hand in hands]).tolist(),
        pose=[Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(x=a, y=b, z=c, w=d))
              for (x, y, z), (a, b, c, d) in zip(positions, quaternions)])


class OpenXrNode(TeleopNode):
    """The node. Raises ParameterError if a parameter is wrong."""

    parameters: OpenXrParameters

    def __init__(self, *, arguments=None, **node_arguments):
        super().__init__(topics.OPENXR_NODE, OpenXrParameters, arguments, **node_arguments)
        self._gates = {side: HandGate(self.parameters.gate()) for side in skeleton.SIDES}
        self._hands = {side: no_hand() for side in skeleton.SIDES}
        self._valid = {side: False for side in skeleton.SIDES}
        self._reasons = {side: 'no hand yet' for side in skeleton.SIDES}
        self._header, self._images, self._delays = None, 0, Delays()
        self._publisher = self.create_publisher(NamedPoseArray, topics.HANDS, qos.POSES)
        self._input = HandInput(self, self.parameters, skeleton.SIDES, self._received)
        self.timer(_CHECK_PERIOD, self._check)
        self.get_logger().info(f'hands from {self._input.topics}, joints on '
                               f'{self.resolve_topic_name(topics.HANDS)}')

    def _received(self, side, measured, added):
        started = time.monotonic()
        result = self._gates[side].update(measured.observation, started)
        self._valid[side], self._reasons[side] = result.fresh and result.state == OK, result.reason
        if self._valid[side]:
            self._hands[side] = to_openxr(measured.observation.keypoints, side)
        # Both hands of an image are published together.
        both = self._header is not None and measured.header.stamp == self._header.stamp
        self._header = measured.header
        if both:
            self._images += 1
            self._publish()
            self._delays.add(added + time.monotonic() - started)

    def _check(self):
        """Publish hands that no longer come as invalid."""
        silent = False
        for side, gate in self._gates.items():
            result = gate.check(time.monotonic())
            if self._valid[side] and result.state != OK:
                self._valid[side], self._reasons[side], silent = False, result.reason, True
        if silent:
            self._publish()

    def _publish(self):
        message = named_poses([self._hands[side] for side in skeleton.SIDES], self._header)
        valid = [self._valid[side] for side in skeleton.SIDES for _ in JOINT_NAMES]
        message.is_valid = [one and ours for one, ours in zip(message.is_valid, valid)]
        self._publisher.publish(message)

    def status(self):
        """See TeleopNode."""
        problem = f'nothing comes on {self._input.topics}: does the node hand4whole run?' if not self._images else \
            '' if any(self._valid.values()) else '; '.join(f'{s}: {reason}' for s, reason in self._reasons.items())
        return problem, [('images', str(self._images)),
                         *((f'{side} hand', 'valid' if self._valid[side] else self._reasons[side])
                           for side in skeleton.SIDES), *self._delays.values('added by this node')]
