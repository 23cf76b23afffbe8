"""The files of a bag: those that metadata.yaml lists, and those that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from ...media.file_kind import MCAP, SQLITE, VIDEO, ZSTD, FileKind, recognise_file
from .advice import format_not_a_bag
from .errors import BagError, format_names, make_read_error
from .metadata import METADATA_FILE as METADATA
from .metadata import Metadata, read_metadata

#: Suffixes of files with messages, and the additional ones of compressed files.
STORAGE_SUFFIXES = ('.mcap', '.db3')
COMPRESSED_SUFFIXES = ('.zstd', '.zst')


class BagContents(NamedTuple):
    """Files of a bag."""

    files: list[Path]
    metadata: Metadata | None
    #: Remarks for the log.
    remarks: list[str]
    #: Whether a listed file is missing.
    missing: bool


def is_bag(path: Path) -> bool:
    """Whether a path seems to be a bag: a folder with metadata or message files, or a message file; damaged or not."""
    try:
        if path.is_dir():
            return (path / METADATA).exists() or bool(_storage_files(path))
        family = recognise_file(path).family
    except OSError:
        return _uncompressed_name(path.name).endswith(STORAGE_SUFFIXES)
    return family in (MCAP, SQLITE) or family != VIDEO and _uncompressed_name(path.name).endswith(STORAGE_SUFFIXES)


def check_bag_file(path: Path) -> None:
    """Raise BagError, in one line, for a file that is no bag by its first bytes, before any slow work."""
    try:
        if path.is_file() and recognise_file(path).family not in (MCAP, SQLITE, ZSTD):
            raise BagError(format_not_a_bag(path))
    except OSError as error:
        raise make_read_error(path, error) from None


def _uncompressed_name(name):
    for suffix in COMPRESSED_SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def list_contents(path: Path) -> BagContents:
    """The contents of a file, or of a folder. Raises BagError."""
    try:
        if not path.exists():
            raise BagError(f'{path}: no such bag')
        return _list_folder(path) if path.is_dir() else BagContents([path], None, [], False)
    except OSError as error:
        raise make_read_error(path, error) from None


def _list_folder(folder):
    storage_files = _storage_files(folder)
    if not (folder / METADATA).exists():
        if not storage_files:
            raise BagError(format_not_a_bag(folder))
        return _list_without_metadata(folder, storage_files, [])
    try:
        metadata = read_metadata(folder)
    except BagError:
        raise
    except ValueError as error:
        remark = f'{folder}: metadata.yaml {error}: what is in the files is read; `ros2 bag reindex` writes it anew'
        if not storage_files:
            raise BagError(f'{folder}: metadata.yaml {error}, and there is no file .mcap or .db3 beside it') from None
        return _list_without_metadata(folder, storage_files, [remark])
    return _list_from_metadata(folder, metadata, storage_files)


def _list_without_metadata(folder, storage_files, remarks):
    kinds = {Path(_uncompressed_name(path.name)).suffix for path in storage_files}
    if len(kinds) > 1:
        raise BagError(
            f'{folder}: no metadata.yaml lists which of its files belong together, '
            f'{format_names(path.name for path in storage_files)}: give one of them, or a folder with one kind of file'
        )
    if len(storage_files) > 1 and not remarks:
        remarks = [
            f'{folder}: no metadata.yaml: its {len(storage_files)} files, '
            f'{format_names(p.name for p in storage_files)}, are read '
            'as one recording'
        ]
    return BagContents(storage_files, None, remarks, False)


def _list_from_metadata(folder, metadata, storage_files):
    by_name = {_uncompressed_name(path.name): path for path in storage_files}
    files, missing, remarks = [], [], []
    for name in dict.fromkeys(metadata.files):
        path = by_name.pop(_uncompressed_name(name), None) or folder / name
        if path.is_file():
            files.append(path)
        else:
            missing.append(name)
    if not files:
        if not storage_files:
            raise BagError(f'{folder}: metadata.yaml lists {format_names(missing) or "no file"}, and no file .mcap or '
                           '.db3 '
                           'is here: copy what was recorded as well')
        remarks.append(f'{folder}: of the files that metadata.yaml lists, {format_names(missing) or "none"}, none is '
                       'here; '
                       f'{format_names(path.name for path in storage_files)} is read instead')
        return BagContents(storage_files, metadata, remarks, False)
    if missing:
        remarks.append(f'{folder}: {format_names(missing)} is not here, though metadata.yaml lists it: copy it as well')
    # A killed recorder has not listed the last of its files.
    for name, path in by_name.items():
        series = {_split_series_name(_uncompressed_name(listed)) for listed in metadata.files} - {None}
        if _split_series_name(name) in series:
            remarks.append(f'{folder}: {path.name} is not listed in metadata.yaml, but continues the others: it is '
                           'read as well')
            files.append(path)
        else:
            remarks.append(f'{folder}: {path.name} is not listed in metadata.yaml and is left alone; give the file to '
                           'read it')
    return BagContents(files, metadata, remarks, bool(missing))


def _split_series_name(name):
    """'run_3.mcap' -> ('run', '.mcap'): the common part of the names of one recording's files."""
    found = re.fullmatch(r'(.*)_\d+(\.\w+)', name)
    return None if found is None else (found[1], found[2])


def _storage_files(folder):
    """Files with messages, in the order of their numbers; of a file that is there in both forms the unpacked one."""
    files = [path for path in folder.iterdir() if path.is_file()]
    found = {}
    for path in sorted(files, key=lambda path: path.suffix in COMPRESSED_SUFFIXES):
        name = _uncompressed_name(path.name)
        if name.endswith(STORAGE_SUFFIXES):
            found.setdefault(name, path)
    if not found:
        found = {path.name: path for path in files if _file_kind(path).family == MCAP}
    return [found[name] for name in sorted(found, key=_natural_sort_key)]


def _file_kind(path):
    try:
        return recognise_file(path)
    except OSError:
        return FileKind('', '')


def _natural_sort_key(name):
    return [(int(part), '') if part.isdecimal() else (-1, part) for part in re.split(r'(\d+)', name)]
