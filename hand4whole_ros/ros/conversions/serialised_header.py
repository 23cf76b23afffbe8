"""The header of a serialised message, read without deserialising the rest and without any library."""

from __future__ import annotations

import struct

#: Maximum bytes of a frame_id that are read.
_MAX_FRAME_ID_BYTES = 1024


def read_stamp(data: bytes) -> int:
    """The stamp, ns, of a serialised message that begins with a Header; nothing else is deserialised.

    0 where the message is too short to have one.
    """
    if len(data) < 12:
        return 0
    seconds, nanoseconds = struct.unpack_from('<iI' if data[1] & 1 else '>iI', data, 4)
    return seconds * 1_000_000_000 + nanoseconds


def read_frame_id(data: bytes) -> str | None:
    """The frame_id of such a message, without a slash before it; None where it is damaged."""
    if len(data) < 16:
        return None
    (length,) = struct.unpack_from('<I' if data[1] & 1 else '>I', data, 12)
    if length > len(data) - 16:
        return None
    return data[16:16 + min(length, _MAX_FRAME_ID_BYTES)].rstrip(b'\0').decode(errors='replace').lstrip('/')
