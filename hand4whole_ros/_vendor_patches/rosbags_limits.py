"""Chunks of MCAP files, which rosbags decompresses without a limit and without an option for one.

A few bytes of a chunk may claim to be gigabytes. rosbags looks its decompressors up in a table of its module, which is
where ours are put.
"""

from __future__ import annotations

from collections.abc import Callable

from rosbags.rosbag2 import storage_mcap

#: Version this was tested with.
TESTED = '0.11'

#: (data, announced size) -> the decompressed bytes.
Decompressor = Callable[[bytes, int], bytes]


def set_decompressors(zstd: Decompressor, lz4: Decompressor) -> None:
    """Make rosbags use these. Raises RuntimeError if this version of rosbags has no such table."""
    table = getattr(storage_mcap, 'DECOMPRESSORS', {})
    if not {'zstd', 'lz4'} <= set(table):
        raise RuntimeError(f'this version of rosbags decompresses chunks in another way; run: pip install '
                           f'"rosbags=={TESTED}.*"')
    table.update(zstd=zstd, lz4=lz4)
