"""Which files make up a bag: what metadata.yaml lists, and what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from ...media.file_kind import MCAP, SQLITE, VIDEO, ZSTD, FileKind, recognise
from .advice import not_a_bag
from .errors import BagError, some_of, unreadable
from .metadata import NAME as METADATA
from .metadata import Metadata, read_metadata

#: Files that hold messages, and what is added to the names of compressed ones.
STORAGE_SUFFIXES = ('.mcap', '.db3')
PACKED_SUFFIXES = ('.zstd', '.zst')


class Contents(NamedTuple):
    """What a bag consists of."""

    files: list[Path]
    metadata: Metadata | None
    #: Lines to say.
    remarks: list[str]
    #: Whether a file that should be here is not.
    missing: bool


def is_bag(path: Path) -> bool:
    """Whether this looks like a bag: a folder with metadata or message files, or a message file; a damaged one, too."""
    try:
        if path.is_dir():
            return (path / METADATA).exists() or bool(_stored(path))
        family = recognise(path).family
    except OSError:
        return _unpacked_name(path.name).endswith(STORAGE_SUFFIXES)
    return family in (MCAP, SQLITE) or family != VIDEO and _unpacked_name(path.name).endswith(STORAGE_SUFFIXES)


def check_file(path: Path) -> None:
    """Raise BagError, in one line, for a file that is no bag by its first bytes: before anything slow is begun."""
    try:
        if path.is_file() and recognise(path).family not in (MCAP, SQLITE, ZSTD):
            raise BagError(not_a_bag(path))
    except OSError as error:
        raise unreadable(path, error) from None


def _unpacked_name(name):
    for suffix in PACKED_SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def contents(path: Path) -> Contents:
    """Of a file, or of a folder. Raises BagError."""
    try:
        if not path.exists():
            raise BagError(f'{path}: no such bag')
        return _of_folder(path) if path.is_dir() else Contents([path], None, [], False)
    except OSError as error:
        raise unreadable(path, error) from None


def _of_folder(folder):
    stored = _stored(folder)
    if not (folder / METADATA).exists():
        if not stored:
            raise BagError(not_a_bag(folder))
        return _without_metadata(folder, stored, [])
    try:
        metadata = read_metadata(folder)
    except BagError:
        raise
    except ValueError as error:
        remark = f'{folder}: metadata.yaml {error}: what is in the files is read; `ros2 bag reindex` writes it anew'
        if not stored:
            raise BagError(f'{folder}: metadata.yaml {error}, and there is no file .mcap or .db3 beside it') from None
        return _without_metadata(folder, stored, [remark])
    return _as_listed(folder, metadata, stored)


def _without_metadata(folder, stored, remarks):
    kinds = {Path(_unpacked_name(path.name)).suffix for path in stored}
    if len(kinds) > 1:
        raise BagError(f'{folder}: no metadata.yaml says which of its files belong together, '
                       f'{some_of(path.name for path in stored)}: give one of them, or a folder with one kind of file')
    if len(stored) > 1 and not remarks:
        remarks = [f'{folder}: no metadata.yaml: its {len(stored)} files, {some_of(p.name for p in stored)}, are read '
                   'as one recording']
    return Contents(stored, None, remarks, False)


def _as_listed(folder, metadata, stored):
    by_name = {_unpacked_name(path.name): path for path in stored}
    files, missing, remarks = [], [], []
    for name in dict.fromkeys(metadata.files):
        path = by_name.pop(_unpacked_name(name), None) or folder / name
        if path.is_file():
            files.append(path)
        else:
            missing.append(name)
    if not files:
        if not stored:
            raise BagError(f'{folder}: metadata.yaml lists {some_of(missing) or "no file"}, and no file .mcap or .db3 '
                           'is here: copy what was recorded as well')
        remarks.append(f'{folder}: of the files that metadata.yaml lists, {some_of(missing) or "none"}, none is here; '
                       f'{some_of(path.name for path in stored)} is read instead')
        return Contents(stored, metadata, remarks, False)
    if missing:
        remarks.append(f'{folder}: {some_of(missing)} is not here, though metadata.yaml lists it: copy it as well')
    # A recorder that is killed has not listed the last of its files.
    for name, path in by_name.items():
        if _series(name) in {_series(_unpacked_name(listed)) for listed in metadata.files} - {None}:
            remarks.append(f'{folder}: {path.name} is not listed in metadata.yaml, but continues the others: it is '
                           'read as well')
            files.append(path)
        else:
            remarks.append(f'{folder}: {path.name} is not listed in metadata.yaml and is left alone; give the file to '
                           'read it')
    return Contents(files, metadata, remarks, bool(missing))


def _series(name):
    """'run_3.mcap' -> ('run', '.mcap'): what the names of the files of one recording have in common."""
    found = re.fullmatch(r'(.*)_\d+(\.\w+)', name)
    return None if found is None else (found[1], found[2])


def _stored(folder):
    """Files with messages, in the order of their numbers; of one that was unpacked beside itself only the unpacked."""
    files = [path for path in folder.iterdir() if path.is_file()]
    found = {}
    for path in sorted(files, key=lambda path: path.suffix in PACKED_SUFFIXES):
        name = _unpacked_name(path.name)
        if name.endswith(STORAGE_SUFFIXES):
            found.setdefault(name, path)
    if not found:
        found = {path.name: path for path in files if _kind(path).family == MCAP}
    return [found[name] for name in sorted(found, key=_natural)]


def _kind(path):
    try:
        return recognise(path)
    except OSError:
        return FileKind('', '')


def _natural(name):
    return [(int(part), '') if part.isdecimal() else (-1, part) for part in re.split(r'(\d+)', name)]
