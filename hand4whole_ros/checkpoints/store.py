"""The folder that is searched for published files, and the recorded checksums of the files there."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from ..system import output_files
from . import CheckpointError, MissingFileError
from .files import FILES, PublishedFile

logger = logging.getLogger(__name__)

#: Environment variable that names the folder.
FOLDER_VARIABLE = 'HAND4WHOLE_WEIGHTS'
#: Beside the files: relative path -> SHA-256, size and time of change at that time.
CHECKSUMS = 'checksums.json'

#: The authors' folders may be copied in unchanged: MANO's file is this deep in Hand4Whole++'s own layout.
_MAX_DEPTH = 6
#: The search of a folder that is not for weights (a home, a data set) is limited.
_MAX_ENTRIES = 50_000


def default_folder() -> Path:
    """$HAND4WHOLE_WEIGHTS, or hand4whole_ros in the user's data folder ($XDG_DATA_HOME or ~/.local/share)."""
    if os.environ.get(FOLDER_VARIABLE):
        return Path(os.environ[FOLDER_VARIABLE]).expanduser()
    return Path(os.environ.get('XDG_DATA_HOME') or Path.home() / '.local/share') / 'hand4whole_ros'


class Store:
    """A folder of published files, in any arrangement of sub-folders. It need not exist yet."""

    def __init__(self, folder: Path | str | None = None):
        self.folder = Path(folder).expanduser() if folder else default_folder()
        if self.folder.exists() and not self.folder.is_dir():
            raise CheckpointError(f'{self.folder} is a file; name the folder that holds the weights')

    def locate_all(self) -> dict[str, Path]:
        """File name -> path, for every published file name that exists; the nearest if there are several."""
        wanted = {name for file in FILES for name in file.file_names}
        found: dict[str, Path] = {}
        for path in _walk_files(self.folder):
            if path.name in wanted:
                found.setdefault(path.name, path)
        return found

    def find(self, file: PublishedFile) -> Path | None:
        """The path of the file; under its preferred name if both exist."""
        found = self.locate_all()
        return next((found[name] for name in file.file_names if name in found), None)

    def missing(self, use: str) -> list[PublishedFile]:
        """Files for a purpose (files.ESTIMATOR or another there) that are missing in a usable form."""
        found = self.locate_all()
        return [file for file in FILES if use in file.uses and file.file_names[0] not in found]

    def require(self, file: PublishedFile) -> Path:
        """Path of the file in its usable form, unchanged since its checksum was recorded.

        Raises MissingFileError, or CheckpointError if it has changed.
        """
        path = self.find(file)
        if path is None:
            raise MissingFileError(f'{file.file_names[0]} is not in {self.folder}; '
                              f'hand4whole weights fetch {file.name} gets it or prints how')
        if path.name != file.file_names[0]:
            raise MissingFileError(f'{path} is a pickle, which could run code when opened; '
                              f'hand4whole weights convert {path} makes the {file.file_names[0]} that is needed')
        self.check(path)
        return path

    def check(self, path: Path, thorough: bool = False) -> str | None:
        """SHA-256 of a file as recorded; None if none was. Raises CheckpointError when the file has changed.

        The file is read only when its size or time differs from the record, or when `thorough`.
        """
        recorded = self._checksums().get(self._key(path))
        if recorded is None:
            return None
        if thorough or recorded['stat'] != _file_stamp(path):
            found = sha256(path)
            if found != recorded['sha256']:
                raise CheckpointError(
                    f'{path} has changed: its SHA-256 is {found[:12]}..., and was {recorded["sha256"][:12]}... when it '
                    f'was recorded; fetch it anew, or, if the new one is meant, hand4whole weights verify --renew')
            self.record(path, found)
        return recorded['sha256']

    def record(self, path: Path, checksum: str) -> bool:
        """Record the checksum for later loads. False if the folder cannot be written, and nothing is recorded."""
        checksums = {**self._checksums(), self._key(path): {'sha256': checksum, 'stat': _file_stamp(path)}}
        try:
            output_files.write_file(self.folder / CHECKSUMS, json.dumps(checksums, indent=1).encode())
        except OSError as error:
            logger.debug('the checksum of %s is not kept: %s', path.name, error)
            return False
        return True

    def _key(self, path):
        return os.path.relpath(path, self.folder)

    def _checksums(self):
        try:
            found = json.loads((self.folder / CHECKSUMS).read_text())
            return {key: entry for key, entry in found.items()
                    if isinstance(entry['sha256'], str) and isinstance(entry['stat'], list)}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
            raise CheckpointError(f'{self.folder / CHECKSUMS} is damaged ({error}); delete it, and '
                                  f'hand4whole weights verify makes it anew') from None


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, 'rb') as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _file_stamp(path):
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _walk_files(folder: Path) -> Iterator[Path]:
    """Files in a folder and its sub-folders, nearest first, names in order; links are followed, each folder once."""
    level, seen, entries = [folder], set(), 0
    for _ in range(_MAX_DEPTH + 1):
        below = []
        for place in level:
            real = os.path.realpath(place)
            if real in seen:
                continue
            seen.add(real)
            try:
                names = sorted(os.listdir(place))
            except OSError:  # missing, or without permission
                continue
            for name in names:
                entries += 1
                if entries > _MAX_ENTRIES:
                    logger.warning('%s holds more than %d files: only these were searched; give the folder of the '
                                   'weights itself', folder, _MAX_ENTRIES)
                    return
                path = place / name
                if os.path.isfile(path):
                    yield path
                elif os.path.isdir(path) and not name.startswith('.'):
                    below.append(path)
        level = below
