"""The files that commands read, from given files and folders; skipped ones are counted and logged."""

from __future__ import annotations

import logging
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from ..system.output_files import printable_path
from . import image_formats

log = logging.getLogger(__name__)


def list_entries(folder: Path) -> list[Path]:
    """Entries of a folder, by name, without hidden files. Raises ValueError if it cannot be read."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith('.'))
    except OSError as error:
        raise ValueError(f'{printable_path(folder)}: the folder cannot be read: {error.strerror}') from None


def summarise_skipped(paths: Sequence[Path]) -> str:
    """Text about skipped entries of a folder: counts of suffixes and of folders, and how to have them read."""
    counts = Counter(_entry_kind(path) for path in paths)
    return ', '.join(f'{count} {kind}' + (f' ({remedy})' if (remedy := image_formats.install_advice(kind)) else '')
                     for kind, count in sorted(counts.items()))


def _entry_kind(path):
    """A suffix, or another kind."""
    if path.is_dir():
        return 'sub-folder (not searched)'
    if not path.exists():
        return 'broken link'
    if not path.is_file():
        return 'device or pipe'
    return printable_path(path.suffix.lower()) or 'without suffix'


def list_files(inputs: Sequence[Path], is_wanted: Callable[[Path], bool], wanted: str) -> list[Path]:
    """Given files, and wanted ones in folders, each once; skipped ones are logged in a line.

    wanted: their description, for messages. Raises FileNotFoundError or ValueError with one line that names the fault.
    """
    found: list[Path] = []
    for entry in map(Path, inputs):
        if entry.is_dir():
            inside = list_entries(entry)
            chosen = [path for path in inside if path.is_file() and is_wanted(path)]
            rest = summarise_skipped([path for path in inside if path not in set(chosen)])
            if not chosen:
                raise ValueError(f'{printable_path(entry)}: no {wanted} in this folder'
                                 + (f'; it holds {rest}' if rest else ''))
            if rest:
                log.warning('%s: left out: %s', printable_path(entry), rest)
            found += chosen
        elif os.path.lexists(entry):
            found.append(entry)
        else:
            raise FileNotFoundError(f'{printable_path(entry)}: no such file or folder')
    once: dict[tuple, Path] = {}
    for path in found:
        once.setdefault((os.path.realpath(path.parent), path.name), path)
    if len(once) < len(found):
        log.info('inputs that are named more than once are read once: %d', len(found) - len(once))
    return list(once.values())


def make_distinct_names(names: Sequence[str], longer: Sequence[str]) -> list[str]:
    """A name for each: its own, its longer one if several have the same, and a number if that is still ambiguous.

    Case and Unicode normalisation do not count as differences, as on many file systems.
    """
    counts = Counter(map(_fold_case, names))
    chosen = [name if counts[_fold_case(name)] == 1 else long for name, long in zip(names, longer)]
    taken = {_fold_case(name) for name in names if counts[_fold_case(name)] == 1}
    for k, name in enumerate(chosen):
        if counts[_fold_case(names[k])] == 1:
            continue
        number, free = 1, name
        while _fold_case(free) in taken:
            number += 1
            free = f'{name}_{number}'
        taken.add(_fold_case(free))
        chosen[k] = free
    return chosen


def _fold_case(name):
    return unicodedata.normalize('NFC', name.casefold())
