"""`hand4whole record`."""

from __future__ import annotations

from pathlib import Path

from .options import EXIT_SUCCESS, UsageError, add_command, require_ros


def add_record_command(commands) -> None:
    """Add it to the command line."""
    command = add_command(
        commands, 'record', _run, 'Record topics into a bag until Ctrl-C, if ros2 bag record is not installed.',
        examples=['hand4whole record --output run1                     # everything that is published',
         'hand4whole record --output run1 /camera/image_raw/compressed /camera/camera_info /hand4whole/poses /tf'])
    command.add_argument('topics', nargs='*', metavar='TOPIC', help='topic to record; default: all')
    command.add_argument('--output', type=Path, required=True, metavar='OUT',
                         help='folder of the new bag; named OUT.partial until it is complete')
    command.add_argument('--duration', type=float, metavar='S', help='duration of the recording, s')
    command.add_argument('--storage', default='mcap', choices=('mcap', 'sqlite3'), help='storage of the bag')


def _run(args):
    if args.duration is not None and not 0 < args.duration < float('inf'):
        raise UsageError(f'--duration must be a positive number of seconds, found {args.duration}')
    require_ros()
    from ..ros.bag import live_recording
    live_recording.run(args.output, args.topics, args.duration, args.storage)
    return EXIT_SUCCESS
