"""The data sets that are learnt from, and which of their rows comes when."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...datasets import DatasetError
from ...datasets.annotated_bodies import GroundTruthBodies
from ...datasets.base_reader import DatasetReader
from ...datasets.catalogue import TRAINING_DATASETS
from ...datasets.registry import open_dataset

#: Rows of a data set that are measured on at most, and one of how many at most.
MAX_VALIDATION_ROWS, MIN_VALIDATION_STRIDE = 16, 20


@dataclass(frozen=True)
class TrainingSource:
    """One data set: rows to learn from, and a few, evenly spread, to see how it goes."""

    name: str
    reader: DatasetReader
    train_rows: np.ndarray      # (N,) int64 rows of the reader
    measured: np.ndarray    # (M,)

    @classmethod
    def of(cls, reader: DatasetReader) -> TrainingSource:
        """Raises DatasetError for a data set of a single row."""
        count = len(reader)
        if count < 2:
            raise DatasetError(f'{reader.root}: {count} samples of {reader.info.title}; at least 2 are needed, one of '
                               f'which is measured on')
        measured = np.arange(0, count, max(MIN_VALIDATION_STRIDE, -(-count // MAX_VALIDATION_ROWS)))
        return cls(reader.name, reader, np.setdiff1d(np.arange(count), measured), measured)

    def row(self, position: int, seed: int) -> int:
        """Of the position-th sample that is drawn: every round through the data set has all rows, in another order."""
        turn, place = divmod(position, len(self.train_rows))
        return int(self.train_rows[_epoch_order(len(self.train_rows), seed, turn)[place]])


@functools.lru_cache(maxsize=8)
def _epoch_order(count, seed, turn):
    return np.random.default_rng([seed, turn, count]).permutation(count)


def open_sources(folders: Mapping[str, Path], bodies: GroundTruthBodies) -> list[TrainingSource]:
    """Data sets, name -> folder, in the order of TRAINED_ON. Raises DatasetError."""
    return [
        TrainingSource.of(open_dataset(name, folders[name], 'train', bodies))
        for name in TRAINING_DATASETS
        if name in folders
    ]
