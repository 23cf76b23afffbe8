"""A folder for the partial results of a long job, until they are complete and become the output."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...system import output_files
from ...system.output_files import printable_path

#: Files in a work folder besides those of the job itself.
_PLAN, _LOCK, _NEW, _REPLACED = 'plan.json', 'lock', 'new', 'replaced'


class WorkFolderError(ValueError):
    """The job cannot continue in its folder; the message is one line for the user."""


def work_folder_path(output: Path) -> Path:
    """The work folder of an output, next to it."""
    output = _resolve_name(output)
    return output.with_name(output.name + '.partial')


def _resolve_name(output):
    """The same path, with a name: '.' and '..' have none."""
    return Path(os.path.realpath(output)) if output.name in ('', '..') else output


def check_replaceable(output: Path, rejection_reason: Callable[[Path], str], force: bool = False) -> None:
    """Raises WorkFolderError if an output exists and may not be replaced, or its folder cannot be written.

    rejection_reason: why an existing path is not an earlier output of this job; '' if it is.
    """
    if os.path.lexists(output):
        if not force:
            raise WorkFolderError(f'{printable_path(output)} exists already: choose another output, or give --force to '
                                  'replace it')
        reason = rejection_reason(output)
        if reason:
            raise WorkFolderError(
                f'{printable_path(output)} is not replaced: {reason}; choose another output, or move that away'
            )
    try:
        output_files.check_output_folder(output.parent, printable_path(output))
    except output_files.OutputError as error:
        raise WorkFolderError(str(error)) from None


class WorkFolder:
    """OUT.partial next to OUT. OUT itself appears at once, by renaming, when it is complete.

    A killed job that is started again with the same plan continues with its files there.
    """

    def __init__(self, output: Path, plan: dict[str, Any], force: bool = False, job_files: tuple[str, ...] = (),
                 *, rejection_reason: Callable[[Path], str] = lambda path: 'it is somebody else\'s'):
        """plan: what the output depends on, as JSON; the work of another plan is not continued.

        `force` replaces an existing output, once the new one is complete, and deletes the work of another plan;
        rejection_reason: see check_replaceable. job_files: names of the job's own files here. Raises
        WorkFolderError, or OSError if nothing can be written.
        """
        self.output, self._force, self._rejection_reason = _resolve_name(Path(output)), force, rejection_reason
        self._known_names = {_PLAN, _LOCK, _NEW, _REPLACED, *job_files}
        check_replaceable(self.output, rejection_reason, force)
        self.path = work_folder_path(self.output)
        self._lock = None
        #: Whether work of an earlier run is continued.
        self.resumed = False
        # As read from the file: tuples are lists, paths are texts.
        plan = json.loads(json.dumps(plan, default=str))
        if os.path.lexists(self.path):
            self._check_ownership(plan)
        if self.path.exists() and not self._matches_plan(plan):
            if not force:
                raise WorkFolderError(
                    f'{printable_path(self.path)} holds unfinished work of another input or other arguments: repeat '
                    'that command to finish it, or give --force to begin anew'
                )
            with self._acquire_lock():
                shutil.rmtree(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = self._acquire_lock()
        if not self._plan_file.exists():
            output_files.write_file(self._plan_file, json.dumps(plan, indent=1).encode())
        # Rewritten from the beginning each time.
        shutil.rmtree(self.path / _NEW, ignore_errors=True)
        (self.path / _NEW).mkdir()

    @property
    def _plan_file(self):
        return self.path / _PLAN

    @property
    def new(self) -> Path:
        """Path to write the output to; does not exist yet, and has the output's name."""
        return self.path / _NEW / self.output.name

    def finish(self) -> None:
        """The path `new` becomes the output; all other work is removed.

        Raises WorkFolderError if the output's path exists by now and may not be replaced.
        """
        for path in sorted(self.new.rglob('*')):
            _fsync(path)
        _fsync(self.new)
        if os.path.lexists(self.output):
            # The work may have taken hours: check again.
            try:
                check_replaceable(self.output, self._rejection_reason, self._force)
            except WorkFolderError as error:
                raise WorkFolderError(f'{error}; what is done is kept in {printable_path(self.path)}') from None
            # For a moment there is neither; an incomplete output never exists.
            self.output.rename(self.path / _REPLACED)
        self.new.rename(self.output)
        _fsync(self.output.parent)
        self.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def close(self) -> None:
        """Release the folder for other processes."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _check_ownership(self, plan):
        """WorkFolderError unless all files in the folder are of this class and its jobs."""
        if self.path.is_symlink() or not self.path.is_dir():
            other = 'a link' if self.path.is_symlink() else 'a file'
        else:
            names = {path.name for path in self.path.iterdir()
                     if not path.name.startswith(output_files.PART_PREFIX)}
            # The plan is written before all but the lock.
            unknown = sorted(names - (self._known_names if _is_plan(self._plan_file, plan) else {_LOCK}))
            if not unknown:
                return
            other = f'{printable_path(unknown[0])} in it'
        raise WorkFolderError(f'{printable_path(self.path)} is needed for unfinished work, and is not of this package '
                              f'({other}): move it away, or choose another output')

    def _matches_plan(self, plan):
        if not self._plan_file.exists():
            return True     # Killed before the plan was written: there is no work yet.
        try:
            self.resumed = json.loads(self._plan_file.read_text()) == plan
        except ValueError:
            return False
        return self.resumed

    def _acquire_lock(self):
        """The lock is held exactly while this process runs, however it ends."""
        lock = open(self.path / _LOCK, 'a')
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise WorkFolderError(f'another process is working on {printable_path(self.output)}') from None
        return lock


def _is_plan(path, like):
    """Whether a file is a plan of the same kind of job."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and bool(found) and found.keys() <= like.keys()


def _fsync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
