"""A training in stages, each of which keeps its parts in the run's folder and begins with those before it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from ..body.open_hands import load_open_body
from ..checkpoints.open_model import save_open_model
from ..networks.hand4whole_pp import Hand4WholePP
from ..networks.open_model import IMAGE_ONLY, OPEN_MODEL
from ..system.output_files import part_of
from .cham_training import train_cham
from .convolutional_stems import train_stems
from .distributed import distributed_context
from .expert_training import train_body, train_hand
from .initial_regression import train_guesses
from .training_set import FOLDS

#: Stage -> what trains it, and the parts of the network that it trains. A run begins with a guess, or with stems: that
#: is a model that is told nothing but pictures.
STAGES: dict[str, tuple[Callable, tuple[str, ...]]] = {
    'guess': (train_guesses, ('body_regressor.guess', 'wilor.backbone.guess')),
    'stem': (train_stems, ('encoder', 'body_position_net', 'body_regressor', 'wilor')),
    'body': (train_body, ('encoder', 'body_position_net', 'body_regressor')),
    'hand': (train_hand, ('wilor',)),
    'cham': (train_cham, ('hand_control_net',))}

#: A file in the folder of a run whose model is told nothing but pictures.
_TOLD_NOTHING = 'told_nothing'


def network_of(run: Path, stages: tuple[str, ...] = tuple(STAGES), seed: int = 0) -> Hand4WholePP:
    """The open model as far as it was trained in a run's folder: what those of `stages` that are done have left.

    On the CPU, wherever it was trained.
    """
    torch.manual_seed(seed)
    network = Hand4WholePP(IMAGE_ONLY if _told_nothing(run) else OPEN_MODEL, load_open_body())
    for stage in stages:
        path = _weights(run, stage)
        if path.exists():
            for part, state in torch.load(path, map_location='cpu', weights_only=True).items():
                network.get_submodule(part).load_state_dict(state)
    return network


def train_stage(stage: str, run: Path, lessons: tuple, steps: int, seed: int = 0, device: str = 'auto') -> None:
    """Train one stage and keep its parts. lessons: as lessons.load gives them.

    device: see together.joined, which raises EstimatorUnavailable. The processes that torchrun started train together,
    and the leading one writes. Raises ValueError where they see different folders, or are too many.

    The transformers begin with the first guess, which is much better on people whom it has learnt from: on those they
    would learn to leave it alone. So there are more guesses, each without a part of the people, and what the
    transformers are told in training of a person is the guess of one that has not seen that person.
    """
    run = Path(run)
    with distributed_context(device) as (together, where):
        _begin(stage, run)
        learnt, measured, bones = lessons = tuple(part.to(where) for part in lessons)
        apart = [run / f'without_{fold}' for fold in range(FOLDS)]
        if stage == 'guess':
            for fold, folder in enumerate(apart):
                _train(stage, folder, (learnt.without(fold), measured, bones), steps, seed, together, where)
        elif not _told_nothing(run):
            learnt = learnt.guessed_by([network_of(folder, ('guess',)).to(where) for folder in apart])
        _train(stage, run, (learnt, measured, bones), steps, seed, together, where)


def _begin(stage, run):
    """Have a run be of the model that begins with this stage."""
    if stage == 'guess' and _told_nothing(run):
        raise ValueError(f'--run {run} has begun with train stem, which is a model without a guess: '
                         'take another folder')
    if stage == 'stem' and not _weights(run, 'guess').exists():
        if (run / 'without_0').exists():
            raise ValueError(f'--run {run} has begun with train guess, which is not done: run it again to its end')
        run.mkdir(parents=True, exist_ok=True)
        (run / _TOLD_NOTHING).touch()


def _told_nothing(run):
    return (Path(run) / _TOLD_NOTHING).exists()


def _train(stage, run, lessons, steps, seed, together, device):
    train, parts = STAGES[stage]
    before = tuple(STAGES)[:tuple(STAGES).index(stage)]
    network = network_of(run, before, seed).to(device)
    if together.rank:   # noise of its own
        torch.manual_seed(seed + 1_000_003 * together.rank)
    train(network, *lessons, run, steps, seed, together=together)
    if together.leads:
        with part_of(_weights(run, stage)) as path:
            torch.save({part: network.get_submodule(part).cpu().state_dict() for part in parts}, path)


def done(run: Path) -> list[str]:
    """The stages of a run that are done."""
    return [stage for stage in STAGES if _weights(run, stage).exists()]


def pack(run: Path, output: Path) -> list[str]:
    """Write the model of a run as the estimator takes it; the stages that it consists of."""
    save_open_model(network_of(run), output)
    return done(run)


def _weights(run, stage):
    return Path(run) / f'weights_{stage}.pt'
