"""`hand4whole run`: estimate.launch.py's work where `ros2 launch` is not installed."""

from __future__ import annotations

import logging
import shutil
import subprocess

from ..compat import share_directory
from . import launch_arguments, lifecycle_node
from .launch_arguments import ARGUMENTS
from .signal_guard import SignalGuard

log = logging.getLogger(__name__)


def format_arguments() -> str:
    """The arguments with their defaults and meanings, for people."""
    lines = ["Arguments (pass them as NAME:=VALUE):", '']
    for argument in ARGUMENTS:
        lines += [f"  {argument.name}  (default: '{argument.default}')", f'      {argument.description}']
    return '\n'.join(lines)


def main(assignments: list[str], signal_guard: SignalGuard | None = None) -> int:
    """Run the node until it is told to stop; its exit code. ValueError names a wrong argument.

    `end`: as for node.run.
    """
    signal_guard = signal_guard or SignalGuard()
    signal_guard.enable_interrupts()     # RViz, once it is open, must not be left behind
    values = launch_arguments.parse_assignments(assignments)
    plan = launch_arguments.make_launch_plan(values, share_directory())
    rviz = _open_rviz(plan) if plan.rviz else None
    try:
        return lifecycle_node.run_node(plan.ros_arguments(), None, signal_guard)
    finally:
        signal_guard.done()
        if rviz is not None:
            rviz.terminate()


def _open_rviz(plan):
    if shutil.which('rviz2') is None:
        log.warning('rviz2 is not installed here: the node runs without it')
        return None
    remappings = [word for pair in launch_arguments.rviz_remappings(plan) for word in ('-r', ':='.join(pair))]
    config = share_directory() / 'config' / 'hand4whole.rviz'
    return subprocess.Popen(['rviz2', '-d', str(config), *(['--ros-args', *remappings] if remappings else [])])
