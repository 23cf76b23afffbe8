"""A file that results are added to, one after another, and that outlives the process being killed: SQLite."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

#: What SQLite has beside the file while it writes.
_JOURNAL_SUFFIX = '-journal'


def journal_file_names(name: str) -> tuple[str, ...]:
    """Of all files that a journal of that name may consist of."""
    return name, name + _JOURNAL_SUFFIX


class Journal:
    """Numbered records of bytes. What was put when the process was killed is there when the file is opened again.

    A file that is no whole journal is begun afresh: it only ever lies in a work folder of our own. One process
    writes at a time.
    """

    def __init__(self, path: Path):
        """OSError where the file cannot be opened or written."""
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
        """Add a record. OSError where the disk is full; the journal is then as it was before."""
        try:
            self._database.execute('INSERT OR REPLACE INTO records VALUES (?, ?)', (number, data))
        except sqlite3.OperationalError as error:
            raise OSError(errno.ENOSPC if 'full' in str(error) else errno.EIO, str(error)) from None
        self._numbers.add(number)

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _open_database(path):
    """The database, every statement a transaction of its own. sqlite3.DatabaseError where it is damaged."""
    database = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
    try:
        # Killed processes lose nothing that the system has been given; only a machine that loses its power would.
        database.execute('PRAGMA synchronous=OFF')
        database.execute('CREATE TABLE IF NOT EXISTS records (number INTEGER PRIMARY KEY, data BLOB NOT NULL)')
        if database.execute('PRAGMA quick_check').fetchall() != [('ok',)]:
            raise sqlite3.DatabaseError('damaged')
    except BaseException:
        database.close()
        raise
    return database
