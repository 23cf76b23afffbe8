"""One file of a bag, opened according to its content."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from ...media.file_kind import MCAP, SQLITE, ZSTD, recognise_file
from .advice import format_not_a_bag
from .decompression import decompress_file, decompress_zstd, limit_rosbags_decompression
from .errors import BagError, make_read_error
from .mcap import McapFile
from .sqlite import SqliteFile

#: First bytes of a message that is compressed by itself; CDR begins with a zero.
_ZSTD = b'\x28\xb5\x2f\xfd'


def open_storage(path: Path, exit_stack: ExitStack) -> McapFile | SqliteFile:
    """A file of messages, unpacked if it is compressed; `exit_stack` closes it. Raises BagError, in one line."""
    try:
        found = path
        if recognise_file(path).family == ZSTD:
            folder = exit_stack.enter_context(tempfile.TemporaryDirectory(prefix='hand4whole_bag_'))
            found = Path(folder, path.stem)
            decompress_file(path, found)
        kind = recognise_file(found).family
        if kind not in (MCAP, SQLITE):
            raise BagError(format_not_a_bag(found))
        limit_rosbags_decompression()
        storage = McapFile(found) if kind == MCAP else SqliteFile(found)
        storage.open()
    except Exception as error:  # Any exception of SQLite, MCAP, LZ4 or zstd on broken bytes.
        raise make_read_error(path, error) from None
    exit_stack.callback(storage.close)
    return storage


def decompress_message(data: bytes | memoryview) -> bytes:
    """A message as published, from its bytes in a file. Raises ValueError, DecompressionLimitError, ZstdError."""
    if not isinstance(data, (bytes, memoryview)):
        raise ValueError(f'a message is a {type(data).__name__}, not bytes')
    return decompress_zstd(bytes(data)) if data[:4] == _ZSTD else bytes(data)
