"""`hand4whole doctor`: installed, missing and broken parts, and the command that installs or repairs each."""

from __future__ import annotations

import importlib.util
import platform
import sys
from importlib import metadata

from ... import __version__
from ...system.requirements import NETWORKS, install_command
from . import probes, ros_environment

OK, MISSING, BROKEN, OPTIONAL, CHECK = '  ok     ', '  MISSING', '  BROKEN ', '  -      ', '  CHECK  '

#: The oldest and the newest Python that is supported.
PYTHONS = (3, 10), (3, 14)

_NETWORKS = install_command(*NETWORKS)

#: module, its purpose, the command that installs it, whether the package requires it.
_COMPONENTS = (
    ('cv2', 'pictures', install_command('opencv-python-headless'), True),
    ('av', 'videos', install_command('av'), False),
    ('ai_edge_litert', 'networks for landmarks', install_command('ai-edge-litert'), True),
    ('torch', 'the networks of other estimators than mediapipe', _NETWORKS, False),
    ('smplx', 'the same', _NETWORKS, False),
    ('roma', 'the same', _NETWORKS, False),
    ('rclpy', 'ROS 2', "source /opt/ros/<distribution>/setup.bash, or in the package's folder: pip install "
     "-c constraints.txt '.[ros,open]'", False),
    ('hand4whole_ros.msg', 'our messages', 'pip install . or colcon build: they are compiled', False),
    ('tf2_msgs', '/tf', 'it comes with ROS, or with pip install .', False),
    ('rosbags', 'bags', install_command('rosbags'), False),
    ('anny', 'drawn people: training, measuring', install_command('anny', 'warp-lang'), False),
    ('warp', 'the same', install_command('anny', 'warp-lang'), False),
    ('pillow_heif', 'HEIC pictures', install_command('pillow-heif'), False),
    ('dexi_rs', 'robot hands that follow', install_command('dexi-rs'), False),
    ('mujoco', 'a simulated robot hand', install_command('mujoco'), False),
    ('viser', 'a page for a browser', install_command('viser'), False),
    ('launch_ros', 'ros2 launch', 'comes with a ROS installation; without it: hand4whole run', False),
    ('cv_bridge', 'cv_bridge', 'comes with a ROS installation; without it our own conversion is used', False),
)

#: Module -> its name on PyPI, where they differ.
_DISTRIBUTIONS = {'ai_edge_litert': 'ai-edge-litert', 'cv2': 'opencv-python-headless', 'warp': 'warp-lang'}


def print_report() -> bool:
    """Print the state of this machine; True when the open estimator, and the node where ROS is installed, can run."""
    print(f'hand4whole_ros {__version__}, Python {platform.python_version()} on {platform.platform()}')
    if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        oldest, newest = ('.'.join(map(str, version)) for version in PYTHONS)
        print(f'{MISSING} Python {oldest} to {newest} is supported; this is {platform.python_version()}')
    distributions = metadata.packages_distributions()
    states = {module: _module_state(module, distributions) for module, *_ in _COMPONENTS}
    # rclpy may end the process that imports it; it is checked by creating a node below.
    imports = probes.probe_imports([module for module, _, _, needed in _COMPONENTS if needed and states[module][0]])
    able = True
    for module, purpose, remedy, needed in _COMPONENTS:
        found, version = states[module]
        if module in imports.errors:
            error = imports.errors[module]
            print(f'{BROKEN} {module:20} {version:12} {purpose}: {error[:300]}: {_repair_command(module, error)}')
        elif found:
            print(f'{OK} {module:20} {version:12} {purpose}')
        else:
            print(f'{MISSING if needed else OPTIONAL} {module:20} {"":12} {purpose}: {remedy}')
        able = able and module not in imports.errors and (found or not needed)
    if imports.device:
        print(f'{OK} {"device":20} {imports.device}')
    ros = states['rclpy'][0]
    node = ros and _report_node()
    print(f'the open estimator can run here: hand4whole {"demo" if node else "estimate PHOTO --overlay OUT"}' if able
          else 'the open estimator cannot run here: see MISSING or BROKEN above')
    if ros and not node:
        print('the ROS node cannot run here: see BROKEN above')
    return able and (node or not ros)


def _repair_command(module, error):
    if 'cannot open shared object file' in error:
        return 'install the system library that it names (libGL.so.1: apt-get install libgl1)'
    return f'pip install --force-reinstall --no-deps {_DISTRIBUTIONS.get(module, module)}'


def _module_state(module, distributions):
    """(found, version) of a module, without importing it; `distributions`: of packages_distributions()."""
    try:
        found = importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        found = False
    names = distributions.get(module, []) if found else []
    name = module if module in names else next(iter(names), None)
    return found, metadata.version(name) if name else ''


def _report_node():
    """Report whether a node can be created in this environment."""
    found = ros_environment.check_environment()
    for finding in found:
        print(f'{BROKEN if finding.fatal else CHECK} {"ROS environment":20} {finding.line}')
    if any(finding.fatal for finding in found):
        return False
    error = probes.probe_node()
    if error is None:
        return True
    print(f'{BROKEN} {"ROS node":20} {error}: is the right ROS sourced, for Python {platform.python_version()}?')
    return False
