"""What the commands of `hand4whole` share: exit codes, the one-line error, help that teaches, options of estimators.

Importing torch or ROS waits until a command needs it.
"""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

EXIT_SUCCESS, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2


class UsageError(Exception):
    """The arguments or inputs are wrong; the message is the one line to show."""


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, and keeps the examples' line breaks."""


def add_command(commands, name, function, summary, examples):
    """A command whose help ends with examples."""
    command = commands.add_parser(name, help=summary, description=summary, formatter_class=HelpFormatter,
                                  epilog='examples:\n' + '\n'.join('  ' + line for line in examples))
    command.set_defaults(function=function)
    return command


def add_estimator_options(command):
    """The fields of EstimatorConfig as options."""
    command.add_argument('--estimator', default='auto',
                         help="'auto' takes hand4whole_pp where its files are, else mediapipe; or a name: "
                              "hand4whole_pp, open, mediapipe")
    command.add_argument('--device', default='auto', help="'auto', 'cpu', 'cuda' or 'cuda:N'")
    command.add_argument('--body-model', type=Path, default=None, metavar='FILE',
                         help='SMPL-X .npz to use instead of the open body')
    command.add_argument('--open-model', type=Path, default=None, metavar='FILE',
                         help='weights for estimator open, of hand4whole train, instead of those shipped')
    command.add_argument('--lifting-model', type=Path, default=None, metavar='FILE',
                         help='weights for estimator mediapipe, of hand4whole train lift, instead of those shipped')
    full = command.add_argument_group('estimator hand4whole_pp (the last three: open, too)',
                                      'see hand4whole weights list for the files it needs')
    full.add_argument('--weights-folder', type=Path, default=None, metavar='FOLDER',
                      help='where those files are; without it, where hand4whole weights list says')
    full.add_argument('--weights', default='published', choices=('published', 'random', 'random-tiny'),
                      help='random: made up from names, to measure speed and to try things out')
    full.add_argument('--precision', default='auto', choices=('auto', 'fp32', 'bf16', 'fp16', 'int8'),
                      help='what the transformers compute in')
    full.add_argument('--detector', default='mediapipe', choices=('mediapipe',),
                      help='who finds people and hands')
    full.add_argument('--max-people', type=int, default=4, metavar='N',
                      help='people given of one image at most: the most certain or, by mediapipe and open, the largest')
    hands = command.add_argument_group('hands that belong to nobody (mediapipe, open)')
    hands.add_argument('--people', action=argparse.BooleanOptionalAction, default=True,
                       help='look for people; --no-people for hands alone, as of a camera over a desk')
    hands.add_argument('--hand-length', type=float, default=0.195, metavar='M',
                       help='of those hands, from the wrist along the middle finger to its tip, in metres: how far '
                            'away they are follows from it')
    hands.add_argument('--quality', default='full', choices=('full', 'fast'),
                       help='fast: a smaller network for the landmarks of all hands, less exact, in half its time')
    full.add_argument('--wrist', default='auto', choices=('auto', 'cham', 'body', 'copy'),
                      help="cham: the published method; body: the body expert alone; copy: the hand expert's; auto: "
                           'cham for hand4whole_pp, copy for open')
    full.add_argument('--fingers', default='hand', choices=('hand', 'body'),
                      help='hand: the published method; body: a resting hand')
    full.add_argument('--hand-shape', default='hand', choices=('hand', 'body'),
                      help="hand: the published method; body: SMPL-X's own hands")


def check_hand_options(args):
    """UsageError where the options about hands that belong to nobody are wrong."""
    if not 0 < args.hand_length < float('inf'):
        raise UsageError(f'--hand-length must be a positive number of metres, found {args.hand_length}')
    if not args.people and args.estimator == 'hand4whole_pp':
        raise UsageError('--no-people: estimator hand4whole_pp gives no hands without their people; use mediapipe or '
                         'open')


def require_ros():
    """UsageError where the environment lets no ROS node run, which rclpy would end the process over."""
    from ..apps.doctor.ros_environment import fatal_problem
    problem = fatal_problem()
    if problem:
        raise UsageError(problem)


@contextlib.contextmanager
def guard_signals():
    """A SignalGuard within the block; a signal ends the process well, a ValueError is one of the arguments."""
    from ..ros.node.signal_guard import SignalGuard, exit_now
    guard = SignalGuard()
    try:
        yield guard
    except KeyboardInterrupt:
        exit_now(EXIT_SUCCESS)
    except ValueError as error:
        raise UsageError(error) from None
    finally:
        guard.restore_handlers()


def open_store(folder: Path | None):
    """The store of published files in that folder, or None for the usual one. Raises UsageError."""
    from ..checkpoints import CheckpointError
    from ..checkpoints.store import Store
    try:
        return Store(folder)
    except CheckpointError as error:
        raise UsageError(error) from None


def create_estimator(args, static_images):
    """The estimator that was asked for, ready to use."""
    from .. import estimators
    return estimators.create(estimator_config(args, static_images))


def estimator_config(args, static_images):
    """The EstimatorConfig that was asked for."""
    import dataclasses

    from .. import estimators
    if args.estimator not in ('auto', *estimators.NAMES):
        raise UsageError(f"--estimator {args.estimator}: unknown; known are auto, {', '.join(estimators.NAMES)}")
    if args.body_model is not None and not args.body_model.is_file():
        raise UsageError(f'--body-model {args.body_model}: no such file')
    if args.max_people < 1:
        raise UsageError(f'--max-people must be at least 1, found {args.max_people}')
    check_hand_options(args)
    given = {field.name: getattr(args, field.name) for field in dataclasses.fields(estimators.EstimatorConfig)
             if hasattr(args, field.name)}
    return estimators.EstimatorConfig(**{**given, 'static_images': static_images})
