"""`hand4whole replay` from its arguments to its last line."""

from __future__ import annotations

import functools
import logging
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import torch

from .. import estimators
from ..estimate import reasons
from ..estimators.base import Estimator, EstimatorConfig
from ..replay.workers import Cluster, Processes
from . import given_parameters, replay, topics
from .bag_input import BagError
from .parameters import RULES, NodeParameters, check_known
from .replay_estimation import FrameWorkMaker
from .replay_input import InputOptions

log = logging.getLogger(__name__)

#: Following's verdict -> what became of such images.
_LEFT_ALONE = {
    'late': 'came too late to be put in order and were left alone',
    'duplicate': 'bear the stamp of the one before and were left alone: a driver must stamp each image by itself',
    'other frame': 'are of another frame than the first and were left alone: two cameras on one topic?'}


def run(args: Namespace, config: EstimatorConfig, create: Callable[[EstimatorConfig], Estimator] | None = None) -> int:
    """The exit code: 0 all is done, 1 the estimator failed on images, 2 images are missing or could not be used.

    Raises BagError and WorkFolderError, which are ValueError, for what is wrong with input and output.
    """
    found = replay.find_inputs(args.input)
    several = found != [args.input]
    make = FrameWorkMaker(create or estimators.create, config, torch.get_num_threads())
    inputs = InputOptions(args.image_topic, args.camera_info_topic, args.frame_id, args.focal, args.start,
                          args.duration)
    outputs = replay.OutputOptions(args.markers, args.overlay, args.storage)
    if not several and args.output.exists() and not args.force:
        # Before the estimator is loaded.
        raise BagError(f'{args.output} exists already: choose another output, or give --force to replace it')
    work = replay.Replay(make, inputs, outputs, _parameters(args.params_file), _spread(args))
    try:
        codes = [_one(work, path, args.output / path.stem if several else args.output, several, args.force)
                 for path in found]
    finally:
        work.close()
    return max(codes, key=(0, 2, 1).index)


def _parameters(path):
    """The node's parameters with those of a YAML file over them, as ROS has them: node, ros__parameters, name."""
    if path is None:
        return NodeParameters()
    given = given_parameters.in_files([path], f'/{topics.NODE_NAME}')
    check_known(given.named)
    parameters = NodeParameters.from_values({name: value for name, value in given.values.items() if name in RULES})
    for remark in given.remarks:
        log.warning('%s', remark)
    return parameters


def _spread(args):
    """What gives the workers, or None for none."""
    if args.ray is not None:
        def cluster(make):
            return Cluster(make, args.ray, 1.0 if make.config.device.startswith('cuda') else 0.0)
        return cluster
    return functools.partial(Processes, count=args.workers) if args.workers > 1 else None


def _one(work: replay.Replay, path: Path, output: Path, several: bool, force: bool) -> int:
    if several and output.exists() and not force:
        log.info('%s: %s is there already', path, output)
        return 0
    try:
        report = work.run(path, output, force)
    except BagError as error:
        if not several:
            raise
        log.error('%s', error)      # The others are done all the same.
        return 2
    log.info('%s: %d images, people in %d of them', output, report.images, report.with_people)
    for verdict, count in report.left_alone.items():
        log.warning('%d images %s', count, _LEFT_ALONE[verdict])
    if report.refused:
        log.warning('people refused: %s', reasons(report.refused))
    for kind, said in (('bad', 'could not be used'), ('failed', 'were left out because the estimator failed')):
        count = getattr(report, kind)
        if count:
            log.warning('%d images %s%s', count, said, f'; {report.reasons[kind]}' if kind in report.reasons else '')
    if report.missing:
        log.warning('%s', report.missing)
    return 1 if report.failed else 2 if report.bad or report.missing else 0
