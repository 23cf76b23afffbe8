"""What `hand4whole train` understands, and what it does."""

from __future__ import annotations

from pathlib import Path

from .command_line import DONE, Help, UsageError, add_command

#: Stage -> steps by default, and what it is.
_STAGES = {
    'guess': (6000, 'the first guess of both experts, without pictures: a quarter of an hour'),
    'body': (2500, 'the body expert, on pictures: an hour on one core'),
    'hand': (2500, 'the hand expert, on pictures: an hour on one core'),
    'cham': (1200, 'CHAM between the experts, which stay as they are: half an hour on two cores')}


def add(commands) -> None:
    """Add the command and its kinds."""
    summary = 'Train the open model on people that this package draws.'
    command = commands.add_parser(
        'train', help=summary, description=summary, formatter_class=Help,
        epilog='from nothing to a model, in this order (body and hand may run side by side):\n'
               '  hand4whole train people --output people --count 24000\n'
               + ''.join(f'  hand4whole train {stage:6} --people people --run run     # {what}\n'
                         for stage, (_, what) in _STAGES.items())
               + '  hand4whole train pack --run run --output open_model.npz\n'
               '  hand4whole evaluate synthetic --estimator open --open-model open_model.npz\n'
               'Every one of them goes on where it was stopped. docs/training.md has the whole story.')
    kinds = command.add_subparsers(dest='kind', metavar='KIND', required=True)
    people = add_command(kinds, 'people', _people, 'Draw people and have the first look at them.',
                         ['hand4whole train people --output people --count 24000 --workers 2'])
    people.add_argument('--output', type=Path, required=True, metavar='DIR', help='folder to write to')
    people.add_argument('--count', type=int, default=24000, help='how many are drawn; 20 kB each')
    people.add_argument('--seed', type=int, default=11, help='which people')
    people.add_argument('--workers', type=int, default=2, help='processes that draw')
    for stage, (steps, what) in _STAGES.items():
        one = add_command(kinds, stage, _stage, f'Train {what}.',
                          [f'hand4whole train {stage} --people people --run run'])
        one.add_argument('--people', type=Path, nargs='+', required=True, metavar='DIR', help='of train people')
        one.add_argument('--run', type=Path, required=True, metavar='DIR', help='the folder of this training')
        one.add_argument('--steps', type=int, default=steps, help='how long')
        one.add_argument('--seed', type=int, default=0, help='of weights and of the order of people')
        one.set_defaults(stage=stage)
    pack = add_command(kinds, 'pack', _pack, 'Write what was trained as one file for the estimator.',
                       ['hand4whole train pack --run run --output open_model.npz'])
    pack.add_argument('--run', type=Path, required=True, metavar='DIR', help='the folder of a training')
    pack.add_argument('--output', type=Path, required=True, metavar='FILE', help='the .npz to write')
    curves = add_command(kinds, 'curves', _curves, 'Draw the learning curves of a training.',
                         ['hand4whole train curves --run run --output curves.svg'])
    curves.add_argument('--run', type=Path, required=True, metavar='DIR', help='the folder of a training')
    curves.add_argument('--output', type=Path, required=True, metavar='FILE', help='the .svg to write')


def _people(args):
    for name in ('count', 'workers'):
        if getattr(args, name) < 1:
            raise UsageError(f'--{name} must be at least 1, found {getattr(args, name)}')
    from .training import people
    people.make(args.output, args.count, args.seed, args.workers)
    return DONE


def _stage(args):
    if args.steps < 1:
        raise UsageError(f'--steps must be at least 1, found {args.steps}')
    from .training import lessons, stages
    try:
        learnt = lessons.load(args.people)
    except ValueError as error:
        raise UsageError(error) from None
    stages.train_stage(args.stage, args.run, learnt, args.steps, args.seed)
    return DONE


def _pack(args):
    if not args.run.is_dir():
        raise UsageError(f'--run {args.run}: no such folder')
    from .training import stages
    done = stages.pack(args.run, args.output)
    if not done:
        args.output.unlink()
        raise UsageError(f'--run {args.run}: no stage of a training is done there')
    print(f'{args.output}: {args.output.stat().st_size / 1e6:.1f} MB, with {", ".join(done)}')
    return DONE


def _curves(args):
    from .training import curves
    if not args.run.is_dir() or not curves.write(args.run, args.output):
        raise UsageError(f'--run {args.run}: no training is there')
    return DONE
