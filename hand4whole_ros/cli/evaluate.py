"""Arguments and execution of `hand4whole evaluate`."""

from __future__ import annotations

from pathlib import Path

from ..config import DEFAULT_FOV_DEGREES, WristSource
from ..datasets import catalogue
from .evaluate_teleop import add_teleop_kind
from .json_output import add_json_option, check_json_path, write_figures
from .options import (
    EXIT_SUCCESS,
    HelpFormatter,
    UsageError,
    add_command,
    add_estimator_options,
    create_estimator,
    estimator_config,
    open_store,
    raise_max_people,
)

#: Data of the ablation: rendered people, and data sets of bodies or of two hands.
_SYNTHETIC = 'synthetic'
_ABLATED = (_SYNTHETIC, *(name for name in catalogue.NAMES if name != 'freihand'))


def add_evaluate_command(commands) -> None:
    """Add the command and its kinds."""
    summary = 'Measure accuracy on rendered people with exact ground truth, and on the data sets of the papers.'
    command = commands.add_parser(
        'evaluate', help=summary, description=summary, formatter_class=HelpFormatter,
        epilog='examples:\n'
               '  hand4whole evaluate synthetic             rendered people, with MediaPipe for comparison\n'
               '  hand4whole evaluate ehf --root DIR        a data set, with the published figures\n'
               '  hand4whole evaluate photographs --root DIR    annotated photographs, with MediaPipe for comparison\n'
               '  hand4whole evaluate detection --root DIR  detection of people and hands in annotated images\n'
               '  hand4whole evaluate ablation synthetic    sources of wrists, fingers and hand shape: Tables 1 to 3\n'
               'docs/benchmarks/evaluation.md describes the files of each data set and the meaning of every figure.')
    kinds = command.add_subparsers(dest='kind', metavar='KIND', required=True)
    _add_synthetic(kinds)
    for info in catalogue.DATASETS:
        _add_dataset(kinds, info)
    _add_ablation(kinds)
    add_teleop_kind(kinds)
    _add_detection(kinds)
    _add_faces(kinds)
    _add_photographs(kinds)


def _add_synthetic(kinds):
    command = add_command(
        kinds, _SYNTHETIC, _run_synthetic, "On rendered people, with MediaPipe's own 3D landmarks for comparison.",
        examples=['hand4whole evaluate synthetic',
                  'hand4whole evaluate synthetic --count 200 --seed 7 --json table.json',
                  'hand4whole evaluate synthetic --postures --count 200'])
    _add_people(command)
    command.add_argument('--postures', action='store_true',
                         help='people who stand, sit, kneel, crawl, bend or lie, seen from everywhere, instead of '
                              'people who stand before the camera and show their hands')
    add_json_option(command)
    add_estimator_options(command)


def _add_people(command):
    command.add_argument('--count', type=int, default=60, help='number of people to render')
    command.add_argument('--seed', type=int, default=1, help='seed of the people')


def _add_dataset(kinds, info):
    command = add_command(
        kinds, info.name, _run_dataset, f'On {info.title}, with the published figures.',
        examples=[f'hand4whole evaluate {info.name} --root DIR --limit 50          # a quick try',
                  f'hand4whole evaluate {info.name} --root DIR --json {info.name}.json'])
    command.description += (
        f'\n\n{info.title} ({info.paper}), {info.licence}.\n{info.page} : {info.instructions}.\n'
        f'Its ground truth needs these licensed body models: {info.needs} (hand4whole weights list).')
    command.add_argument('--root', type=Path, required=True, metavar='DIR', help=f'folder of {info.title}')
    command.add_argument('--split', default=info.splits[0], choices=info.splits, help='split of the data set')
    command.add_argument('--limit', type=int, metavar='N', help='maximum number of pictures, evenly spread over all')
    command.add_argument('--boxes', default='auto', choices=('auto', 'given', 'found'),
                         help='given: the network gets the annotated boxes of person and hands, as in the papers, and '
                              'errors are measured in the frame of its crop; found: the estimator detects them, and '
                              'errors are measured in the frame of the camera; auto: given, if the estimator is a '
                              'network of experts')
    add_json_option(command)
    add_estimator_options(command)
    command.set_defaults(dataset=info.name)


def _add_ablation(kinds):
    command = add_command(
        kinds, 'ablation', _run_ablation, 'Tables 1 to 3 of Hand4Whole++: sources of wrists, fingers and hand shape.',
        examples=['hand4whole evaluate ablation synthetic --count 100 --json ablation.json',
                  'hand4whole evaluate ablation agora --root DIR --limit 500'])
    command.add_argument('dataset', choices=_ABLATED, metavar='DATASET', help=f'one of {", ".join(_ABLATED)}')
    command.add_argument('--root', type=Path, metavar='DIR', help='folder of the data set')
    command.add_argument('--split', metavar='SPLIT', help='split of the data set; default: that of the papers')
    command.add_argument('--limit', type=int, metavar='N', help='maximum number of pictures, evenly spread over all')
    _add_people(command)
    add_json_option(command)
    add_estimator_options(command)


def _add_detection(kinds):
    command = add_command(
        kinds, 'detection', _detection,
        "Detection of people and hands: recall, false detections, sides; with MediaPipe for comparison.",
        examples=['hand4whole evaluate detection --count 20', 'hand4whole evaluate detection --root DIR --turn 90'])
    command.description += ('\n\nOn rendered people, or on the images of a folder with annotations in COCO-WholeBody '
                            'format: a *.json in it or in its folder annotations.')
    command.add_argument('--root', type=Path, metavar='DIR',
                         help='folder of annotated images; default: rendered people')
    command.add_argument('--turn', type=int, default=0, choices=(0, 90, 180, 270), metavar='DEGREES',
                         help='rotate the images anticlockwise: 0, 90, 180 or 270')
    command.add_argument('--limit', type=int, metavar='N', help='maximum number of images, evenly spread over all')
    _add_people(command)
    add_json_option(command)


def _detection(args):
    _check_count(args)
    check_json_path(args)
    _check_limit(args)
    from ..datasets import coco_wholebody
    from ..evaluation import detection
    from ..landmarks import LandmarksUnavailable
    from ..media.image_files import ImageFileError
    try:
        if args.root is None:
            images, total = detection.drawn(args.count, args.seed), args.count
        else:
            annotated = coco_wholebody.load(args.root)
            chosen, total = _select_samples(annotated, args.limit)
            images = detection.read(chosen)
        result = detection.run(images, total, quarter_turns=args.turn // 90)
    except (coco_wholebody.AnnotationError, ImageFileError, LandmarksUnavailable) as error:
        raise UsageError(error) from None
    write_figures(args.json, result)
    print(detection.format_table(result))
    return EXIT_SUCCESS


def _add_faces(kinds):
    command = add_command(kinds, 'faces', _run_faces, 'Jaw, gaze, expression and head of rendered faces.',
                          examples=['hand4whole evaluate faces',
                                    'hand4whole evaluate faces --count 200 --json faces.json'])
    command.add_argument('--count', type=int, default=100, help='number of heads to render')
    command.add_argument('--seed', type=int, default=1, help='seed of the heads')
    add_json_option(command)


def _run_faces(args):
    _check_count(args)
    check_json_path(args)
    from ..body.model import OpenBodyUnavailable
    from ..detection import DetectorUnavailable
    from ..evaluation import faces
    try:
        result = faces.run(args.count, args.seed)
    except (DetectorUnavailable, OpenBodyUnavailable) as error:
        raise UsageError(error) from None
    write_figures(args.json, result)
    print(faces.format_table(result))
    return EXIT_SUCCESS


def _add_photographs(kinds):
    command = add_command(
        kinds, 'photographs', _run_photographs,
        "Errors of people and hands in photographs, with MediaPipe for comparison.",
        examples=['hand4whole evaluate photographs --root DIR --estimator mediapipe',
                  'hand4whole evaluate photographs --root DIR --limit 200 --json table.json'])
    command.description += ('\n\nOn the images of a folder with annotations in COCO-WholeBody format: a *.json in it '
                            'or in its folder annotations. Errors are in the picture, in torsos; PCK, AP of keypoints, '
                            'recall of hands, wrong sides, false detections of people and hands.')
    command.add_argument('--root', type=Path, required=True, metavar='DIR', help='a folder of annotated images')
    command.add_argument('--fov', type=float, default=DEFAULT_FOV_DEGREES, metavar='DEGREES',
                         help='field of view of the longer side of the images')
    command.add_argument('--limit', type=int, metavar='N', help='maximum number of images, evenly spread over all')
    add_json_option(command)
    add_estimator_options(command)
    raise_max_people(command)


def _run_photographs(args):
    check_json_path(args)
    _check_limit(args)
    if not 1 <= args.fov <= 170:
        raise UsageError(f'--fov must be from 1 to 170 degrees, found {args.fov:g}')
    from ..datasets import coco_wholebody
    from ..evaluation import detection, photographs
    from ..media.image_files import ImageFileError
    try:
        images, total = _select_samples(coco_wholebody.load(args.root), args.limit)
        estimator = _create_predictor(args)
        try:
            result = photographs.run(detection.read(images), total, estimator, args.fov)
        finally:
            estimator.close()
    except (coco_wholebody.AnnotationError, ImageFileError) as error:
        raise UsageError(error) from None
    write_figures(args.json, result)
    print(photographs.format_table(result))
    return EXIT_SUCCESS


def _run_synthetic(args):
    _check_count(args)
    check_json_path(args)
    from ..evaluation import synthetic_evaluation
    estimator = create_estimator(args, static_images=True)
    try:
        table = synthetic_evaluation.evaluate_synthetic(estimator, args.count, args.seed, postures=args.postures)
    finally:
        estimator.close()
    write_figures(args.json, table)
    print(synthetic_evaluation.format_table(table))
    return EXIT_SUCCESS


def _check_limit(args):
    if args.limit is not None and args.limit < 1:
        raise UsageError(f'--limit must be at least 1, found {args.limit}')


def _check_count(args):
    if args.count < 1:
        raise UsageError(f'--count must be at least 1, found {args.count}')


def _run_dataset(args):
    check_json_path(args)
    reader = _open_reader(args)
    from ..evaluation import dataset_evaluation
    from ..evaluation.comparison import evaluate_predictors
    from ..evaluation.network_predictor import NetworkPredictor, make_expert_setup
    from ..evaluation.prediction import EstimatorPredictor
    from ..evaluation.protocols import PROTOCOLS
    from ..networks.fusion_policy import FusionPolicy
    estimator = _create_predictor(args)
    try:
        experts = make_expert_setup(estimator)
        given = experts if experts is not None and experts.given else None
        if args.boxes == 'given' and given is None:
            raise UsageError(f'--boxes given: {estimator.name} detects people itself and takes no boxes; use found')
        boxes = 'given' if given is not None and args.boxes != 'found' else 'found'
        parts = _load_body_parts(args)
        if given is not None and boxes == 'given':
            strategy = FusionPolicy.from_config(estimator_config(args, static_images=True), WristSource.CHAM)
            predictor = NetworkPredictor(given.network, strategy, given.input_source, given.in_camera_axes)
        else:
            predictor = EstimatorPredictor(estimator, parts)
        samples, total = _select_samples(reader, args.limit)
        measured = _measure(
            evaluate_predictors, samples, {estimator.name: predictor}, protocol=PROTOCOLS[args.dataset], parts=parts,
            total=total
        )
        table = dataset_evaluation.make_result(
            args.dataset, reader.split, estimator.name, boxes=boxes, measured=measured[estimator.name]
        )
    finally:
        estimator.close()
    write_figures(args.json, table)
    print(dataset_evaluation.format_table(table))
    return EXIT_SUCCESS


def _run_ablation(args):
    reader = None
    check_json_path(args)
    if args.dataset == _SYNTHETIC:
        _check_count(args)
    elif args.root is None:
        raise UsageError(f'--root DIR: name the folder that holds {catalogue.dataset_info(args.dataset).title}')
    else:
        reader = _open_reader(args)
    from ..evaluation import ablation
    from ..evaluation.body_parts import BodyParts, load_face_vertices
    from ..evaluation.comparison import evaluate_predictors
    from ..evaluation.network_predictor import make_expert_setup
    from ..evaluation.protocols import PROTOCOLS
    estimator = _create_predictor(args)
    try:
        experts = make_expert_setup(estimator)
        if experts is None:
            raise UsageError(f'--estimator {estimator.name}: it has no experts to compare; '
                             f'use hand4whole_pp or open')
        if reader is None:
            from ..evaluation.synthetic_samples import generate_samples as drawn
            samples, total = drawn(args.count, args.seed), args.count
        else:
            samples, total = _select_samples(reader, args.limit)
        rows = ablation.make_predictors(experts.network, experts.input_source, experts.in_camera_axes)
        kept, names = ablation.deduplicate_predictors(rows)
        protocol = PROTOCOLS[args.dataset]
        parts = BodyParts.from_network(experts.network, load_face_vertices(open_store(args.weights_folder)))
        measured = _measure(evaluate_predictors, samples, kept, protocol=protocol, parts=parts, total=total)
    finally:
        estimator.close()
    found = ablation.build_tables(args.dataset, protocol, {name: measured[kept_as] for name, kept_as in names.items()})
    people = next(iter(measured.values())).people
    write_figures(args.json, {'dataset': args.dataset, 'estimator': estimator.name, 'people': people, 'tables': found})
    print(ablation.format_tables(args.dataset, found, people))
    return EXIT_SUCCESS


def _open_reader(args):
    """The reader of the requested data set."""
    _check_limit(args)
    from ..datasets import DatasetError
    from ..datasets.annotated_bodies import GroundTruthBodies
    from ..datasets.registry import open_dataset
    try:
        return open_dataset(args.dataset, args.root, args.split, GroundTruthBodies(open_store(args.weights_folder)))
    except (DatasetError, ValueError) as error:
        raise UsageError(error) from None


def _load_body_parts(args):
    """Body parts for errors of meshes; None, and a line in the log, if they are missing."""
    import logging

    from ..body.npz_file import BodyModelError
    from ..checkpoints import CheckpointError
    from ..checkpoints.files import FACE_VERTEX_IDS
    from ..evaluation.body_parts import BodyParts
    try:
        parts = BodyParts.from_store(open_store(args.weights_folder))
    except (CheckpointError, BodyModelError) as error:
        logging.getLogger(__name__).warning('errors of meshes are left out: %s', error)
        return None
    if parts.face_vertices is None and catalogue.dataset_info(args.dataset).whole_body:
        logging.getLogger(__name__).warning('errors of faces are left out: hand4whole weights fetch %s prints how to '
                                            'get the file', FACE_VERTEX_IDS.name)
    return parts


def _create_predictor(args):
    from .. import estimators
    try:
        return estimators.create(estimator_config(args, static_images=True))
    except estimators.EstimatorUnavailable as error:
        raise UsageError(error) from None


def _select_samples(reader, limit):
    """Samples, and their number: all, or `limit` of them evenly spaced."""
    count = len(reader) if limit is None else min(limit, len(reader))
    return (reader[k * len(reader) // count] for k in range(count)), count


def _measure(compare, samples, predictors, *, protocol, parts, total):
    from ..datasets import DatasetError
    from ..media.image_files import ImageFileError
    try:
        return compare(samples, predictors, protocol, parts, total=total)
    except (DatasetError, ImageFileError) as error:
        raise UsageError(error) from None
