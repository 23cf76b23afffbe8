"""`hand4whole view`: the arguments of the viewer, and the viewer itself."""

from __future__ import annotations

from ...config import ViewerConfig, settings_of
from ..node.launch_arguments import LaunchArgument, parse_words, viewer_parameters, viewer_ros_arguments
from ..node.signal_guard import SignalGuard
from . import program

ARGUMENTS = (
    LaunchArgument('namespace', '', 'Namespace of the node that is shown.'),
    *(LaunchArgument(one.name, str(one.default), one.description) for one in settings_of(ViewerConfig).values()))


def run(assignments: list[str], guard: SignalGuard) -> int:
    """Show the node until a signal comes; the exit code. ValueError names a wrong argument."""
    values = parse_words(assignments, ARGUMENTS)
    return program.run(viewer_ros_arguments(values['namespace'], viewer_parameters(values)), guard)
