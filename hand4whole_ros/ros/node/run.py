"""`hand4whole run`: the equivalent of estimate.launch.py where `ros2 launch` is not installed."""

from __future__ import annotations

import logging
import subprocess

from ...viewer.server import missing_library
from ..compat import share_directory
from . import companions, launch_arguments, lifecycle_node
from .signal_guard import SignalGuard

log = logging.getLogger(__name__)


def main(assignments: list[str], signal_guard: SignalGuard | None = None) -> int:
    """Run the node until it is stopped, and return its exit code. ValueError names a wrong argument.

    `signal_guard`: as for main.run.
    """
    signal_guard = signal_guard or SignalGuard()
    signal_guard.enable_interrupts()     # RViz, once open, must be closed
    values = launch_arguments.parse_assignments(assignments)
    plan = launch_arguments.make_launch_plan(values, share_directory())
    companions = [_open_rviz(plan) if plan.rviz else None, _open_viewer(plan) if plan.viewer is not None else None]
    try:
        return lifecycle_node.run_node(plan.ros_arguments(), None, signal_guard)
    finally:
        signal_guard.done()
        for companion in companions:
            if companion is not None:
                companion.terminate()


def _open_rviz(plan):
    problem = companions.missing_rviz()
    if problem:
        log.warning('%s', problem)
        return None
    return subprocess.Popen(launch_arguments.rviz_command(plan, share_directory()))


def _open_viewer(plan):
    problem = missing_library()
    if problem:
        log.warning('%s. The node runs without it', problem)
        return None
    return subprocess.Popen(companions.module_command('hand4whole_ros.ros.viewer.program',
                             *launch_arguments.viewer_ros_arguments(plan.namespace, plan.viewer)))
