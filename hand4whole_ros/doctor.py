"""`hand4whole doctor`: what is installed, what is missing, and the command that gets it."""

from __future__ import annotations

import importlib
import importlib.util
import platform
import sys
from importlib import metadata

from . import __version__

OK, MISSING, OPTIONAL = '  ok     ', '  MISSING', '  -      '

#: module, what it is for, what to run where it is missing, whether the package is useless without it.
_PARTS = (
    ('torch', 'networks and body models', "pip install 'hand4whole_ros'", True),
    ('smplx', 'body models in SMPL-X form', "pip install 'hand4whole_ros'", True),
    ('cv2', 'pictures', "pip install 'hand4whole_ros'", True),
    ('av', 'videos', "pip install 'hand4whole_ros'", False),
    ('warp', 'drawing', "pip install 'hand4whole_ros'", True),
    ('anny', 'the open body', "pip install 'hand4whole_ros[open]'", True),
    ('mediapipe', 'the open estimator', "pip install 'hand4whole_ros[open]'", True),
    ('rclpy', 'ROS 2', "source /opt/ros/<distribution>/setup.bash, or pip install 'hand4whole_ros[ros]'", False),
    ('hand4whole_ros.msg', 'our messages', 'pip install . or colcon build: they are compiled', False),
    ('tf2_msgs', '/tf', 'it comes with ROS, or with pip install .', False),
    ('rosbags', 'bags', "pip install 'hand4whole_ros[ros]'", False),
    ('pillow_heif', 'HEIC pictures', "pip install 'hand4whole_ros[heif]'", False),
    ('launch_ros', 'ros2 launch', 'comes with a ROS installation; without it: hand4whole run', False),
    ('cv_bridge', 'cv_bridge', 'comes with a ROS installation; without it our own conversion is used', False),
)


def _state(module, distributions):
    """(found, version) of a module, without importing it; `distributions` as packages_distributions() has them."""
    try:
        found = importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        found = False
    names = distributions.get(module, []) if found else []
    name = module if module in names else next(iter(names), None)
    return found, metadata.version(name) if name else ''


def report() -> bool:
    """Print the state of this machine; True when the open estimator can run here."""
    print(f'hand4whole_ros {__version__}, Python {platform.python_version()} on {platform.platform()}')
    if not (3, 10) <= sys.version_info[:2] <= (3, 12):
        print(f'{MISSING} Python 3.10 to 3.12 is supported; this is {platform.python_version()}')
    able, distributions = True, metadata.packages_distributions()
    for module, purpose, remedy, needed in _PARTS:
        found, version = _state(module, distributions)
        if found:
            print(f'{OK} {module:20} {version:12} {purpose}')
        else:
            print(f'{MISSING if needed else OPTIONAL} {module:20} {"":12} {purpose}: {remedy}')
            able = able and not needed
    if 'torch' in distributions:
        torch = importlib.import_module('torch')
        print(f'{OK} device               {"cuda" if torch.cuda.is_available() else "cpu"}')
    print('the open estimator can run here: hand4whole demo' if able
          else 'the open estimator cannot run here: see MISSING above')
    return able
