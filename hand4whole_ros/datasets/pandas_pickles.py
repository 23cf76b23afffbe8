"""Tables that pandas pickled, read without pandas and without running any code in them.

A pickled DataFrame is a manager of blocks: arrays (columns of one kind, rows) with the numbers of their columns, and
two axes. The names in the pickle resolve to stand-ins (checkpoints.pickles) in all three arrangements that pandas has
written since 0.14: what was stored under that version's number until 1.2, and blocks of their own since 1.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..checkpoints import CheckpointError
from ..checkpoints.safe_pickle.array_pickles import MAX_FILE_BYTES, PickleStub, read_stream, to_plain_python
from . import DatasetError


class _DataFrame(PickleStub):
    """pandas.DataFrame."""

    def value(self, depth):
        manager = self.entry('_mgr', '_data')
        if not isinstance(manager, _Manager):
            raise ValueError('a table without its blocks')
        return manager.columns(depth)


class _Manager(PickleStub):
    """pandas' BlockManager: made of blocks and axes, or created empty and then given them as a state."""

    _parts: tuple[Sequence, Sequence] = (), ()

    def __init__(self, blocks=(), axes=(), *more):
        self._parts = blocks, axes

    def columns(self, depth):
        """Name of each column -> its (rows,) array."""
        blocks, axes = self._parts
        if isinstance(self.state, tuple) and len(self.state) >= 4:
            kept = self.state[3]['0.14.1']
            blocks = [(block['values'], block['mgr_locs']) for block in kept['blocks']]
            axes = kept['axes']
        else:
            blocks = [block.parts for block in blocks]
        names, found = to_plain_python(axes[0], depth), {}
        for values, where in blocks:
            rows = to_plain_python(values, depth)
            numbers = range(*where.indices(len(names))) if isinstance(where, slice) else to_plain_python(where, depth)
            found.update((str(names[int(k)]), row) for k, row in zip(numbers, rows, strict=True))
        return found


class _Block(PickleStub):
    """pandas' function that makes a block of values, the numbers of their columns, and 2."""

    def __init__(self, values, where, *dimensions):
        self.parts = values, where


class _Index(PickleStub):
    """pandas' function that makes an axis: of a class and a dictionary."""

    _parts: dict[str, Any] = {}

    def __init__(self, kind=None, parts=None):
        self._parts = parts or {}

    def value(self, depth):
        if 'data' in self._parts:
            return to_plain_python(self._parts['data'], depth)
        return np.arange(self._parts['start'], self._parts['stop'], self._parts['step'])


def _allowed_global():
    table = {'pandas.core.frame.DataFrame': _DataFrame, 'pandas._libs.internals._unpickle_block': _Block,
             'pandas.core.indexes.base._new_Index': _Index, 'builtins.slice': slice, '__builtin__.slice': slice}
    for module in ('pandas.core.internals', 'pandas.core.internals.managers'):
        table[f'{module}.BlockManager'] = _Manager
    for name in ('base.Index', 'range.RangeIndex', 'numeric.Int64Index', 'numeric.Float64Index'):
        table[f'pandas.core.indexes.{name}'] = _Index
    return table


def read_frame(path: Path) -> dict[str, np.ndarray]:
    """Column -> (rows,) array, of objects if an entry is not a single number. Raises DatasetError."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise DatasetError(f'{path} has {path.stat().st_size >> 20} MB, more than is held in memory: use the data '
                               f'frame without joints and vertices, and the fits')
        with open(path, 'rb') as stream:
            return read_stream(stream, path, 'data frame file', make=_read_columns, more=_allowed_global())
    except OSError as error:
        raise DatasetError(f'{path} cannot be read: {error.strerror or error}') from None
    except CheckpointError as error:
        raise DatasetError(str(error)) from None


def _read_columns(found):
    if not isinstance(found, _DataFrame):
        raise ValueError('it holds no table')
    return to_plain_python(found)
