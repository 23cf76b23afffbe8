"""The folder of a training, and what every training is told.

The folder is new, empty, or of an earlier training; nobody else's files lie among what it writes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ..system.output_files import OutputError, check_output_folder, printable_path
from .curves import CURVES

#: Of full-size CHAM: what must not change while a training goes on.
SETTINGS = 'settings.json'

#: Files and folders, one of which is in the folder of every training that has begun.
_KNOWN_FILES = {'told_nothing', 'without_0', *(f'{name}{suffix}' for name in CURVES for suffix in ('.pt', '.jsonl'))}

#: How the names of others begin and end: weights kept along the way, people without pictures.
_PARTS = (('weights_', '.pt'), ('pool_', '.npz'))


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Of any training: the folder it is in, how long it goes on, and what its chances are drawn by."""

    run: Path
    steps: int
    seed: int = 0


def check_run_folder(run: Path) -> None:
    """Raises OutputError where the folder is somebody else's, or cannot be written."""
    option = f'--run {printable_path(run)}'
    check_output_folder(run, option)
    if not run.exists():
        return
    if not run.is_dir():
        raise OutputError(f'{option} is a file; name a folder')
    names = {path.name for path in run.iterdir()}
    parts = any(name.startswith(begin) and name.endswith(end) for name in names for begin, end in _PARTS)
    if names and not names & _KNOWN_FILES and not parts and read_settings(run) is None:
        raise OutputError(
            f'{option} holds {printable_path(min(names))} and no training: name a new folder, or an empty one'
        )


def read_settings(run: Path) -> dict | None:
    """Those of a training of full-size CHAM; None where there are none, or the file is another's."""
    try:
        found = json.loads((run / SETTINGS).read_text())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and {'data', 'weights', 'batch'} <= found.keys() else None
