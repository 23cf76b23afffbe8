"""The whole training of full-size CHAM: from folders of data sets and of weights to a snapshot to estimate with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from ...checkpoints.files import SNAPSHOT
from ...checkpoints.hand4whole_pp import load_body, load_training_start
from ...checkpoints.random_weights import load_random
from ...checkpoints.snapshot import save_snapshot
from ...checkpoints.store import Store
from ...config import TRAINING_PRECISIONS, Precision, WeightsSource
from ...datasets.annotated_bodies import GroundTruthBodies
from ...estimators.devices import multiplies_bf16
from ...networks.cham import CHAM
from ...networks.hand4whole_pp import HAND4WHOLE_PP, HAND4WHOLE_PP_TINY, Hand4WholePP
from ...system import output_files
from .. import run_folder
from ..distributed import distributed_context
from ..run_folder import RunSettings
from .batches import BatchFeed, validation_batches
from .cham_training import prepare_training, train_cham
from .sources import open_sources

#: Weights that are made up, to try a training out -> dimensions of the network.
_RANDOM_CONFIGS = {WeightsSource.RANDOM: HAND4WHOLE_PP, WeightsSource.RANDOM_TINY: HAND4WHOLE_PP_TINY}


@dataclass(frozen=True, kw_only=True)
class TrainingSettings(RunSettings):
    """What is trained, on what, and how."""

    data: Mapping[str, Path]                #: data set -> its folder
    weights_folder: Path | None = None      #: None: where Store looks
    weights: WeightsSource = WeightsSource.PUBLISHED
    batch: int = 32                         #: views of a step, of all processes together
    at_once: int | None = None              #: of them in one pass; None: all of a process
    rate: float = 1e-4
    device: str = 'auto'
    precision: Precision = Precision.AUTO   #: one of TRAINING_PRECISIONS: see cham_training.run_network
    workers: int = 0
    in_crop_frame: bool = False             #: see views.view

    def fixed_settings(self) -> dict:
        """What must not change while a training goes on."""
        return {'data': sorted(self.data), 'weights': self.weights, 'batch': self.batch, 'rate': self.rate,
                'seed': self.seed, 'in_crop_frame': self.in_crop_frame}


def run_training(settings: TrainingSettings, progress: bool = True) -> Path | None:
    """Train, or go on where it was stopped, and write the snapshot; its path, None in processes that do not lead.

    Raises CheckpointError, BodyModelError, DatasetError, ImageFileError, EstimatorUnavailable (for the device) or
    ValueError, in one line each.
    """
    with distributed_context(settings.device) as (distributed, device):
        if settings.precision not in TRAINING_PRECISIONS:
            raise ValueError(f'precision {settings.precision!r}: expected auto, fp32 or bf16')
        mixed = settings.precision == Precision.BF16 or settings.precision == Precision.AUTO and (
            device.type == 'cuda' or multiplies_bf16())
        _check_settings_match(settings)
        store = Store(settings.weights_folder)
        network = _initial_network(settings, store)     # maps its files: the data sets take longer
        sources = open_sources(settings.data, GroundTruthBodies(store))
        feed = BatchFeed(sources, settings.batch, device, at_once=settings.at_once, seed=settings.seed,
                    workers=settings.workers, in_crop_frame=settings.in_crop_frame, distributed=distributed)
        network = prepare_training(network, device, mixed)
        at_once = min(settings.at_once or settings.batch, settings.batch // distributed.size)
        measured = validation_batches(sources, device, at_once, settings.in_crop_frame) if distributed.is_main else []
        if distributed.is_main:
            output_files.write_file(
                settings.run / run_folder.SETTINGS, json.dumps(settings.fixed_settings(), indent=1).encode()
            )
        train_cham(network, feed, settings.batch, measured, folder=settings.run, max_steps=settings.steps,
                   lr=settings.rate,
                   mixed=mixed, distributed=distributed, progress=progress)
        if not distributed.is_main:
            return None
        path = settings.run / SNAPSHOT.file_names[0]
        save_snapshot(network, path, settings.steps)
        return path


def _initial_network(settings, store) -> Hand4WholePP:
    """As the training starts: experts as they are, CHAM fresh and the same for every seed."""
    torch.manual_seed(settings.seed)
    if settings.weights == WeightsSource.PUBLISHED:
        return load_training_start(store)
    if settings.weights not in _RANDOM_CONFIGS:
        raise ValueError(f'weights {settings.weights!r}: expected one of published, {", ".join(_RANDOM_CONFIGS)}')
    network = load_random(load_body(store), _RANDOM_CONFIGS[settings.weights])
    network.hand_control_net = CHAM(network.config.cham)
    return network


def _check_settings_match(settings):
    """ValueError where the folder holds a training of other settings."""
    path, now = settings.run / run_folder.SETTINGS, settings.fixed_settings()
    then = run_folder.read_settings(settings.run) if path.exists() else now
    if then is None:
        raise ValueError(f'{path} is not of a training: name another folder')
    other = [f'{name} {then.get(name)}, now {value}' for name, value in now.items() if then.get(name) != value]
    if other:
        raise ValueError(f'{settings.run} holds a training of other settings ({"; ".join(other)}); name another '
                         f'folder, or the same settings')
