"""Joint commands to messages and back: pure functions without node or clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration, Time
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from ...teleop.joints import reordered

#: Parameter command_type -> type of the message.
TYPES = {'joint_state': JointState, 'joint_trajectory': JointTrajectory, 'forward_command': Float64MultiArray}


def command_message(kind: str, names: Sequence[str], positions: np.ndarray, *, stamp: Time, seconds: float) -> Any:
    """Positions (J,) rad of joints as a message of TYPES[kind].

    stamp: of publication, for joint_state; a trajectory starts when it arrives, and takes `seconds`.
    """
    values = [float(position) for position in positions]
    if kind == 'joint_state':
        message = JointState(name=list(names), position=values)
        message.header.stamp = stamp
        return message
    if kind == 'joint_trajectory':
        whole, rest = divmod(round(seconds * 1e9), 10**9)
        return JointTrajectory(joint_names=list(names), points=[JointTrajectoryPoint(
            positions=values, time_from_start=Duration(sec=whole, nanosec=rest))])
    return Float64MultiArray(data=values)


def commanded_positions(kind: str, message: Any, order: Sequence[str]) -> tuple[Sequence[str], Sequence[float]]:
    """Names and positions of a command; those of the last point of a trajectory. `order`: of forward_command.

    ValueError if a message holds no positions, or not one for each joint.
    """
    if kind == 'joint_state':
        names, positions = message.name, message.position
    elif kind == 'joint_trajectory':
        names, positions = message.joint_names, message.points[-1].positions if message.points else []
    else:
        names, positions = order, message.data
    if len(names) != len(positions) or not len(names):
        raise ValueError(f'expected one position for each joint, found {len(positions)} for {len(names)}')
    return list(names), list(positions)


def measured_positions(message: JointState, wanted: Sequence[str]) -> np.ndarray:
    """(J,) rad, measured joint positions in the order of `wanted`.

    ValueError if a joint is missing or a position is not finite.
    """
    if len(message.name) != len(message.position):
        raise ValueError(f'{len(message.name)} names and {len(message.position)} positions')
    positions = reordered(list(message.name), np.asarray(message.position, np.float64), wanted)
    if not np.isfinite(positions).all():
        raise ValueError('a joint position is not finite')
    return positions
