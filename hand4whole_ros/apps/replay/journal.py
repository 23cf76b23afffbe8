"""A file that results are appended to, and that survives a kill of the process: SQLite."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

#: Suffixes of SQLite's additional files while it writes.
_JOURNAL_SUFFIX = '-journal'


def journal_file_names(name: str) -> tuple[str, ...]:
    """Names of all files that a journal of that name may consist of."""
    return name, name + _JOURNAL_SUFFIX


class Journal:
    """Numbered records of bytes. Records put before a kill of the process are there when the file is opened again.

    An incomplete journal is replaced by a new one: it is only ever in this package's own work folder. One process
    writes at a time.
    """

    def __init__(self, path: Path):
        """OSError if the file cannot be opened or written."""
        path = Path(path)
        try:
            self._database = _open_database(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise OSError(f'{path}: {error}') from None
            path.unlink()
            path.with_name(path.name + _JOURNAL_SUFFIX).unlink(missing_ok=True)
            self._database = _open_database(path)
        self._numbers = {number for number, in self._database.execute('SELECT number FROM records')}

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, number: int) -> bool:
        return number in self._numbers

    def get(self, number: int) -> bytes | None:
        """The record of that number, or None."""
        row = self._database.execute('SELECT data FROM records WHERE number = ?', (number,)).fetchone()
        return None if row is None else row[0]

    def put(self, number: int, data: bytes) -> None:
        """Add a record. OSError if the disk is full; the journal is then unchanged."""
        try:
            self._database.execute('INSERT OR REPLACE INTO records VALUES (?, ?)', (number, data))
        except sqlite3.OperationalError as error:
            raise OSError(errno.ENOSPC if 'full' in str(error) else errno.EIO, str(error)) from None
        self._numbers.add(number)

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _open_database(path):
    """The database, every statement a transaction of its own. sqlite3.DatabaseError if it is damaged."""
    database = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
    try:
        # A killed process loses nothing that was passed to the system; only a power failure would.
        database.execute('PRAGMA synchronous=OFF')
        database.execute('CREATE TABLE IF NOT EXISTS records (number INTEGER PRIMARY KEY, data BLOB NOT NULL)')
        if database.execute('PRAGMA quick_check').fetchall() != [('ok',)]:
            raise sqlite3.DatabaseError('damaged')
    except BaseException:
        database.close()
        raise
    return database
