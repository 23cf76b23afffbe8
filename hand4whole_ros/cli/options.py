"""Shared parts of the commands of `hand4whole`: exit codes, one-line errors, help with examples, estimator options.

torch and ROS are imported only when a command needs them.
"""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

from ..config import PEOPLE_ONLY, EstimatorConfig, EstimatorName, settings_of

EXIT_SUCCESS, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2


class UsageError(Exception):
    """The arguments or inputs are wrong; the message is one line for the user."""


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults, and keeps the examples' line breaks."""


#: Maximum number of people in one image: the default of a node, which has to keep up with a camera, is lower.
_MAX_PEOPLE_OF_PICTURES = 20


def add_command(commands, name, function, summary, *, examples):
    """A command whose help ends with examples."""
    command = commands.add_parser(name, help=summary, description=summary, formatter_class=HelpFormatter,
                                  epilog='examples:\n' + '\n'.join('  ' + line for line in examples))
    command.set_defaults(function=function)
    return command


def add_estimator_options(command):
    """The settings of an estimator as options."""
    group = command.add_argument_group('settings of the estimator',
                                       'hand4whole weights list prints the files that published networks need')
    add_setting_options(group, *(name for name, one in settings_of(EstimatorConfig).items() if one.option))


def raise_max_people(command):
    """Raise the maximum number of people of a command that works offline to that of a crowd."""
    command.set_defaults(max_people=_MAX_PEOPLE_OF_PICTURES)


def add_setting_options(command, *names, **changes):
    """Some settings of EstimatorConfig as options. changes: arguments of add_argument to replace."""
    for name in names:
        one, option = settings_of(EstimatorConfig)[name], f'--{name.replace("_", "-")}'
        if one.type is bool:
            command.add_argument(option, action=argparse.BooleanOptionalAction, default=one.default,
                                 help=one.description)
            continue
        kind = Path if one.is_path else str if one.is_text else one.type
        several: dict = {}
        if kind == tuple[float, float, float]:
            kind, several = float, {'nargs': 3}
        metavar = one.metavar or {Path: 'FILE', int: 'N'}.get(kind)
        command.add_argument(option, **{
            'type': kind, 'default': one.default, 'choices': one.choices or None, 'help': one.description,
            'metavar': metavar, **several, **changes})


def check_hand_options(args):
    """UsageError if the options about loose hands, and about grasped objects, are wrong."""
    if not 0 < args.hand_length < float('inf'):
        raise UsageError(f'--hand-length must be a positive number of metres, found {args.hand_length}')
    if not args.people and args.estimator in PEOPLE_ONLY:
        raise UsageError(f'--no-people: estimator {args.estimator} detects no hands without their people; use '
                         'mediapipe or open')
    if args.object_mesh is not None or any(args.object_size):
        from ..estimators.object_model import load_object_box
        try:
            load_object_box(EstimatorConfig(object_size=tuple(args.object_size), object_mesh=args.object_mesh))
        except ValueError as error:
            raise UsageError(error) from None


def require_ros():
    """UsageError if no ROS node can run in the environment, where rclpy would end the process."""
    from ..apps.doctor.ros_environment import fatal_problem
    problem = fatal_problem()
    if problem:
        raise UsageError(problem)


@contextlib.contextmanager
def guard_signals():
    """A SignalGuard within the block; a signal ends the process cleanly, a ValueError is an error of the arguments."""
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
    """The requested estimator, ready to use."""
    from .. import estimators
    return estimators.create(estimator_config(args, static_images))


def estimator_config(args, static_images):
    """The requested EstimatorConfig."""
    if args.estimator not in tuple(EstimatorName):
        raise UsageError(f"--estimator {args.estimator}: unknown; known are {', '.join(EstimatorName)}")
    if args.body_model is not None and not args.body_model.is_file():
        raise UsageError(f'--body-model {args.body_model}: no such file')
    if args.max_people < 1:
        raise UsageError(f'--max-people must be at least 1, found {args.max_people}')
    given = {name: getattr(args, name) for name in settings_of(EstimatorConfig) if hasattr(args, name)}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    choices = {name: one.type(given[name]) for name, one in settings_of(EstimatorConfig).items()
               if name in given and one.choices}
    return EstimatorConfig(**{**given, **choices, 'static_images': static_images})
