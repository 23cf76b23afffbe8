"""The folder of a training, and the settings that all trainings share.

The folder is new, empty, or of an earlier training; it contains no unrelated files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ..system.output_files import OutputError, check_output_folder, printable_path
from .curves import CURVES

#: Of full-size CHAM: settings that must not change when a training resumes.
SETTINGS = 'settings.json'

#: A file in the folder of a run whose model is image-only.
IMAGE_ONLY_MARKER = 'image_only'

#: Files of runs that began with an earlier version, whose first stage and image-only marker had other names. To go on
#: without that stage's weights would train another model.
_OUTDATED_FILES = {'body_guess.pt', 'hand_guess.pt', 'weights_guess.pt', 'told_nothing'}

#: Files and folders, one of which is in the folder of every training that has begun.
_KNOWN_FILES = {IMAGE_ONLY_MARKER, 'without_0',
                *(f'{name}{suffix}' for name in CURVES for suffix in ('.pt', '.jsonl'))}

#: Prefixes and suffixes of other files: intermediate weights, people without images.
_PARTS = (('weights_', '.pt'), ('pool_', '.npz'))


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Of any training: its folder, its length, and its random seed."""

    run: Path
    steps: int
    seed: int = 0


def check_run_folder(run: Path) -> None:
    """Raises OutputError if the folder has unrelated contents or an outdated training, or cannot be written."""
    option = f'--run {printable_path(run)}'
    check_output_folder(run, option)
    if not run.exists():
        return
    if not run.is_dir():
        raise OutputError(f'{option} is a file; name a folder')
    names = {path.name for path in run.iterdir()}
    outdated = names & _OUTDATED_FILES
    if outdated:
        raise OutputError(f'{option} holds {min(outdated)}, of a training by an earlier version, which cannot go on: '
                          'name a new folder')
    parts = any(name.startswith(begin) and name.endswith(end) for name in names for begin, end in _PARTS)
    if names and not names & _KNOWN_FILES and not parts and read_settings(run) is None:
        raise OutputError(
            f'{option} holds {printable_path(min(names))} and no training: name a new folder, or an empty one'
        )


def read_settings(run: Path) -> dict | None:
    """Those of a training of full-size CHAM; None if there are none, or the file has another format."""
    try:
        found = json.loads((run / SETTINGS).read_text())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and {'data', 'weights', 'batch'} <= found.keys() else None
