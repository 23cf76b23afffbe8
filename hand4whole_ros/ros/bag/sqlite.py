"""One SQLite file of a bag, of any version of rosbag2, and its write-ahead log.

rosbags reads messages from tables; it ignores a write-ahead log, interprets some characters of a path as parts of a
URI, and stops at types whose definition the recorder did not have.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import apsw
from rosbags.interfaces import Connection, ConnectionExtRosbag2
from rosbags.rosbag2.errors import ReaderError
from rosbags.rosbag2.metadata import ReaderMetadata
from rosbags.rosbag2.storage_sqlite3 import Sqlite3Reader

from .decompression import MAX_DISK_SHARE
from .errors import BagError
from .mcap import parse_message_definition
from .types import parse_offered_qos

#: Files next to a database with transactions that are not in it, or have to be undone.
_JOURNALS = ('-wal', '-journal')

#: Offset in a database's header that specifies a write-ahead log.
_WAL_VERSION = slice(18, 20)


class SqliteFile(Sqlite3Reader):
    """A file with the interface of rosbags' Sqlite3Reader. Existing files are not changed."""

    path: Path

    def __init__(self, path: Path):
        super().__init__(path)
        #: As in McapFile.
        self.lost = self.remark = ''
        self._temporary_folders = ExitStack()

    def open(self) -> None:
        """Open it. Raises BagError, ReaderError, apsw.Error."""
        try:
            database = self._apply_journal()
            self.dbconn = apsw.Connection(f'file:{quote(os.fsencode(database))}?immutable=1',
                                          flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
            self._read_tables()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close it."""
        if self.dbconn is not None:
            super().close()
        self._temporary_folders.close()

    def _apply_journal(self):
        """The database itself, or a copy to which its log has been applied."""
        found = [path for path in list_journals(self.path) if path.stat().st_size]
        if not found:
            return self.path
        folder = Path(self._temporary_folders.enter_context(tempfile.TemporaryDirectory(prefix='hand4whole_bag_')))
        size = sum(path.stat().st_size for path in (self.path, *found))
        if size > MAX_DISK_SHARE * shutil.disk_usage(folder).free:
            raise BagError(
                f'its recorder was killed and left {found[0].name}, which has to be applied to a copy, and '
                f'{folder.parent} has no room for {size >> 20:,} MB: set TMPDIR to another folder')
        copy = folder / 'bag.db3'
        for path in (self.path, *found):
            shutil.copyfile(path, folder / (copy.name + path.name.removeprefix(self.path.name)))
        connection = apsw.Connection(str(copy))
        try:
            # Moves a write-ahead log into the database, and applies a rollback journal.
            list(connection.execute('PRAGMA journal_mode=DELETE'))
            list(connection.execute('SELECT count(*) FROM sqlite_master'))
        finally:
            connection.close()
        return copy

    def _read_tables(self):
        assert self.dbconn is not None      # it was opened
        execute = self.dbconn.execute
        tables = {name for name, in execute("SELECT name FROM sqlite_master WHERE type='table'")}
        if not {'topics', 'messages'} <= tables:
            raise BagError(self._missing_tables_reason(tables))
        columns = {row[1] for row in execute('PRAGMA table_info(topics)')}
        qos = 'offered_qos_profiles' if 'offered_qos_profiles' in columns else "''"
        digest = 'type_description_hash' if 'type_description_hash' in columns else "''"
        definitions = {}
        if 'message_definitions' in tables:
            definitions = {kind: parse_message_definition(encoding, text) for kind, encoding, text in execute(
                'SELECT topic_type, encoding, encoded_message_definition FROM message_definitions ORDER BY id')}
        # Topic -> messages, and the times of the first and the last of them.
        spans = {number: span for number, *span in execute(
            'SELECT topic_id, count(*), min(timestamp), max(timestamp) FROM messages GROUP BY topic_id')}
        none = parse_message_definition('', '')
        self.connections = [
            Connection(number, topic, kind, definitions.get(kind, none), digest or '', spans.get(number, (0,))[0],
                       ConnectionExtRosbag2(form or 'cdr', parse_offered_qos(profiles)), self)
            for number, topic, kind, form, profiles, digest in execute(
                f'SELECT id, name, type, serialization_format, {qos}, {digest} FROM topics ORDER BY id')]
        nobodys = sum(spans.pop(number)[0] for number in spans.keys() - {c.id for c in self.connections})
        if nobodys:
            self.lost = f'{nobodys:,} messages in it belong to no topic'
        if not all(isinstance(number, int) for span in spans.values() for number in span):
            raise ReaderError('its times are no numbers')
        count = sum(span[0] for span in spans.values())
        first = min((span[1] for span in spans.values()), default=2**63 - 1)
        end = max((span[2] + 1 for span in spans.values()), default=0)
        self.metadata = ReaderMetadata(end - first if count else 0, first, end, count, None, None, None, None)

    def _missing_tables_reason(self, tables):
        with self.path.open('rb') as stream:
            head = stream.read(_WAL_VERSION.stop)
        if not tables and head[_WAL_VERSION] == b'\2\2':
            return (f'all of it is in {self.path.name}-wal, which is not here: copy that as well, or record into a '
                    'database that is closed properly')
        return ('an SQLite database, but no bag: it has no tables `topics` and `messages`'
                + (f'; it has {", ".join(sorted(tables))[:200]}' if tables else ''))


def list_journals(path: Path) -> list[Path]:
    """Files next to a database that belong to it."""
    return [log for log in (path.with_name(path.name + suffix) for suffix in _JOURNALS) if log.is_file()]
