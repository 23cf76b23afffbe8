"""`hand4whole evaluate teleop`: teleoperation of robot hands."""

from __future__ import annotations

from pathlib import Path

from ..apps.errors import WorkFailed
from .json_output import add_json_option, check_json_path, write_figures
from .options import EXIT_SUCCESS, UsageError, add_command


def add_teleop_kind(kinds) -> None:
    """Add the kind to those of `hand4whole evaluate`."""
    command = add_command(
        kinds,
        'teleop',
        _run_teleop,
        'Retargeting to robot hands: pinches, joint limits, lag, loss of the hand.',
        examples=[
            'hand4whole evaluate teleop',
            'hand4whole evaluate teleop --hand capsule --side left --noise 3',
            'hand4whole evaluate teleop --recording hand.npz --json figures.json',
            'hand4whole evaluate teleop --depth 10',
            'hand4whole evaluate teleop --hidden 5',
        ],
    )
    command.description += ('\n\nThe hand is the ground truth of a drawn operator, or a recording: an .npz file with '
                            'keypoints_3d (T, 21, 3) in metres, stamps (T,) in seconds and side.')
    command.add_argument('--hand', action='append', metavar='NAME',
                         help='robot hand: capsule, allegro, leap, shadow, or a .yaml file; may be given several '
                              'times; default: all')
    command.add_argument('--side', default='right', choices=('left', 'right'), help='side of the drawn operator')
    command.add_argument('--seed', type=int, default=10, help='seed of the operator')
    command.add_argument('--noise', type=float, default=0.0, metavar='MM',
                         help='standard deviation of the noise on every coordinate, mm')
    command.add_argument('--recording', type=Path, metavar='FILE', help='use a recorded hand instead')
    command.add_argument('--max-speed', type=float, default=10.0, metavar='RAD_S',
                         help='maximum speed of the joints, rad/s')
    command.add_argument('--no-simulation', action='store_true', help='skip the measurements that need MuJoCo')
    command.add_argument('--depth', type=int, metavar='PEOPLE',
                         help="instead: errors of the distance of the wrists of this many drawn operators, estimated "
                              'from images, with known height or palm length, and with measured depth')
    command.add_argument('--hidden', type=int, metavar='PEOPLE',
                         help='instead: the effect of the gate on the commands of this many drawn operators, one hand '
                              'of whom is covered for a while, with the hands of estimator open')
    add_json_option(command)


def _run_teleop(args):
    import math

    check_json_path(args)
    if args.depth is not None:
        return _run_depth(args)
    if args.hidden is not None:
        return _run_hidden(args)

    from ..evaluation import teleop, teleop_table
    from ..teleop import robot_hand
    from ..teleop.hand_teleop import HandTeleopConfig
    from ..teleop.joint_limiter import JointLimiterConfig
    from ..teleop.joints import RobotDescriptionError
    from ..teleop.retargeting import RetargetingUnavailable
    from ..teleop.simulation import SimulationUnavailable
    if not 0 <= args.noise < math.inf:
        raise UsageError(f'--noise must be 0 mm or more, found {args.noise:g}')
    if not 0 < args.max_speed < math.inf:
        raise UsageError(f'--max-speed must be above 0 rad/s, found {args.max_speed:g}')
    limits = JointLimiterConfig(max_speed=args.max_speed, start_speed=min(2.0, args.max_speed))
    try:
        recording = teleop.operator_recording(args.side, args.seed) if args.recording is None \
            else teleop.load_recording(args.recording)
        if args.noise:
            recording = recording.with_noise(args.noise / 1000)
        moving = teleop.fast_motion_recording(args.side, args.seed) if args.recording is None else None
        result = teleop_table.evaluate_teleop(args.hand or robot_hand.names(), recording, not args.no_simulation,
                                  HandTeleopConfig(limiter=limits), moving=moving)
    except (ValueError, RobotDescriptionError, robot_hand.HandFilesMissing, RetargetingUnavailable,
            SimulationUnavailable) as error:
        raise UsageError(error) from None
    write_figures(args.json, result)
    print(teleop_table.format_table(result))
    return EXIT_SUCCESS


def _run_hidden(args):
    from ..evaluation import teleop_hidden
    figures = _operator_figures('--hidden', args.hidden, teleop_hidden.hidden_figures, estimator='open', people=True)
    write_figures(args.json, figures)
    print(teleop_hidden.format_table(figures))
    return EXIT_SUCCESS


def _run_depth(args):
    from ..evaluation import teleop_depth
    figures = _operator_figures('--depth', args.depth, teleop_depth.depth_figures, estimator='mediapipe',
                                static_images=True)
    write_figures(args.json, figures)
    print('\n'.join(f'{name}: {value:.0f}' for name, value in figures.items()))
    return EXIT_SUCCESS


def _operator_figures(option, count, measure, **config):
    """Results of `measure` for so many drawn operators, by an estimator of that configuration."""
    from ..estimators import EstimatorConfig, EstimatorUnavailable, create
    if not 1 <= count <= 1000:
        raise UsageError(f'{option} must be from 1 to 1000 people, found {count}')
    try:
        estimator = create(EstimatorConfig(**config))
    except EstimatorUnavailable as error:
        raise UsageError(error) from None
    try:
        return measure(estimator, count)
    except ValueError as error:
        raise WorkFailed(str(error)) from None
    finally:
        estimator.close()
