"""The launch arguments: one table for the launch files and for `hand4whole run`.

Imports neither `launch` nor rclpy, so that it works, and is tested, where launch is not installed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .params_file import check_params_file


@dataclass(frozen=True)
class LaunchArgument:
    """One `name:=value` of a launch file."""

    name: str
    default: str
    description: str


_DEFAULT_FROM_FILE = 'Empty: as in params_file.'

ARGUMENTS = (
    LaunchArgument('namespace', '', 'Namespace of the node, and with it of all relative topic names.'),
    LaunchArgument('image_topic', 'image', 'The camera to look through: sensor_msgs/Image, or CompressedImage '
                   'where image_transport is compressed.'),
    LaunchArgument('image_transport', '', f"'raw' or 'compressed'. {_DEFAULT_FROM_FILE}"),
    LaunchArgument('camera_info_topic', '', 'Its calibration, sensor_msgs/CameraInfo. '
                   'Empty: camera_info beside the image topic.'),
    LaunchArgument('params_file', '', 'YAML file with the parameters of the node. '
                   "Empty: the package's own config/estimate.yaml."),
    LaunchArgument('estimator', '', "Which estimator: 'auto' takes hand4whole_pp where its files are, else mediapipe; "
                   f'or a name: hand4whole_pp, open, mediapipe. {_DEFAULT_FROM_FILE}'),
    LaunchArgument('device', '', f"Where it computes: 'auto', 'cpu', 'cuda' or 'cuda:N'. {_DEFAULT_FROM_FILE}"),
    LaunchArgument('weights', '', "Weights of estimator hand4whole_pp: 'published', or 'random' to measure and to try "
                   f'things out. {_DEFAULT_FROM_FILE}'),
    LaunchArgument('weights_folder', '', f'Folder of the published weights and body models. {_DEFAULT_FROM_FILE}'),
    LaunchArgument('people', '', "Look for people: 'true', or 'false' for hands alone, as of a camera over a desk. "
                   f'{_DEFAULT_FROM_FILE}'),
    LaunchArgument('hand_length', '', 'Length in m of hands that belong to nobody, wrist to the tip of the middle '
                   f'finger. {_DEFAULT_FROM_FILE}'),
    LaunchArgument('quality', '', f"'full', or 'fast' for a smaller network of hands. {_DEFAULT_FROM_FILE}"),
    LaunchArgument('use_sim_time', '', "Take the time from /clock: 'true' with a bag or a simulator, else "
                   f"'false'. {_DEFAULT_FROM_FILE}"),
    LaunchArgument('autostart', 'true', "Configure and activate the lifecycle node at once: 'true' or 'false'."),
    LaunchArgument('log_level', 'info', "What the node logs: 'debug', 'info', 'warn', 'error' or 'fatal'."),
    LaunchArgument('rviz', 'false', "Open RViz with the package's configuration: 'true' or 'false'."),
    LaunchArgument('publish_tf', '', f"Publish the joints on /tf: 'true' or 'false'. {_DEFAULT_FROM_FILE}"),
)

#: Those that are parameters of the node as they are.
_TEXT_ARGUMENTS = ('image_transport', 'estimator', 'device', 'weights', 'weights_folder', 'quality')

LOG_LEVELS = ('debug', 'info', 'warn', 'error', 'fatal')


@dataclass(frozen=True)
class NodeLaunchPlan:
    """How to start the node, as ROS itself puts it."""

    namespace: str
    #: (from, to) names of topics.
    remappings: tuple[tuple[str, str], ...]
    params_file: Path
    #: Parameters that win over the file's.
    parameters: dict[str, str | bool | float]
    log_level: str
    rviz: bool

    def ros_arguments(self) -> list[str]:
        """The same as command line arguments of the node."""
        arguments = ['--ros-args', '--params-file', str(self.params_file), '--log-level', self.log_level]
        if self.namespace:
            arguments += ['-r', f'__ns:=/{self.namespace.strip("/")}']
        for name, target in self.remappings:
            arguments += ['-r', f'{name}:={target}']
        for name, value in self.parameters.items():
            arguments += ['-p', f'{name}:={str(value).lower() if isinstance(value, bool) else value}']
        return arguments


def default_values() -> dict[str, str]:
    """Name of every argument and its default."""
    return {argument.name: argument.default for argument in ARGUMENTS}


def parse_assignments(assignments: list[str]) -> dict[str, str]:
    """Values of all arguments from `name:=value` words; ValueError names a word that is wrong."""
    return parse_words(assignments, ARGUMENTS)


def parse_words(assignments: list[str], arguments: Iterable[LaunchArgument]) -> dict[str, str]:
    """The same of any table of arguments."""
    values = {argument.name: argument.default for argument in arguments}
    for word in assignments:
        name, separator, value = word.partition(':=')
        if not separator:
            raise ValueError(f'{word!r} is not of the form name:=value')
        if name not in values:
            raise ValueError(f'{name}: unknown argument; known are {", ".join(values)}')
        values[name] = value
    return values


def make_launch_plan(values: dict[str, str], share: Path) -> NodeLaunchPlan:
    """Check the values of all arguments and say what they mean.

    `share` is the package's share directory. ValueError names the argument that is wrong, what was
    expected and what was found.
    """
    image_topic = values['image_topic'].strip()
    if not image_topic:
        raise ValueError('image_topic: expected the name of a topic, found an empty one')
    remappings = [('image', image_topic)] if image_topic != 'image' else []
    if values['camera_info_topic']:
        remappings.append(('camera_info', values['camera_info_topic']))

    params_file = Path(os.path.expanduser(values['params_file'] or share / 'config' / 'estimate.yaml'))
    if not params_file.is_file():
        raise ValueError(f'params_file: expected a YAML file, found nothing at {params_file}')
    check_params_file(params_file)

    if values['log_level'].lower() not in LOG_LEVELS:
        raise ValueError(f'log_level: expected one of {", ".join(LOG_LEVELS)}, found {values["log_level"]!r}')

    parameters = {name: values[name] for name in _TEXT_ARGUMENTS if values[name]}
    parameters.update({name: boolean(name, values) for name in ('people', 'use_sim_time', 'autostart', 'publish_tf')
                       if values[name]})
    if values['hand_length']:
        parameters['hand_length'] = _number('hand_length', values)
    return NodeLaunchPlan(values['namespace'], tuple(remappings), params_file, parameters,
                   values['log_level'].lower(), boolean('rviz', values))


def rviz_remappings(plan: NodeLaunchPlan) -> list[tuple[str, str]]:
    """(from, to) that point the topics of config/hand4whole.rviz at this very node."""
    namespace = f'/{plan.namespace.strip("/")}' if plan.namespace.strip('/') else ''
    image = dict(plan.remappings).get('image', 'image')
    remappings = [('/image', image if image.startswith('/') else f'{namespace}/{image}')]
    remappings += [(f'/hand4whole/{topic}', f'{namespace}/hand4whole/{topic}')
                   for topic in ('markers', 'overlay')]
    return [(name, target) for name, target in remappings if name != target]


def _number(name, values):
    try:
        return float(values[name])
    except ValueError:
        raise ValueError(f'{name}: expected a number, found {values[name]!r}') from None


def boolean(name: str, values: dict[str, str]) -> bool:
    """The value of one argument; ValueError where it is neither true nor false."""
    text = values[name].strip().lower()
    if text not in ('true', 'false'):
        raise ValueError(f"{name}: expected 'true' or 'false', found {values[name]!r}")
    return text == 'true'
