"""What is compressed in a bag, unpacked within limits: a few bytes may claim to be gigabytes."""

from __future__ import annotations

import os
import shutil
import tempfile

import lz4.frame
from backports import zstd
from rosbags.rosbag2 import reader, storage_mcap

from .bag_input import BagError

#: Bytes that a message, or a chunk of them, may unpack to, and how many more for each byte that is packed. Large
#: pictures have hundreds of megabytes but do not pack that well; what has nothing in it packs a thousandfold.
MOST_OF_A_PIECE, MORE_OF_A_PIECE = 128 << 20, 20

#: The same of a file, which is unpacked on the disk, and the share of the room there that it may take.
MOST_OF_A_FILE, MORE_OF_A_FILE, MOST_OF_THE_ROOM = 1 << 30, 200, 0.9


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


class _LimitedFile:
    """An open zstd file that ends with an error where it holds too much."""

    def __init__(self, packed):
        self._stream = zstd.open(packed, 'rb')
        allowed = MOST_OF_A_FILE + MORE_OF_A_FILE * os.fstat(packed.fileno()).st_size
        room = int(MOST_OF_THE_ROOM * shutil.disk_usage(tempfile.gettempdir()).free)
        self._left = self._most = min(allowed, room)
        self._advice = 'unpack it yourself (unzstd)' if allowed < room else (
            f'{tempfile.gettempdir()} has no room for more: set TMPDIR')

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._stream.close()

    def read(self, size):
        """Some of it."""
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise UnpackingError(f'a file that unpacks to more than {self._most >> 20:,} MB: {self._advice}')
        return data


class _Limited:
    """Stands for the module zstd where rosbags reads bags."""

    decompress = staticmethod(zstd_unpacked)

    @staticmethod
    def open(packed, mode):
        """As zstd.open."""
        assert mode == 'rb', mode
        return _LimitedFile(packed)


def limit_rosbags() -> None:
    """Make rosbags unpack within these limits; it has none of its own, and no option for them."""
    reader.zstd = _Limited
    storage_mcap.DECOMPRESSORS.update(zstd=zstd_unpacked, lz4=lz4_unpacked)
