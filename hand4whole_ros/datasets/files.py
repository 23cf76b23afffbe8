"""Finding and reading the files of a data set; every problem becomes one line that states what to do."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ..media.image_files import FORMATS, ImageFileError, check_size
from . import DatasetError
from .catalogue import DatasetInfo

#: Largest depth of a data set in the given folder: archives add folders of their own.
_MAX_DEPTH = 3


def base_folder(root: Path, marker: str, info: DatasetInfo) -> Path:
    """The folder, `root` or one below it, in which `marker` ('meta/misc.json', may hold *) is found.

    Raises DatasetError that names it, and the source of the data set.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise DatasetError(f'{root}: no such folder; name the one that holds {info.title} with --root')
    level = [root]
    for _ in range(_MAX_DEPTH + 1):
        for folder in level:
            if next(folder.glob(marker), None):
                return folder
        level = [Path(entry) for folder in level for entry in _folders(folder)]
    raise missing_file_error(root / marker, info)


def _folders(folder):
    try:
        return sorted(entry.path for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith('.'))
    except OSError:
        return []


def missing_file_error(path: Path, info: DatasetInfo) -> DatasetError:
    """The error for a missing file of a data set."""
    return DatasetError(f'{path}: not found; {info.title} has it: {info.page} ({info.instructions})')


def require(path: Path, info: DatasetInfo) -> Path:
    """The path, if the file exists. Raises DatasetError."""
    if not path.is_file():
        raise missing_file_error(path, info)
    return path


def read_json(path: Path, info: DatasetInfo):
    """The contents of a JSON file. Raises DatasetError."""
    require(path, info)
    try:
        with open(path, encoding='utf-8') as stream:
            return json.load(stream)
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f'{path}: cannot be read as JSON ({error}); is the download complete?') from None


@contextlib.contextmanager
def require_layout(path: Path, info: DatasetInfo) -> Iterator[None]:
    """Within it, missing or malformed entries become a DatasetError that names the file."""
    try:
        yield
    except DatasetError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        what = f'it lacks {error}' if isinstance(error, KeyError) else f'{type(error).__name__}: {error}'
        raise DatasetError(f'{path}: not in the form of {info.title} ({what})') from None


def finite_array(values, *shape: int) -> np.ndarray:
    """float64 of a shape. Raises ValueError for another count of numbers, or if some are not finite."""
    array = np.asarray(values, np.float64)
    if array.size != np.prod(shape) or not np.isfinite(array).all():
        raise ValueError(f'{np.prod(shape)} finite numbers expected, found {array.size}')
    return array.reshape(shape)


def image_size(path: Path, info: DatasetInfo) -> tuple[int, int]:
    """Width and height of a picture, from its header alone. Raises DatasetError."""
    require(path, info)
    try:
        with Image.open(path, formats=FORMATS) as header:
            check_size(header.width, header.height, str(path))
            return header.size
    except ImageFileError as error:
        raise DatasetError(str(error)) from None
    except Exception:  # Pillow raises anything from OSError to struct.error on damaged bytes
        raise DatasetError(f'{path}: not a picture; is the download complete?') from None
