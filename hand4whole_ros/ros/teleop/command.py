"""`hand4whole teleop`: the equivalent of teleop.launch.py where `ros2 launch` is not installed."""

from __future__ import annotations

import subprocess
import time

from ..compat import share_directory
from ..demo.programs import stop_programs
from ..node.companions import module_command
from ..node.launch_arguments import format_arguments
from ..node.signal_guard import SignalGuard
from . import launch_arguments
from .launch_arguments import ARGUMENTS

#: Seconds between checks whether a node has ended.
_PERIOD = 0.1


def show_arguments() -> str:
    """The arguments with their defaults and meanings, as text for the user."""
    return format_arguments(ARGUMENTS)


def run(assignments: list[str], end: SignalGuard) -> int:
    """Run the nodes until a signal comes, or one of them ends; the exit code. ValueError names a wrong argument."""
    starts = launch_arguments.plan(launch_arguments.parse(assignments), share_directory())
    end.enable_interrupts()
    children = []
    try:
        children += [subprocess.Popen(module_command(f'{__package__}.programs', one.program, *one.ros_arguments))
                     for one in starts]
        while all(child.poll() is None for child in children):
            time.sleep(_PERIOD)
        # A robot must not be driven by only some of the requested nodes.
        return next(child.returncode for child in children if child.poll() is not None)
    finally:
        end.done()
        stop_programs(children)
