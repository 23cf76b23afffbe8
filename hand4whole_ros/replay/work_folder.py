"""Where a long job keeps what it has done so far, until all of it is there and becomes the output."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from pathlib import Path
from typing import Any


class WorkFolderError(ValueError):
    """The job cannot go on in its folder; the message is the one line to show."""


class WorkFolder:
    """OUT.partial beside OUT. OUT itself appears at once, by renaming, when it is whole.

    A job that was killed and is started again with the same plan finds what it had left there.
    """

    def __init__(self, output: Path, plan: dict[str, Any], force: bool = False):
        """plan: what the output depends on, as JSON; the work of another plan is not continued.

        `force` replaces an output that exists, once the new one is whole, and throws the work of another plan
        away. Raises WorkFolderError, or OSError where nothing can be written.
        """
        self.output = Path(output)
        if self.output.exists() and not force:
            raise WorkFolderError(f'{output} exists already: choose another output, or give --force to replace it')
        self.path = self.output.with_name(self.output.name + '.partial')
        self._lock = None
        #: Whether there was work of an earlier run to go on with.
        self.resumed = False
        # As it is read again: tuples have become lists, paths texts.
        plan = json.loads(json.dumps(plan, default=str))
        if self.path.exists() and not self._belongs_to(plan):
            if not force:
                raise WorkFolderError(
                    f'{self.path} holds the unfinished work of another input or other arguments: repeat that command '
                    'to finish it, or give --force to begin anew')
            with self._locked():
                shutil.rmtree(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = self._locked()
        if not self._plan_file.exists():
            part = self._plan_file.with_suffix('.part')
            part.write_text(json.dumps(plan, indent=1))
            part.replace(self._plan_file)
        # What is written from the beginning each time.
        shutil.rmtree(self.path / 'new', ignore_errors=True)
        (self.path / 'new').mkdir()

    @property
    def _plan_file(self):
        return self.path / 'plan.json'

    @property
    def new(self) -> Path:
        """Where to write the output; does not exist yet, and bears the output's own name."""
        return self.path / 'new' / self.output.name

    def finish(self) -> None:
        """What is at `new` becomes the output; everything else of the work is removed."""
        for path in sorted(self.new.rglob('*')):
            _sync(path)
        _sync(self.new)
        if self.output.exists():
            # For a moment there is neither; an output that is not whole is never there.
            self.output.rename(self.path / 'replaced')
        self.new.rename(self.output)
        _sync(self.output.parent)
        self.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def close(self) -> None:
        """Let another process go on."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _belongs_to(self, plan):
        if not self._plan_file.exists():
            return True     # Killed before the plan was written: nothing is there yet.
        try:
            self.resumed = json.loads(self._plan_file.read_text()) == plan
        except ValueError:
            return False
        return self.resumed

    def _locked(self):
        """Held while this process lives, and no longer, however it ends."""
        lock = open(self.path / 'lock', 'w')
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise WorkFolderError(f'another process is working on {self.output}') from None
        return lock


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
