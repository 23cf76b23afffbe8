"""A training in stages, each of which stores its parts in the run's folder and starts from the earlier ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from ..body.open_hands import load_open_body
from ..checkpoints.open_model import save_open_model
from ..networks.hand4whole_pp import Hand4WholePP
from ..networks.open_model import IMAGE_ONLY, OPEN_MODEL
from ..system.output_files import replacement_path
from .cham_training import train_cham
from .convolutional_stems import train_stems
from .distributed import distributed_context
from .expert_training import train_body, train_hand
from .initial_regression import train_initial_regressors
from .run_folder import IMAGE_ONLY_MARKER, RunSettings
from .stage_context import StageContext
from .training_set import FOLDS

#: Stage -> its training function, and the parts of the network that it trains. A run begins with an initial regression,
#: or, for an image-only model, with stems.
STAGES: dict[str, tuple[Callable[[Hand4WholePP, StageContext], None], tuple[str, ...]]] = {
    'initial': (train_initial_regressors, ('body_regressor.initial', 'wilor.backbone.initial')),
    'stem': (train_stems, ('encoder', 'body_position_net', 'body_regressor', 'wilor')),
    'body': (train_body, ('encoder', 'body_position_net', 'body_regressor')),
    'hand': (train_hand, ('wilor',)),
    'cham': (train_cham, ('hand_control_net',))}


def load_network(run: Path, stages: tuple[str, ...] = tuple(STAGES), seed: int = 0) -> Hand4WholePP:
    """The open model as trained so far in a run's folder: the parts of those of `stages` that are complete.

    On the CPU, whatever device trained it.
    """
    torch.manual_seed(seed)
    network = Hand4WholePP(IMAGE_ONLY if _is_image_only(run) else OPEN_MODEL, load_open_body())
    for stage in stages:
        path = _weights_path(run, stage)
        if path.exists():
            for part, state in torch.load(path, map_location='cpu', weights_only=True).items():
                network.get_submodule(part).load_state_dict(state)
    return network


def train_stage(stage: str, settings: RunSettings, sets: tuple, device: str = 'auto') -> None:
    """Train one stage and store its parts. sets: as training_set.load_training_sets returns them.

    device: see distributed.distributed_context, which raises EstimatorUnavailable. The processes that torchrun started
    train together, and the main one writes. Raises ValueError if their folders differ, or there are too many.

    The transformers start from the initial regression, which is overfitted to its own training people: on those they
    would learn to make no correction. So there are several regressions, each without a part of the people, and the
    transformers' inputs in training are, for each person, from a regression that was not trained on that person.
    """
    with distributed_context(device) as (distributed, where):
        _start_run(stage, settings.run)
        train_set, validation_set, skeleton_layer = (part.to(where) for part in sets)
        context = StageContext(train_set=train_set, validation_set=validation_set, skeleton_layer=skeleton_layer,
                               settings=settings, distributed=distributed)
        apart = [settings.run / f'without_{fold}' for fold in range(FOLDS)]
        if stage == 'initial':
            for fold, folder in enumerate(apart):
                _run_stage(stage, replace(context, train_set=train_set.without(fold),
                                          settings=replace(settings, run=folder)), where)
        elif not _is_image_only(settings.run):
            networks = [load_network(folder, ('initial',)).to(where) for folder in apart]
            context = replace(context, train_set=train_set.with_initial_regressions(networks))
        _run_stage(stage, context, where)


def _start_run(stage, run):
    """Set the model of a run to the one that begins with this stage."""
    if stage == 'initial' and _is_image_only(run):
        raise ValueError(f'--run {run} has begun with train stem, which is a model without an initial regression: '
                         'take another folder')
    if stage == 'stem' and not _weights_path(run, 'initial').exists():
        if (run / 'without_0').exists():
            raise ValueError(f'--run {run} has begun with train initial, which is not done: run it again to its end')
        run.mkdir(parents=True, exist_ok=True)
        (run / IMAGE_ONLY_MARKER).touch()


def _is_image_only(run):
    return (Path(run) / IMAGE_ONLY_MARKER).exists()


def _run_stage(stage, context, device):
    train, parts = STAGES[stage]
    settings, distributed = context.settings, context.distributed
    before = tuple(STAGES)[:tuple(STAGES).index(stage)]
    network = load_network(settings.run, before, settings.seed).to(device)
    if distributed.rank:   # independent noise
        torch.manual_seed(settings.seed + 1_000_003 * distributed.rank)
    train(network, context)
    if distributed.is_main:
        with replacement_path(_weights_path(settings.run, stage)) as path:
            torch.save({part: network.get_submodule(part).cpu().state_dict() for part in parts}, path)


def completed_stages(run: Path) -> list[str]:
    """The completed stages of a run."""
    return [stage for stage in STAGES if _weights_path(run, stage).exists()]


def pack_model(run: Path, output: Path) -> list[str]:
    """Write the model of a run as the estimator takes it; returns its stages."""
    save_open_model(load_network(run), output)
    return completed_stages(run)


def _weights_path(run, stage):
    return Path(run) / f'weights_{stage}.pt'
