"""`hand4whole teleop`: the nodes of teleoperation, and their demonstration."""

from __future__ import annotations

from pathlib import Path

from .options import EXIT_FAILURE, EXIT_SUCCESS, UsageError, add_command, guard_signals, require_ros


def add_teleop_command(commands) -> None:
    """Add `hand4whole teleop` to the commands."""
    command = add_command(
        commands, 'teleop', _teleop, 'Run the teleoperation nodes for a robot hand and wrist, or a demo.',
        examples=['hand4whole teleop --demo', 'hand4whole teleop hand:=allegro side:=left sim:=true   # and beside it: '
         'hand4whole run', 'hand4whole teleop --show-args'])
    command.add_argument('arguments', nargs='*', metavar='NAME:=VALUE', help='as for ros2 launch; see --show-args')
    command.add_argument('-s', '--show-args', action='store_true', help='list the arguments and leave')
    command.add_argument('--demo', action='store_true',
                         help='a rendered operator drives a simulated hand; writes a video, a sheet and measurements')
    command.add_argument('--output', type=Path, default=Path('demo_teleop'), help='folder that --demo writes to')
    command.add_argument('--hand', default='capsule', help='of --demo: allegro, capsule, leap, shadow or a .yaml file')
    command.add_argument('--side', default='right', choices=('left', 'right'), help='of --demo: side of the operator')
    command.add_argument('--seconds', type=float, default=15.0, help='of --demo: duration of the motion, s')
    command.add_argument('--estimator', default='auto', help='of --demo: as for hand4whole run')


def _teleop(args):
    if args.demo and args.arguments:
        raise UsageError(f'--demo takes no {args.arguments[0]}: use --hand and --side')
    if not 1 <= args.seconds <= 3600:
        raise UsageError(f'--seconds must be from 1 to 3600, found {args.seconds}')
    require_ros()
    if args.demo:
        from ..ros.teleop import demo
        try:
            return (
                EXIT_SUCCESS
                if demo.run(args.output, args.hand, args.side, estimator=args.estimator, seconds=args.seconds)
                else EXIT_FAILURE
            )
        except ValueError as error:
            raise UsageError(error) from None
    from ..ros.teleop import command
    if args.show_args:
        print(command.show_arguments())
        return EXIT_SUCCESS
    from ..ros.node.signal_guard import exit_now
    with guard_signals() as guard:
        exit_now(command.run(args.arguments, guard))
