"""The base of all data set readers: a table of samples that are computed one at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ..geometry.boxes import inside
from ..geometry.camera import Intrinsics
from .annotated_bodies import GroundTruthBodies
from .catalogue import DatasetInfo, dataset_info
from .sample import Sample

#: Margin around keypoints for the flesh.
_BOX_MARGIN = 1.2


class DatasetReader(ABC):
    """One split of one data set: a sequence of samples.

    Construction reads tables only; a sample's truth is posed on access. It can be pickled, and so sent to the
    processes of a loader. Raises DatasetError for anything missing or malformed.
    """

    #: A name in catalogue.DATASETS.
    name: str

    def __init__(self, root: Path | str, split: str | None = None, bodies: GroundTruthBodies | None = None):
        self.info: DatasetInfo = dataset_info(self.name)
        self.split = split or self.info.splits[0]
        if self.split not in self.info.splits:
            raise ValueError(f'{self.info.title} has the splits {", ".join(self.info.splits)}, found {self.split!r}')
        self.bodies = bodies or GroundTruthBodies()
        self.root = Path(root).expanduser()

    @abstractmethod
    def __len__(self) -> int:
        """The number of samples."""

    @abstractmethod
    def __getitem__(self, index: int) -> Sample:
        """Sample 0, 1, ... up to the last."""

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))


class RecentResults:
    """The last few results of a function of one argument, such as files read. It can be pickled if the function can."""

    def __init__(self, function: Callable, size: int):
        self._function, self._size, self._kept = function, size, OrderedDict()

    def __call__(self, argument):
        if argument not in self._kept:
            while len(self._kept) >= self._size:    # first, so that two large ones are never in memory at once
                self._kept.popitem(last=False)
            self._kept[argument] = self._function(argument)
        self._kept.move_to_end(argument)
        return self._kept[argument]


def box_around_points(points: np.ndarray, intrinsics: Intrinsics, within: bool = False) -> np.ndarray:
    """The box xywh (4,) px around points (N, 3) m before the camera, enlarged by a fifth; zeros if there are none.

    within: only of points inside the image.
    """
    pixels = intrinsics.project(points)
    good = np.isfinite(pixels).all(axis=1)
    if within:
        good &= inside(pixels, intrinsics.width, intrinsics.height)
    if not good.any():
        return np.zeros(4)
    low, high = pixels[good].min(0), pixels[good].max(0)
    size = (high - low) * _BOX_MARGIN
    return np.concatenate([(low + high - size) / 2, size])


def full_image_box(intrinsics: Intrinsics) -> np.ndarray:
    """The box xywh (4,) px of a whole image."""
    return np.array([0, 0, intrinsics.width, intrinsics.height], np.float64)
