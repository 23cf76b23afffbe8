"""Dictionaries that numpy.save wrote, which are pickles inside of a .npy file; no code in them is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.lib import format as npy

from ..checkpoints import CheckpointError
from ..checkpoints.safe_pickle.array_pickles import read_stream, to_plain_python
from . import DatasetError
from .catalogue import DatasetInfo
from .files import require, require_layout

#: The largest sequences have some megabytes.
_MAX_BYTES = 256 << 20
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_npy_dict(path: Path, info: DatasetInfo) -> dict:
    """The one dictionary in a .npy file, its arrays as numpy's, texts and numbers as they are. Raises DatasetError."""
    require(path, info)
    if path.stat().st_size > _MAX_BYTES:
        raise DatasetError(f'{path} has {path.stat().st_size >> 20} MB: no such file of {info.title} is that large')
    try:
        with require_layout(path, info), open(path, 'rb') as stream:
            shape, _, kind = _HEADERS[npy.read_magic(stream)](stream)
            if shape != () or not kind.hasobject:
                raise ValueError(f'one dictionary expected, found an array {shape} of {kind}')
            found = read_stream(stream, path, 'dictionary', make=_single)
            if not isinstance(found, dict):
                raise ValueError(f'one dictionary expected, found {type(found).__name__}')
            return found
    except CheckpointError as error:
        raise DatasetError(str(error)) from None
    except OSError as error:
        raise DatasetError(f'{path} cannot be read: {error.strerror or error}') from None


def _single(value):
    """The object in an array of one object."""
    plain: Any = to_plain_python(value)
    return plain[()]
