"""Arguments and execution of `hand4whole train`."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

from ..apps.errors import WorkFailed
from ..config import TRAINING_PRECISIONS, Precision, WeightsSource
from ..datasets.catalogue import TRAINING_DATASETS
from ..system.output_files import check_output_file, check_output_folder, format_write_error
from .options import EXIT_SUCCESS, HelpFormatter, UsageError, add_command, add_setting_options

#: Stage -> default number of steps, and its description.
_STAGES = {
    'initial': (2000, 'the initial regressions of both experts, without pictures: 40 minutes on one core'),
    'stem': (1000, 'the convolutional stems of both experts, on pictures: 9 minutes on two cores'),
    'body': (11000, 'the body expert, on pictures: 110 minutes on one core'),
    'hand': (3200, 'the hand expert, on pictures: 55 minutes on one core'),
    'cham': (400, 'CHAM between the frozen experts: 4 minutes on two cores')}


def add_train_command(commands) -> None:
    """Add the command and its kinds."""
    summary = 'Train the open model on rendered people, or full-size CHAM on published data sets.'
    command = commands.add_parser(
        'train', help=summary, description=summary, formatter_class=HelpFormatter,
        epilog='the stages of the open model, in this order (body and hand may run in parallel;\n'
               'without initial the model takes images only):\n'
               '  hand4whole train people --output people --count 24000\n'
               + ''.join(f'  hand4whole train {stage:6} --people people --run run     # {what}\n'
                         for stage, (_, what) in _STAGES.items())
               + '  hand4whole train pack --run run --output open_model.npz\n'
               '  hand4whole evaluate synthetic --estimator open --open-model open_model.npz\n'
               'the networks that lift landmarks to bodies and hands, for estimator mediapipe:\n'
               '  hand4whole train detections --output detections --motions FOLDER\n'
               '  hand4whole train lift --detections detections --motions FOLDER --run run --output lifting.npz\n'
               '  hand4whole evaluate synthetic --estimator mediapipe --lifting-model lifting.npz\n'
               'full-size CHAM, with the published experts and data sets (hand4whole weights list):\n'
               '  hand4whole train published --data arctic=DIR interhand=DIR --run run\n'
               'Each of them resumes where it was stopped. docs/guides/training.md describes all stages.')
    kinds = command.add_subparsers(dest='kind', metavar='KIND', required=True)
    people = add_command(kinds, 'people', _run_people, 'Render people and run the landmark networks on them.',
                         examples=['hand4whole train people --output people --count 24000 --workers 2'])
    people.add_argument('--output', type=Path, required=True, metavar='DIR', help='folder to write to')
    people.add_argument('--count', type=int, default=24000, help='number of people to render; 20 kB each')
    people.add_argument('--seed', type=int, default=11, help='seed of the people')
    people.add_argument('--workers', type=int, default=2, help='processes that render')
    for stage, (steps, what) in _STAGES.items():
        one = add_command(kinds, stage, _run_stage, f'Train {what}.',
                          examples=[f'hand4whole train {stage} --people people --run run',
                           f'torchrun --nproc-per-node 4 --no-python -- hand4whole train {stage} --people people '
                           f'--run run     # four GPUs'])
        one.add_argument('--people', type=Path, nargs='+', required=True, metavar='DIR',
                         help='folder made by train people')
        _add_run_arguments(one, steps, 'seed of the weights and of the order of people')
        add_setting_options(one, 'device')
        one.set_defaults(stage=stage)
    pack = add_command(kinds, 'pack', _run_pack, 'Write the trained weights as one file for the estimator.',
                       examples=['hand4whole train pack --run run --output open_model.npz'])
    pack.add_argument('--run', type=Path, required=True, metavar='DIR', help='folder of a training run')
    pack.add_argument('--output', type=Path, required=True, metavar='FILE', help='the .npz to write')
    curves = add_command(kinds, 'curves', _run_curves, 'Draw the learning curves of a training.',
                         examples=['hand4whole train curves --run run --output curves.svg'])
    curves.add_argument('--run', type=Path, required=True, metavar='DIR', help='folder of a training run')
    curves.add_argument('--output', type=Path, required=True, metavar='FILE', help='the .svg to write')
    _add_lifting(kinds)
    _add_published(kinds)


def _add_lifting(kinds):
    made = add_command(
        kinds, 'detections', _detections, 'Render people in every posture and run the landmark detector on them.',
        examples=['hand4whole train detections --output detections --motions FOLDER',
         'hand4whole train detections --output more --seed 22 --count 4000'])
    made.add_argument('--output', type=Path, required=True, metavar='DIR', help='folder to write to')
    made.add_argument('--count', type=int, default=40000, help='number of people to render; 6 kB each')
    made.add_argument('--seed', type=int, default=21, help='seed of the people')
    made.add_argument('--workers', type=int, default=2, help='number of processes')
    lift = add_command(
        kinds, 'lift', _lift, 'Train the networks that lift landmarks to bodies and hands: an hour on two cores.',
        examples=['hand4whole train lift --detections detections --motions FOLDER --run run --output lifting.npz'])
    lift.add_argument('--detections', type=Path, nargs='+', required=True, metavar='DIR',
                      help='folder made by train detections')
    _add_run_arguments(lift, 12000, 'seed of the weights, bodies and order of people')
    lift.add_argument('--output', type=Path, required=True, metavar='FILE', help='the .npz to write')
    lift.add_argument('--people', type=int, default=200000, help='additional bodies without pictures to train on')
    for command in (made, lift):
        command.add_argument('--motions', type=Path, metavar='FOLDER',
                             help='motion capture, .bvh and .amc with .asf, whose poses are used as well')


def _add_published(kinds):
    command = add_command(
        kinds, 'published', _run_published,
        'Train full-size CHAM between the published experts, on the data sets of the paper.',
        examples=['hand4whole train published --data agora=DIR arctic=DIR interhand=DIR reinterhand=DIR --run run',
         'hand4whole train published --data arctic=DIR --run run --at-once 8     # a smaller GPU',
         'torchrun --nproc-per-node 4 --no-python -- hand4whole train published --data ... --run run',
         'hand4whole estimate photo.jpg --weights-folder FOLDER --overlay out    # with run/snapshot_6.pth in FOLDER'])
    command.add_argument(
        '--data',
        nargs='+',
        required=True,
        metavar='NAME=DIR',
        help=f'data sets and their folders, of {", ".join(TRAINING_DATASETS)}; each has the same share of every '
        f'batch',
    )
    _add_run_arguments(command, 40000, 'seed of the initial weights, order and augmentation',
                       '; at its end it holds snapshot_6.pth, in the format of the published one')
    command.add_argument('--batch', type=int, default=32, help='people per step, over all processes')
    command.add_argument('--at-once', type=int, metavar='N',
                         help='people per forward pass, if memory is short; gradients accumulate over the batch')
    command.add_argument('--rate', type=float, default=1e-4, help='maximum learning rate')
    add_setting_options(command, 'device', 'weights', 'weights_folder')
    add_setting_options(command, 'precision', choices=TRAINING_PRECISIONS)
    command.add_argument('--workers', type=int, default=4, metavar='N',
                         help='processes per GPU that read and crop pictures')
    command.add_argument('--frame', default='camera', choices=('camera', 'crop'),
                         help='axes of the targets: camera, as in the papers; crop: those of the virtual camera along '
                              'the centre of the crop, as the open model is trained')


def _add_run_arguments(command, steps, seed, result=''):
    """The arguments of every training. seed: its purpose; result: content of the folder at the end."""
    command.add_argument('--run', type=Path, required=True, metavar='DIR', help=f'folder of this training run{result}')
    command.add_argument('--steps', type=int, default=steps, help='number of steps')
    command.add_argument('--seed', type=int, default=0, help=seed)


def _run_settings(args):
    """Arguments of training.run_folder.RunSettings, by name."""
    return {'run': args.run, 'steps': args.steps, 'seed': args.seed}


def _check_counts(args, *names):
    """UsageError if one of these arguments is given and below 1."""
    for name in names:
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise UsageError(f'--{name.replace("_", "-")} must be at least 1, found {getattr(args, name)}')


@contextmanager
def _convert_write_errors(path):
    """OSError as one line about `path`."""
    try:
        yield
    except OSError as error:
        raise WorkFailed(format_write_error(path, error)) from None


def _run_people(args):
    _check_counts(args, 'count', 'workers')
    check_output_folder(args.output, f'--output {args.output}')
    from ..training import drawn_people
    with _convert_write_errors(args.output):
        drawn_people.make_shards(args.output, args.count, args.seed, args.workers)
    return EXIT_SUCCESS


def _run_stage(args):
    _check_counts(args, 'steps')
    from ..estimators import EstimatorUnavailable
    from ..estimators.devices import pick_device
    from ..training import run_folder, stages, training_set
    from ..training.run_folder import RunSettings
    run_folder.check_run_folder(args.run)
    try:
        pick_device(args.device)  # before people are read, which takes a while
        sets = training_set.load_training_sets(args.people)
        stages.train_stage(args.stage, RunSettings(**_run_settings(args)), sets, args.device)
    except (ValueError, EstimatorUnavailable) as error:
        raise UsageError(error) from None
    return EXIT_SUCCESS


def _run_pack(args):
    if not args.run.is_dir():
        raise UsageError(f'--run {args.run}: no such folder')
    from ..checkpoints.open_model import OPEN_MODEL_FILE
    from ..training import stages
    if not stages.completed_stages(args.run):
        raise UsageError(f'--run {args.run}: no stage of a training is done there')
    check_output_file(args.output, is_own=OPEN_MODEL_FILE.matches, option='--output')
    with _convert_write_errors(args.output):
        done = stages.pack_model(args.run, args.output)
    print(f'{args.output}: {args.output.stat().st_size / 1e6:.1f} MB, with {", ".join(done)}')
    return EXIT_SUCCESS


def _run_curves(args):
    from ..training import curves
    check_output_file(args.output, option='--output')
    with _convert_write_errors(args.output):
        drawn = args.run.is_dir() and curves.write_curves(args.run, args.output)
    if not drawn:
        raise UsageError(f'--run {args.run}: no training is there')
    return EXIT_SUCCESS


def _detections(args):
    _check_counts(args, 'count', 'workers')
    check_output_folder(args.output, f'--output {args.output}')
    recorded = _recorded(args)
    from ..training.lifting import detections
    with _convert_write_errors(args.output):
        detections.make(args.output, args.count, args.seed, workers=args.workers, recorded=recorded)
    return EXIT_SUCCESS


def _lift(args):
    _check_counts(args, 'people', 'steps')
    from ..checkpoints.lifting import LIFTING_FILE
    from ..training import run_folder
    from ..training.lifting.training import LiftingSettings, run_training
    run_folder.check_run_folder(args.run)
    check_output_file(args.output, is_own=LIFTING_FILE.matches, option='--output')
    recorded = _recorded(args)
    try:
        with _convert_write_errors(args.output):
            figures = run_training(LiftingSettings(
                **_run_settings(args), folders=args.detections, output=args.output, recorded=recorded,
                people=args.people))
    except ValueError as error:
        raise UsageError(error) from None
    print(f'{args.output}: {args.output.stat().st_size / 1e6:.1f} MB; '
          + ', '.join(f'{name} {value:.1f}' for name, value in figures.items()))
    return EXIT_SUCCESS


def _recorded(args):
    """The recorded poses of --motions, or None."""
    if args.motions is None:
        return None
    from ..body.model import BodyModel
    from ..datasets import DatasetError
    from ..datasets.motion_folder import read_folder
    if not args.motions.is_dir():
        raise UsageError(f'--motions {args.motions}: no such folder')
    try:
        return read_folder(args.motions, BodyModel.load().kinematics.rest_joints)
    except DatasetError as error:
        raise UsageError(error) from None


def _run_published(args):
    _check_counts(args, 'steps', 'batch', 'at_once')
    if args.workers < 0:
        raise UsageError(f'--workers must not be negative, found {args.workers}')
    if not 0 < args.rate < float('inf'):
        raise UsageError(f'--rate must be a positive number, found {args.rate}')
    data = _parse_dataset_folders(args.data)
    from ..estimators import EstimatorUnavailable
    from ..training import run_folder
    from ..training.published.run import TrainingSettings, run_training
    run_folder.check_run_folder(args.run)
    try:
        snapshot = run_training(TrainingSettings(
            **_run_settings(args), data=data, weights_folder=args.weights_folder, weights=WeightsSource(args.weights),
            batch=args.batch, at_once=args.at_once, rate=args.rate, device=args.device,
            precision=Precision(args.precision), workers=args.workers, in_crop_frame=args.frame == 'crop'))
    except (ValueError, EstimatorUnavailable) as error:     # of files, data sets, images and settings
        raise UsageError(error) from None
    if snapshot:
        print(f'{snapshot}: {snapshot.stat().st_size / 1e6:.0f} MB; put it into a folder of weights in place of the '
              f'published one, then hand4whole weights verify --renew')
    return EXIT_SUCCESS


def _parse_dataset_folders(given):
    """Data set -> folder, of NAME=DIR."""
    folders = {}
    for one in given:
        name, _, folder = one.partition('=')
        if name not in TRAINING_DATASETS or not folder:
            raise UsageError(f'--data {one}: expected NAME=DIR, the name one of {", ".join(TRAINING_DATASETS)}')
        if name in folders:
            raise UsageError(f'--data names {name} twice')
        folders[name] = Path(folder)
    return folders
