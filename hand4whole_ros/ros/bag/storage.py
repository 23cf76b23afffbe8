"""One file of a bag, opened by what is in it."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from ...media.file_kind import MCAP, SQLITE, ZSTD, recognise
from .advice import not_a_bag
from .decompression import limit_rosbags, unpack_file, zstd_unpacked
from .errors import BagError, unreadable
from .mcap import McapFile
from .sqlite import SqliteFile

#: What a message that is compressed by itself begins with; CDR begins with a zero.
_ZSTD = b'\x28\xb5\x2f\xfd'


def open_storage(path: Path, opened: ExitStack) -> McapFile | SqliteFile:
    """A file of messages, unpacked where it is compressed; `opened` closes it. Raises BagError, in one line."""
    try:
        found = path
        if recognise(path).family == ZSTD:
            folder = opened.enter_context(tempfile.TemporaryDirectory(prefix='hand4whole_bag_'))
            found = Path(folder, path.stem)
            unpack_file(path, found)
        kind = recognise(found).family
        if kind not in (MCAP, SQLITE):
            raise BagError(not_a_bag(found))
        limit_rosbags()
        storage = McapFile(found) if kind == MCAP else SqliteFile(found)
        storage.open()
    except Exception as error:  # Whatever a parser of SQLite, MCAP, LZ4 or zstd raises on broken bytes.
        raise unreadable(path, error) from None
    opened.callback(storage.close)
    return storage


def message_bytes(data: bytes | memoryview) -> bytes:
    """A message as it was published, of what a file holds. Raises ValueError, UnpackingError, ZstdError."""
    if not isinstance(data, (bytes, memoryview)):
        raise ValueError(f'a message is a {type(data).__name__}, not bytes')
    return zstd_unpacked(bytes(data)) if data[:4] == _ZSTD else bytes(data)
