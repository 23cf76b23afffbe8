"""A reader of a data set by its name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from .annotated_bodies import GroundTruthBodies
from .base_reader import DatasetReader
from .catalogue import dataset_info

#: Name -> module here and class.
_READERS = {'agora': ('agora', 'AGORA'), 'arctic': ('arctic', 'ARCTIC'), 'ehf': ('ehf', 'EHF'),
            'interhand': ('interhand', 'InterHand'), 'reinterhand': ('reinterhand', 'ReInterHand'),
            'hic': ('hic', 'HIC'), 'freihand': ('freihand', 'FreiHAND')}


def open_dataset(
    name: str, root: Path | str, split: str | None = None, bodies: GroundTruthBodies | None = None
) -> DatasetReader:
    """The data set `name` of catalogue.NAMES whose files are in `root`.

    split: one of its splits, by default the one for evaluation. bodies: the licensed body models its truth is posed
    with; those of the usual folder by default. Raises ValueError for an unknown name or split, DatasetError if files
    are missing.
    """
    module, reader = _READERS[dataset_info(name).name]
    return getattr(import_module(f'.{module}', __package__), reader)(root, split, bodies)
