"""Decompression of bags within limits: a few bytes may claim to be gigabytes."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import lz4.frame

from ..._vendor_patches import rosbags_limits
from .errors import BagError
from .zstandard import zstd

#: Bytes that a message, or a chunk of them, may unpack to, and how many more for each compressed byte. Large
#: images have hundreds of megabytes but compress less; empty data compress a thousandfold.
MAX_MESSAGE_BYTES, MAX_MESSAGE_RATIO = 128 << 20, 20

#: The same for a file, which is unpacked on the disk, and the share of the free space that it may take.
MAX_FILE_BYTES, MAX_FILE_RATIO, MAX_DISK_SHARE = 1 << 30, 200, 0.9

#: Bytes that are written at once.
_BLOCK_BYTES = 1 << 20


class DecompressionLimitError(BagError):
    """Data unpack to more than the limit."""


def decompress_zstd(data: bytes, declared_size: int | None = None) -> bytes:
    """The bytes of one or more zstd frames. Raises DecompressionLimitError, ZstdError."""
    max_bytes, parts = _max_decompressed_bytes('zstd', data, declared_size), []
    while data:
        if (zstd.get_frame_info(data).decompressed_size or 0) > max_bytes:
            raise _limit_error('zstd', max_bytes)
        frame = zstd.ZstdDecompressor()
        part = frame.decompress(data, max_bytes + 1)
        if len(part) > max_bytes:
            raise _limit_error('zstd', max_bytes)
        if not frame.eof:
            raise zstd.ZstdError('a compressed frame is cut off')
        parts.append(part)
        max_bytes, data = max_bytes - len(part), frame.unused_data
    return b''.join(parts)


def decompress_lz4(data: bytes, declared_size: int) -> bytes:
    """The bytes of an LZ4 frame. Raises DecompressionLimitError, RuntimeError."""
    max_bytes, frame = _max_decompressed_bytes('LZ4', data, declared_size), lz4.frame.LZ4FrameDecompressor()
    whole = frame.decompress(data, max_bytes + 1)
    if len(whole) > max_bytes:
        raise _limit_error('LZ4', max_bytes)
    if not frame.eof:
        raise RuntimeError('a compressed frame is cut off')
    return whole


def _max_decompressed_bytes(what, data, declared_size):
    """Maximum size when unpacked; data whose announced size is larger are not unpacked."""
    max_bytes = MAX_MESSAGE_BYTES + MAX_MESSAGE_RATIO * len(data)
    if declared_size is not None and declared_size > max_bytes:
        raise _limit_error(what, max_bytes)
    return max_bytes if declared_size is None else declared_size


def _limit_error(what, max_bytes):
    return DecompressionLimitError(f'{what} data of a bag that unpacks to more than {max_bytes:,} bytes: left alone')


def decompress_file(packed: Path, unpacked: Path) -> None:
    """Write the content of a zstd file. Raises DecompressionLimitError, ZstdError, EOFError, OSError."""
    with packed.open('rb') as stream, zstd.open(stream, 'rb') as source, unpacked.open('wb') as target:
        allowed = MAX_FILE_BYTES + MAX_FILE_RATIO * os.fstat(stream.fileno()).st_size
        room = int(MAX_DISK_SHARE * shutil.disk_usage(unpacked.parent).free)
        left = max_bytes = min(allowed, room)
        while data := source.read(_BLOCK_BYTES):
            left -= len(data)
            if left < 0:
                advice = 'unpack it yourself (unzstd)' if allowed < room else (
                    f'{tempfile.gettempdir()} has no room for more: set TMPDIR')
                raise DecompressionLimitError(f'a file that unpacks to more than {max_bytes >> 20:,} MB: {advice}')
            target.write(data)


def limit_rosbags_decompression() -> None:
    """Make rosbags unpack the chunks of MCAP within these limits."""
    rosbags_limits.set_decompressors(decompress_zstd, decompress_lz4)
