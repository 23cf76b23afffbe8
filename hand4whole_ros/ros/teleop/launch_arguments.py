"""Arguments of teleop.launch.py and of `hand4whole teleop`: one table, and the nodes that they start.

Imports neither `launch` nor rclpy.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..node.launch_arguments import LOG_LEVELS, LaunchArgument, boolean, parse_words
from ..node.params_file import check_params_file
from . import topics

ARGUMENTS = (
    LaunchArgument('namespace', '', 'Namespace of the nodes; that of the node hand4whole.'),
    LaunchArgument('hand', 'capsule', 'The robot hand: allegro, capsule, leap, shadow, or the path of a .yaml file.'),
    LaunchArgument('side', 'right', "The operator's hand, and the side of the robot: 'left' or 'right'."),
    LaunchArgument('source', 'poses', "Source of the hands: 'poses', 'operator' or, without a body in view, 'hands': "
                                      'topics of the node hand4whole.'),
    LaunchArgument('sim', 'false', "Start a simulated hand that executes the commands: 'true' or 'false'."),
    LaunchArgument('wrist', 'true', "Start wrist_teleop, with which the fingers engage: 'true' or 'false'. 'false': "
                                    'the fingers have their own switch, ~/engage of retarget.'),
    LaunchArgument('openxr', 'false', "Start openxr, joints of both hands for Isaac Teleop: 'true' or 'false'."),
    LaunchArgument('params_file', '', "YAML file with parameters of any of the nodes. Empty: the package's own "
                                      'config/teleop/.'),
    LaunchArgument('use_sim_time', 'false', "Use the time on /clock: 'true' or 'false'."),
    LaunchArgument('log_level', 'info', "Log level of the nodes: 'debug', 'info', 'warn', 'error' or 'fatal'."),
)


@dataclass(frozen=True)
class NodeStart:
    """One node to start."""

    program: str                # of programs.py
    node: str
    ros_arguments: list[str]

    @property
    def executable(self) -> str:
        """Its name for `ros2 run`."""
        return f'hand4whole_{self.program}_node'


def parse(assignments: list[str]) -> dict[str, str]:
    """Values of all arguments from `name:=value` words; ValueError names the wrong word."""
    return parse_words(assignments, ARGUMENTS)


def plan(values: dict[str, str], share: Path) -> list[NodeStart]:
    """The nodes to start. share: the package's share directory. ValueError names the wrong argument."""
    for name, known in (('side', ('left', 'right')), ('source', ('poses', 'operator', 'hands'))):
        if values[name] not in known:
            raise ValueError(f'{name}: expected one of {", ".join(known)}, found {values[name]!r}')
    if not values['hand'].strip():
        raise ValueError('hand: expected the name of a robot hand, found an empty one')
    if values['log_level'].lower() not in LOG_LEVELS:
        raise ValueError(f'log_level: expected one of {", ".join(LOG_LEVELS)}, found {values["log_level"]!r}')
    own_file = None
    if values['params_file']:
        own_file = Path(os.path.expanduser(values['params_file']))
        if not own_file.is_file():
            raise ValueError(f'params_file: expected a YAML file, found nothing at {own_file}')
        check_params_file(own_file)
    wrist = boolean('wrist', values)
    hand, side, source = ({name: values[name]} for name in ('hand', 'side', 'source'))
    wanted = [('retarget', topics.RETARGET_NODE,
               {**hand, **side, **source, 'engagement': 'wrist' if wrist else 'switch'})]
    if wrist:
        wanted.append(('wrist_teleop', topics.WRIST_TELEOP_NODE, {**side, **source}))
    if boolean('openxr', values):
        wanted.append(('openxr', topics.OPENXR_NODE, source))
    if boolean('sim', values):
        wanted.append(('sim', topics.SIM_NODE, {**hand, **side}))
    return [NodeStart(program, node, _ros_arguments(node, parameters, values, share=share, own_file=own_file))
            for program, node, parameters in wanted]


def _ros_arguments(node, parameters, values, *, share, own_file):
    words = ['--ros-args', '--params-file', str(share / 'config' / 'teleop' / f'{node}.yaml')]
    if own_file is not None:
        words += ['--params-file', str(own_file)]
    words += ['--log-level', values['log_level'].lower()]
    if values['namespace']:
        words += ['-r', f'__ns:=/{values["namespace"].strip("/")}']
    for name, value in parameters.items():
        words += ['-p', f'{name}:={value}']
    return [*words, '-p', f'use_sim_time:={str(boolean("use_sim_time", values)).lower()}']
