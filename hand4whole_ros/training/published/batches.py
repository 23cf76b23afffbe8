"""Views of the data sets put together into the batches of each step, by other processes if wanted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from ... import skeleton
from ...datasets import DatasetError
from ...datasets.targets import Targets
from ...media.image_files import ImageFileError
from ...networks.hand4whole_pp import HandBoxes
from ..distributed import SINGLE_PROCESS, DistributedContext
from .augmentation import Augmentation
from .crops import TrainingView, make_view
from .sources import TrainingSource

#: So many rows are looked at for one whose picture shows a hand.
_MAX_ATTEMPTS = 200


class StackedViews(NamedTuple):
    """B of crops.TrainingView, as tensors that begin with B; the truth by the names of its fields."""

    patch: Tensor
    boxes: Tensor
    exists: Tensor
    truth: dict[str, Tensor]


@dataclass(frozen=True)
class ViewBatch:
    """B views, on one device."""

    patches: Tensor                 # (B, 3, 512, 384)
    boxes: dict[str, HandBoxes]
    truth: Targets[Tensor]          # begin with B

    @classmethod
    def of(cls, stacked: StackedViews, device: torch.device) -> ViewBatch:
        """On a device."""
        def there(values):
            return values.to(device, non_blocking=True)
        boxes, exists = there(stacked.boxes), there(stacked.exists)
        return cls(there(stacked.patch), {side: HandBoxes(boxes[:, k], exists[:, k])
                                          for k, side in enumerate(skeleton.SIDES)},
                   Targets(**{field.name: there(stacked.truth[field.name]) for field in fields(Targets)}))


class SlotDataset(Dataset):
    """An endless row of slots, 0, 1, ...; the sources take turns, and what is in a slot follows from its number."""

    def __init__(self, sources: Sequence[TrainingSource], seed: int, in_crop_frame: bool):
        self._sources, self._seed, self._in_crop_frame = list(sources), seed, in_crop_frame

    def __getitem__(self, slot: int) -> TrainingView | Exception:
        """An error is handed over, not raised: from another process it would come as a page of text."""
        try:
            return self._view(slot)
        except (DatasetError, ImageFileError) as error:
            return error

    def _view(self, slot):
        source = self._sources[slot % len(self._sources)]
        position = slot // len(self._sources)
        accidents = Augmentation.drawn(np.random.default_rng([self._seed, slot]))
        tries = min(_MAX_ATTEMPTS, len(source.train_rows))
        for further in range(tries):
            found = make_view(source.reader[source.row(position + further, self._seed)], accidents, self._in_crop_frame)
            if found is not None:
                return found
        raise DatasetError(f'{source.reader.root}: {tries} pictures of {source.reader.info.title} in a row show no '
                           f'hand')


class BatchFeed:
    """step -> the batches of that step that are this process' share, at most `at_once` views each.

    batch: views of a step, of all processes together, which have to be able to share them. workers: processes that
    read and cut pictures; 0: this one does.
    """

    def __init__(
        self,
        sources: Sequence[TrainingSource],
        batch: int,
        device: torch.device,
        *,
        at_once: int | None = None,
        seed: int = 0,
        workers: int = 0,
        in_crop_frame: bool = False,
        distributed: DistributedContext = SINGLE_PROCESS,
    ):
        if batch % distributed.size:
            raise ValueError(f'a batch of {batch} cannot be shared by {distributed.size} processes')
        self._slots = SlotDataset(sources, seed, in_crop_frame)
        self._device, self._workers, self._batch = device, workers, batch
        share = batch // distributed.size
        start = share * distributed.rank
        self._parts = [range(low, min(low + (at_once or share), start + share))
                       for low in range(start, start + share, at_once or share)]
        self._next: int | None = None
        self._stream: Iterator | None = None

    def __call__(self, step: int) -> Iterator[ViewBatch]:
        """Read ahead, as long as steps follow each other."""
        stream = self._stream
        if step != self._next or stream is None:
            stream = self._stream = iter(self._loader(step))
        self._next = step + 1
        for _ in self._parts:
            found = next(stream)
            if isinstance(found, Exception):
                self._next = None
                raise found
            yield ViewBatch.of(found, self._device)

    def _loader(self, first):
        order = ([step * self._batch + place for place in part] for step in itertools.count(first)
                 for part in self._parts)
        return DataLoader(self._slots, batch_sampler=order, num_workers=self._workers, collate_fn=_stack_or_error,
                          pin_memory=self._device.type == 'cuda')


def validation_batches(sources: Sequence[TrainingSource], device: torch.device, at_once: int,
                     in_crop_frame: bool = False) -> list[ViewBatch]:
    """Of the rows that are not learnt from, without accidents; those that show a hand."""
    views = [make_view(source.reader[int(row)], in_crop_frame=in_crop_frame)
             for source in sources for row in source.measured]
    views = [one for one in views if one is not None]
    return [ViewBatch.of(_stack(views[start:start + at_once]), device) for start in range(0, len(views), at_once)]


def _stack_or_error(views: Sequence[TrainingView | Exception]) -> StackedViews | Exception:
    wrong = next((one for one in views if isinstance(one, Exception)), None)
    return wrong or _stack([one for one in views if not isinstance(one, Exception)])


def _stack(views: Sequence[TrainingView]) -> StackedViews:
    return StackedViews(*default_collate([(*one[:-1], one.truth.as_dict()) for one in views]))
