"""A file that results are added to, one after another, and that outlives the process being killed."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

_MAGIC = b'hand4whole journal 1\n'

#: Of each record: checksum of all that follows, number, length.
_RECORD = struct.Struct('<IQQ')


class Journal:
    """Numbered records of bytes. What was written when the process was killed is there when it is opened again.

    A record that was cut off, and with it whatever comes after, is dropped when the file is opened. One process
    at a time.
    """

    def __init__(self, path: Path):
        """OSError where the file cannot be opened or written."""
        self._places: dict[int, tuple[int, int]] = {}
        # Unbuffered: what is written is the system's, and no longer lost with this process.
        self._file = open(path, 'r+b' if Path(path).exists() else 'w+b', buffering=0)
        size = os.fstat(self._file.fileno()).st_size
        if os.pread(self._file.fileno(), len(_MAGIC), 0) != _MAGIC:
            self._file.truncate(0)
            self._append(0, _MAGIC)
            size = len(_MAGIC)
        self._end = self._read_places(size)
        self._file.truncate(self._end)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, number: int) -> bool:
        return number in self._places

    def get(self, number: int) -> bytes | None:
        """The record of that number, or None."""
        if number not in self._places:
            return None
        at, length = self._places[number]
        return os.pread(self._file.fileno(), length, at)

    def put(self, number: int, data: bytes) -> None:
        """Add a record. OSError where the disk is full; the journal is then as it was before."""
        rest = struct.pack('<QQ', number, len(data))
        crc = zlib.crc32(data, zlib.crc32(rest))
        try:
            self._append(self._end, _RECORD.pack(crc, number, len(data)) + data)
        except OSError:
            self._file.truncate(self._end)
            raise
        self._places[number] = self._end + _RECORD.size, len(data)
        self._end += _RECORD.size + len(data)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, at, data):
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file.fileno(), view, at)
            view, at = view[written:], at + written

    def _read_places(self, size):
        """Find the whole records; returns where they end."""
        at = len(_MAGIC)
        while at + _RECORD.size <= size:
            head = os.pread(self._file.fileno(), _RECORD.size, at)
            crc, number, length = _RECORD.unpack(head)
            if length > size - at - _RECORD.size:
                break
            data = os.pread(self._file.fileno(), length, at + _RECORD.size)
            if zlib.crc32(data, zlib.crc32(head[4:])) != crc:
                break
            self._places[number] = at + _RECORD.size, length
            at += _RECORD.size + length
        return at
