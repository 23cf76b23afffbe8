"""`hand4whole replay` from its arguments to its last line."""

from __future__ import annotations

import functools
import logging
import os
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from ... import estimators
from ...apps.replay.executors import ProcessExecutor, RayExecutor
from ...apps.replay.work_folder import WorkFolderError, check_replaceable
from ...config import EstimatorConfig
from ...estimate import format_refusals
from ...estimators.base import Estimator
from ...media.folder_listing import make_distinct_names
from ...system.output_files import check_output_folder, printable_path
from ...system.threads import count_threads
from .. import topics
from ..bag.ownership import overwrite_rejection_reason
from ..bag.reader import BagError
from ..node import given_parameters
from ..node.parameter_table import check_names
from ..node.parameters import NodeParameters
from . import replay
from .bag_source import InputOptions
from .frame_estimator import FrameEstimatorFactory

log = logging.getLogger(__name__)

#: PersonTracking's verdict -> text about such images.
_SKIP_TEXTS = {
    'late': 'came too late to be put in order and were left alone',
    'duplicate': 'bear the stamp of the one before and were left alone: a driver must stamp each image by itself',
    'other frame': 'are of another frame than the first and were left alone: two cameras on one topic?'}


def run(args: Namespace, config: EstimatorConfig, create: Callable[[EstimatorConfig], Estimator] | None = None) -> int:
    """Returns the exit code: 0 all done, 1 the estimator failed on images, 2 images are missing or unusable.

    Raises BagError and WorkFolderError, which are ValueError, for errors of input and output.
    """
    found = replay.list_inputs(args.input)
    several = found != [args.input]
    outputs_of = _output_paths(found, args.output, several)
    for path in dict.fromkeys([args.input, *found]):
        for output in dict.fromkeys([args.output, *outputs_of]):
            replay.check_output_location(output, path)
    make = FrameEstimatorFactory(create or estimators.create, config, count_threads())
    inputs = InputOptions(args.image_topic, args.camera_info_topic, args.frame_id, args.focal, args.start,
                          args.duration)
    outputs = replay.OutputOptions(args.markers, args.overlay, args.storage)
    # Before the estimator is loaded.
    if not several:
        check_replaceable(args.output, overwrite_rejection_reason, args.force)
    elif os.path.lexists(args.output) and not args.output.is_dir():
        raise BagError(f'{printable_path(args.output)} is a file; name the folder of the new bags')
    else:
        check_output_folder(args.output)
    log.info('loading the estimator')
    work = replay.Replay(make, inputs, outputs, _load_parameters(args.params_file),
                         executor_factory=_select_executor(args))
    try:
        codes = [_replay_one(work, path, output, several=several, force=args.force)
                 for path, output in zip(found, outputs_of)]
    finally:
        work.close()
    return max(codes, key=(0, 2, 1).index)


def _output_paths(found, output, several):
    """Path of the new bag of each input. Raises BagError."""
    try:
        str(output).encode()
    except UnicodeEncodeError:
        # Bags name their files in metadata.yaml, and SQLite opens no other path.
        raise BagError(f'{printable_path(output)}: the path of a bag has to be UTF-8; choose another output') from None
    if not several:
        return [output]
    # Two inputs may differ only in their suffixes.
    return [output / name for name in make_distinct_names([printable_path(path.stem) for path in found],
                                               [printable_path(path.name).replace('.', '_') for path in found])]


def _load_parameters(path):
    """The node's parameters, overridden by a YAML file in ROS's form: node, ros__parameters, name."""
    if path is None:
        return NodeParameters()
    settings = NodeParameters.settings()
    given = given_parameters.overrides_from_files([path], f'/{topics.NODE_NAME}', settings)
    check_names(given.named, settings)
    parameters = NodeParameters.from_values(
        {name: value for name, value in given.values.items() if name in settings}
    )
    for remark in given.remarks:
        log.warning('%s', remark)
    if parameters.depth_topic:
        log.warning('depth_topic is of the node alone: a replay takes distances from the colour images')
    return parameters


def _select_executor(args):
    """The executor of the workers, or None for none."""
    if args.ray is not None:
        def cluster(make):
            return RayExecutor(make, args.ray, 1.0 if make.config.device.startswith('cuda') else 0.0)
        return cluster
    return functools.partial(ProcessExecutor, count=args.workers) if args.workers > 1 else None


def _replay_one(work: replay.Replay, path: Path, output: Path, *, several: bool, force: bool) -> int:
    if several and output.exists() and not force:
        reason = overwrite_rejection_reason(output) or ('' if any(output.iterdir()) else 'it is an empty folder')
        if reason:
            log.error('%s: %s is in the way: %s', printable_path(path), printable_path(output), reason)
            return 2
        log.info('%s: %s is there already', printable_path(path), printable_path(output))
        return 0
    try:
        report = work.run(path, output, force)
    except (BagError, WorkFolderError) as error:
        if not several:
            raise
        log.error('%s', error)      # The others are processed nevertheless.
        return 2
    loose = f', loose hands in {report.with_loose_hands}' if report.with_loose_hands else ''
    log.info('%s: %d images, people in %d of them%s', printable_path(output), report.images, report.with_people, loose)
    for verdict, count in report.skipped.items():
        log.warning('%d images %s', count, _SKIP_TEXTS[verdict])
    if report.refused:
        log.warning('people refused: %s', format_refusals(report.refused))
    if report.refused_hands:
        log.warning('hands refused: %s', format_refusals(report.refused_hands))
    for kind, said in (('bad', 'could not be used'), ('failed', 'were left out because the estimator failed')):
        count = getattr(report, kind)
        if count:
            log.warning('%d images %s%s', count, said, f'; {report.reasons[kind]}' if kind in report.reasons else '')
    if report.missing:
        log.warning('%s', report.missing)
    return 1 if report.failed else 2 if report.bad or report.missing else 0
