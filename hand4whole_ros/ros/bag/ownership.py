"""Bags that this package wrote are recognised by their metadata: only those are ever replaced."""

from __future__ import annotations

import shutil
from pathlib import Path

from ...system.output_files import OutputError, new_part_path, printable_path

#: Prefix of the key of the custom data in metadata.yaml of every bag that this package writes.
CUSTOM_DATA = 'hand4whole '

_METADATA = 'metadata.yaml'

#: Maximum size of metadata.yaml, bytes; this package writes bags of one file each.
_MAX_METADATA_BYTES = 1 << 20

#: Besides metadata.yaml and the files that it names: SQLite's own files.
_DATABASE_SUFFIXES = ('-wal', '-shm', '-journal')


def overwrite_rejection_reason(path: Path) -> str:
    """Why a path may not be replaced by a bag; '' for a bag of this package and nothing else, and for an
    empty folder.
    """
    path = Path(path)
    if not path.is_dir():
        return 'it is a file'
    inside = {entry.name: entry for entry in path.iterdir()}
    if not inside:
        return ''
    about = _own_file_names(path / _METADATA)
    if about is None:
        return 'it is no bag that hand4whole wrote'
    names = {_METADATA, *map(str, about)}
    names |= {name + suffix for name in names for suffix in _DATABASE_SUFFIXES}
    other = sorted(name for name, entry in inside.items() if name not in names or not entry.is_file())
    return f'it holds {printable_path(other[0])}, which is not of the bag' if other else ''


def replace_bag(new: Path, path: Path) -> None:
    """The bag at `new`, on the same disk, becomes `path`. Raises OutputError if something else is there."""
    if not path.exists():
        new.rename(path)
        return
    reason = overwrite_rejection_reason(path)
    if reason:
        raise OutputError(f'{printable_path(path)} is not replaced: {reason}')
    old = new_part_path(path)
    path.rename(old)
    new.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def _own_file_names(path):
    """Names of the files of a bag of this package; None if it is none."""
    import yaml
    try:
        if path.stat().st_size > _MAX_METADATA_BYTES:
            return None
        about = yaml.load(path.read_bytes(), Loader=yaml.BaseLoader)
        about = about['rosbag2_bagfile_information']
        own = any(str(key).startswith(CUSTOM_DATA) for key in about['custom_data'])
        return list(about['relative_file_paths']) if own else None
    except (OSError, yaml.YAMLError, ValueError, LookupError, TypeError, RecursionError):
        return None
