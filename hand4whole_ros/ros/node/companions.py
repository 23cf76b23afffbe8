"""Programs of other packages that are started with the node: RViz and camera drivers, where they are installed.

Imports neither `launch` nor rclpy, so that it works, and is tested, where launch is not installed.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

#: Frame of the images of a driver that is started here.
CAMERA_FRAME = 'camera_optical_frame'


def find_executable(package: str, executable: str) -> str | None:
    """Path of a program of a ROS package, as `ros2 run` finds it, else as a shell does; None if it is missing."""
    try:
        from ament_index_python.packages import get_package_prefix
        found = Path(get_package_prefix(package), 'lib', package, executable)
    except (ImportError, LookupError, OSError, ValueError):     # no ament index, not in it, no AMENT_PREFIX_PATH
        return shutil.which(executable)
    return str(found) if os.access(found, os.X_OK) else shutil.which(executable)


def module_command(module: str, *words: str) -> list[str]:
    """A command that runs a module of this package as a program, with this Python.

    `python -m` would search the current folder first, which may contain the package's source, without the
    messages, after a build.
    """
    return [sys.executable, '-c', _RUN_MODULE, module, *words]


_RUN_MODULE = ('import runpy, sys; sys.path[:1] = [] if sys.path[0] == "" else sys.path[:1]; del sys.argv[0]; '
               'runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)')


def apt_command(*packages: str) -> str:
    """The command that installs ROS packages on this distribution."""
    names = (f'ros-{os.environ.get("ROS_DISTRO") or "$ROS_DISTRO"}-{name.replace("_", "-")}' for name in packages)
    return f'sudo apt install {" ".join(names)}'


def missing_rviz() -> str | None:
    """How to install RViz, as one line; None if it is installed."""
    if find_executable('rviz2', 'rviz2') is not None:
        return None
    return (f'rviz2 is not installed: {apt_command("rviz2")}, or see the results in a browser with viewer:=true. The '
            'node runs without RViz')


def rviz_command(config: Path, remappings: Sequence[tuple[str, str]], *, frame: str | None = None,
                 poses_topic: str = '', use_sim_time: bool = False) -> list[str]:
    """A command that opens RViz with its fixed frame on the images' frame.

    frame: that frame; None: RViz is opened when the first message on `poses_topic` specifies it.
    """
    rviz = find_executable('rviz2', 'rviz2') or 'rviz2'
    words = [word for pair in remappings for word in ('-r', ':='.join(pair))]
    if use_sim_time:
        words += ['-p', 'use_sim_time:=true']
    command = [rviz, '-d', str(config), *(['--ros-args', *words, '--'] if words else [])]
    if frame is not None:
        return [*command, '-f', frame]
    return module_command('hand4whole_ros.ros.node.rviz', poses_topic, *command)


def missing_ros2_bag() -> str | None:
    """How to install `ros2 bag`, as one line; None if it is installed."""
    if shutil.which('ros2') is not None and importlib.util.find_spec('ros2bag') is not None:
        return None
    return f'ros2 bag is not installed: {apt_command("rosbag2")}'


@dataclass(frozen=True)
class CameraDriver:
    """A package that publishes the images of a device on image_raw, and its calibration on camera_info."""

    package: str
    executable: str
    #: Parameters besides `video_device`.
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str | None:
        """Path of the program; None if it is not installed."""
        return find_executable(self.package, self.executable)


CAMERA_DRIVERS = (CameraDriver('usb_cam', 'usb_cam_node_exe', {'frame_id': CAMERA_FRAME}),
                  CameraDriver('v4l2_camera', 'v4l2_camera_node', {'camera_frame_id': CAMERA_FRAME}))


def find_camera_driver() -> CameraDriver | None:
    """The first of CAMERA_DRIVERS that is installed."""
    return next((driver for driver in CAMERA_DRIVERS if driver.path is not None), None)
