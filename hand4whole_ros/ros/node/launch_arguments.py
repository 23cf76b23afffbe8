"""The launch arguments: one table for the launch files and for `hand4whole run`.

Imports neither `launch` nor rclpy, so that it works, and is tested, where launch is not installed.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...config import ViewerConfig, settings_of
from ...media.live_address import parse_live_address, url_scheme
from ..topics import NODE_NAME, OWN_CAMERA_IMAGE
from . import companions
from .parameter_table import belongs_to_ros, check_value
from .parameters import NodeParameters
from .params_file import check_params_file


@dataclass(frozen=True)
class LaunchArgument:
    """One `name:=value` of a launch file."""

    name: str
    default: str
    description: str


ARGUMENTS = (
    LaunchArgument('namespace', '', 'Namespace of the node, and with it of all relative topic names.'),
    LaunchArgument('image_topic', 'image', 'Images of the camera: sensor_msgs/Image, or CompressedImage if '
                   'image_transport is compressed.'),
    LaunchArgument('camera_info_topic', '', 'Calibration of the camera, sensor_msgs/CameraInfo. '
                   'Empty: camera_info beside the image topic.'),
    LaunchArgument('params_file', '', 'YAML file with the parameters of the node. '
                   "Empty: the package's own config/estimate.yaml."),
    *(LaunchArgument(one.name, '', f'{one.description} Empty: as in params_file.')
      for one in NodeParameters.settings().values() if one.launch),
    LaunchArgument('use_sim_time', '', "Use the time on /clock: 'true' with a bag or a simulator, else "
                   "'false'. Empty: as in params_file."),
    LaunchArgument('autostart', 'true', "Configure and activate the lifecycle node automatically: 'true' or 'false'."),
    LaunchArgument('log_level', 'info', "Log level of the node: 'debug', 'info', 'warn', 'error' or 'fatal'."),
    LaunchArgument('rviz', 'false', "Open RViz with the package's configuration: 'true' or 'false'."),
    LaunchArgument('viewer', 'false', "Show the results in a browser: 'true' or 'false'."),
    *(LaunchArgument(one.name, str(one.default), one.description)
      for one in settings_of(ViewerConfig).values() if one.launch),
)

LOG_LEVELS = ('debug', 'info', 'warn', 'error', 'fatal')


@dataclass(frozen=True)
class NodeLaunchPlan:
    """How to start the node, in terms of ROS."""

    namespace: str
    #: (from, to) names of topics.
    remappings: tuple[tuple[str, str], ...]
    params_file: Path
    #: Parameters that override the file's.
    parameters: dict[str, str | bool | int | float]
    log_level: str
    rviz: bool
    #: Parameters of the viewer; None: no viewer.
    viewer: dict[str, str | int | float] | None = None

    def ros_arguments(self) -> list[str]:
        """The same as command line arguments of the node."""
        arguments = ['--ros-args', '--params-file', str(self.params_file), '--log-level', self.log_level]
        if self.namespace:
            arguments += ['-r', f'__ns:=/{self.namespace.strip("/")}']
        for name, target in self.remappings:
            arguments += ['-r', f'{name}:={target}']
        for name, value in self.parameters.items():
            arguments += ['-p', f'{name}:={format_parameter(value)}']
        return arguments


def format_parameter(value: str | bool | int | float) -> str:
    """A parameter as ROS parses it in an argument: texts that YAML reads as numbers, as a folder 2026, in quotes."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and not (_PLAIN_TEXT.fullmatch(value) and value.lower() not in _YAML_WORDS):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


#: Texts that YAML reads as text without quotes: it has several forms of numbers, booleans and null.
_PLAIN_TEXT = re.compile(r'[A-Za-z/][A-Za-z0-9_./:-]*')
_YAML_WORDS = ('true', 'false', 'yes', 'no', 'on', 'off', 'y', 'n', 'null', 'nan', 'inf')


def default_values() -> dict[str, str]:
    """Name of every argument and its default."""
    return {argument.name: argument.default for argument in ARGUMENTS}


def parse_assignments(assignments: list[str]) -> dict[str, str]:
    """Values of all arguments from `name:=value` words; ValueError names the wrong word."""
    return parse_words(assignments, ARGUMENTS)


def parse_words(assignments: list[str], arguments: Iterable[LaunchArgument]) -> dict[str, str]:
    """The same for any table of arguments."""
    values = {argument.name: argument.default for argument in arguments}
    for word in assignments:
        name, separator, value = word.partition(':=')
        if not separator:
            raise ValueError(f'{word!r} is not of the form name:=value')
        if name not in values:
            raise ValueError(f'{name}: unknown argument; known are {", ".join(values)}')
        values[name] = value
    return values


def format_arguments(arguments: Iterable[LaunchArgument] = ARGUMENTS) -> str:
    """Arguments with their defaults and meanings, as text for the user."""
    lines = ['Arguments (pass them as NAME:=VALUE):', '']
    for argument in arguments:
        lines += [f"  {argument.name}  (default: '{argument.default}')", f'      {argument.description}']
    return '\n'.join(lines)


def make_launch_plan(values: dict[str, str], share: Path) -> NodeLaunchPlan:
    """Check the values of all arguments and interpret them.

    `share` is the package's share directory. ValueError names the wrong argument, the
    expected value and the given one.
    """
    image_topic = values['image_topic'].strip()
    if not image_topic:
        raise ValueError('image_topic: expected the name of a topic, found an empty one')
    if values.get('camera'):
        if parse_live_address(values['camera']) is None:
            raise ValueError(f'camera: expected 0, /dev/video0 or an rtsp:// or http:// address, found '
                             f'{values["camera"]!r}')
        if image_topic != 'image':
            raise ValueError(f'camera and image_topic: expected one of them, found {values["camera"]!r} and '
                             f'{image_topic!r}; the images of `camera` are on {OWN_CAMERA_IMAGE}')
        image_topic = OWN_CAMERA_IMAGE
    remappings = [('image', image_topic)] if image_topic != 'image' else []
    if values['camera_info_topic']:
        remappings.append(('camera_info', values['camera_info_topic']))

    params_file = Path(os.path.expanduser(values['params_file'] or share / 'config' / 'estimate.yaml'))
    if not params_file.is_file():
        raise ValueError(f'params_file: expected a YAML file, found nothing at {params_file}')
    check_params_file(params_file)

    if values['log_level'].lower() not in LOG_LEVELS:
        raise ValueError(f'log_level: expected one of {", ".join(LOG_LEVELS)}, found {values["log_level"]!r}')

    viewer, settings = viewer_parameters(values), NodeParameters.settings()
    parameters = {name: parameter_value(name, settings[name].type if name in settings else bool, values)
                  for name in values if values[name] and (name in settings or belongs_to_ros(name))}
    for name in parameters.keys() & settings.keys():
        check_value(name, parameters[name], settings)
    return NodeLaunchPlan(values['namespace'], tuple(remappings), params_file, parameters,
                   values['log_level'].lower(), boolean('rviz', values),
                          viewer if boolean('viewer', values) else None)


def viewer_parameters(values: dict[str, str]) -> dict[str, str | int | float]:
    """The parameters of the viewer among the values of arguments, checked. ValueError names the wrong one."""
    settings = settings_of(ViewerConfig)
    return {name: check_value(name, parameter_value(name, one.type, values), settings)
            for name, one in settings.items() if name in values}


def viewer_ros_arguments(namespace: str, parameters: dict[str, str | int | float]) -> list[str]:
    """Command line arguments of the viewer of the node in that namespace."""
    words = ['--ros-args']
    if namespace.strip('/'):
        words += ['-r', f'__ns:=/{namespace.strip("/")}']
    for name, value in parameters.items():
        words += ['-p', f'{name}:={format_parameter(value)}']
    return words


@dataclass(frozen=True)
class CameraStart:
    """Which program reads the camera."""

    #: The node hand4whole's plan.
    node: NodeLaunchPlan
    #: Program of the driver, its namespace and its parameters; None: no driver to start.
    driver: tuple[str, str, dict[str, str]] | None = None
    #: One line for the user, or ''.
    remark: str = ''


def choose_camera_driver(plan: NodeLaunchPlan) -> CameraStart:
    """A driver for the plan's device where one is installed, else the node itself, as for streams."""
    camera = parse_live_address(str(plan.parameters.get('camera', '')))
    if not camera or url_scheme(camera):
        return CameraStart(plan)
    driver = companions.find_camera_driver()
    if driver is None or driver.path is None:
        packages = [one.package for one in companions.CAMERA_DRIVERS]
        return CameraStart(plan, None, f'{camera}: the node reads it itself, as neither {" nor ".join(packages)} is '
                                       f'installed ({companions.apt_command(packages[0])})')
    parameters = {'video_device': camera, **driver.parameters}
    if plan.parameters.get('camera_calibration'):
        parameters['camera_info_url'] = Path(str(plan.parameters['camera_calibration'])).absolute().as_uri()
    own = {name: value for name, value in plan.parameters.items() if name not in ('camera', 'camera_calibration')}
    namespace = _in_namespace(plan, OWN_CAMERA_IMAGE).rpartition('/')[0]
    return CameraStart(dataclasses.replace(plan, parameters=own), (driver.path, namespace, parameters))


def rviz_command(plan: NodeLaunchPlan, share: Path, frame: str | None = None) -> list[str]:
    """The command that opens RViz on this node. frame: of the images, if it is known before they come."""
    return companions.rviz_command(
        share / 'config' / 'hand4whole.rviz', rviz_remappings(plan), frame=frame,
        poses_topic=_in_namespace(plan, f'{NODE_NAME}/poses'), use_sim_time=plan.parameters.get('use_sim_time') is True)


def _in_namespace(plan, topic):
    return '/'.join(('', *plan.namespace.strip('/').split('/'), topic)).replace('//', '/')


def rviz_remappings(plan: NodeLaunchPlan) -> list[tuple[str, str]]:
    """(from, to) from the topics of config/hand4whole.rviz to those of this node."""
    image = dict(plan.remappings).get('image', 'image')
    remappings = [('/image', image if image.startswith('/') else _in_namespace(plan, image))]
    remappings += [(f'/{NODE_NAME}/{topic}', _in_namespace(plan, f'{NODE_NAME}/{topic}'))
                   for topic in ('markers', 'overlay')]
    return [(name, target) for name, target in remappings if name != target]


def parameter_value(name: str, kind: Any, values: dict[str, str]) -> str | bool | int | float:
    """The value of an argument that is a parameter of this type; texts are checked by the node. ValueError names it."""
    if kind is bool:
        return boolean(name, values)
    if kind not in (int, float):
        return values[name]
    try:
        return kind(values[name])
    except ValueError:
        raise ValueError(f'{name}: expected a number, found {values[name]!r}') from None


def boolean(name: str, values: dict[str, str]) -> bool:
    """The value of one argument; ValueError if it is neither true nor false."""
    text = values[name].strip().lower()
    if text not in ('true', 'false'):
        raise ValueError(f"{name}: expected 'true' or 'false', found {values[name]!r}")
    return text == 'true'
