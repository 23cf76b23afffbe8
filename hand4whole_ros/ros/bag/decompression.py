"""What is compressed in a bag, unpacked within limits: a few bytes may claim to be gigabytes."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import lz4.frame
from backports import zstd

from ..._vendor_patches import rosbags_limits
from .errors import BagError

#: Bytes that a message, or a chunk of them, may unpack to, and how many more for each byte that is packed. Large
#: pictures have hundreds of megabytes but do not pack that well; what has nothing in it packs a thousandfold.
MOST_OF_A_PIECE, MORE_OF_A_PIECE = 128 << 20, 20

#: The same of a file, which is unpacked on the disk, and the share of the room there that it may take.
MOST_OF_A_FILE, MORE_OF_A_FILE, MOST_OF_THE_ROOM = 1 << 30, 200, 0.9

#: Bytes that are written at once.
_PART = 1 << 20


class UnpackingError(BagError):
    """Something unpacks to more than it may."""


def zstd_unpacked(data: bytes, announced: int | None = None) -> bytes:
    """The bytes of one or more zstd frames. Raises UnpackingError, ZstdError."""
    most, parts = _most('zstd', data, announced), []
    while data:
        if (zstd.get_frame_info(data).decompressed_size or 0) > most:
            raise _too_much('zstd', most)
        frame = zstd.ZstdDecompressor()
        part = frame.decompress(data, most + 1)
        if len(part) > most:
            raise _too_much('zstd', most)
        if not frame.eof:
            raise zstd.ZstdError('a compressed frame is cut off')
        parts.append(part)
        most, data = most - len(part), frame.unused_data
    return b''.join(parts)


def lz4_unpacked(data: bytes, announced: int) -> bytes:
    """The bytes of an LZ4 frame. Raises UnpackingError, RuntimeError."""
    most, frame = _most('LZ4', data, announced), lz4.frame.LZ4FrameDecompressor()
    whole = frame.decompress(data, most + 1)
    if len(whole) > most:
        raise _too_much('LZ4', most)
    if not frame.eof:
        raise RuntimeError('a compressed frame is cut off')
    return whole


def _most(what, data, announced):
    """Bytes that it may become; what is announced to be more is not even begun."""
    most = MOST_OF_A_PIECE + MORE_OF_A_PIECE * len(data)
    if announced is not None and announced > most:
        raise _too_much(what, most)
    return most if announced is None else announced


def _too_much(what, most):
    return UnpackingError(f'{what} data of a bag that unpacks to more than {most:,} bytes: left alone')


def unpack_file(packed: Path, unpacked: Path) -> None:
    """Write what a zstd file holds. Raises UnpackingError, ZstdError, EOFError, OSError."""
    with packed.open('rb') as stream, zstd.open(stream, 'rb') as source, unpacked.open('wb') as target:
        allowed = MOST_OF_A_FILE + MORE_OF_A_FILE * os.fstat(stream.fileno()).st_size
        room = int(MOST_OF_THE_ROOM * shutil.disk_usage(unpacked.parent).free)
        left = most = min(allowed, room)
        while data := source.read(_PART):
            left -= len(data)
            if left < 0:
                advice = 'unpack it yourself (unzstd)' if allowed < room else (
                    f'{tempfile.gettempdir()} has no room for more: set TMPDIR')
                raise UnpackingError(f'a file that unpacks to more than {most >> 20:,} MB: {advice}')
            target.write(data)


def limit_rosbags() -> None:
    """Make rosbags unpack the chunks of MCAP within these limits."""
    rosbags_limits.set_decompressors(zstd_unpacked, lz4_unpacked)
