"""Writer and reader of CDR, the bytes of DDS messages; building thousands of Python objects for each image takes too
long.

Plain CDR (XCDR version 1, little endian) as in the DDSI-RTPS specification 10.2: a header of four bytes,
then every number aligned to its own size, counted from after the header. `Publisher.publish` takes the
result as it is.
"""

from __future__ import annotations

import math
import struct

import numpy as np

_LITTLE_ENDIAN = b'\x00\x01\x00\x00'


class CdrWriter:
    """Writes fields in the order of the message definition."""

    def __init__(self):
        self._parts = [_LITTLE_ENDIAN]
        self._size = 0

    def _align(self, to):
        padding = -self._size % to
        if padding:
            self._append(bytes(padding))

    def _append(self, data):
        self._parts.append(data)
        self._size += len(data)

    def numbers(self, code: str, *values) -> None:
        """Numbers of one type, by its code in `struct`: 'i', 'I', 'f', 'd', 'B', '?'."""
        self._align(struct.calcsize(code))
        self._append(struct.pack(f'<{len(values)}{code}', *values))

    def string(self, text: str) -> None:
        """A string."""
        data = text.encode() + b'\0'
        self.numbers('I', len(data))
        self._append(data)

    def array(self, values: np.ndarray) -> None:
        """Any array: its numbers, all of one type, as a field of fixed length, e.g. Point[21] as (21, 3) float64."""
        if values.size:
            values = np.ascontiguousarray(values)
            self._align(values.dtype.itemsize)
            self._append(values.astype(values.dtype.newbyteorder('<'), copy=False).data.cast('B'))

    def sequence(self, values: np.ndarray) -> None:
        """(N, k) array: a sequence of N structures of k numbers of one type, e.g. points as float64."""
        self.numbers('I', len(values))
        self.array(values)

    @property
    def position(self) -> int:
        """Bytes written after the header of four bytes, as alignment counts them."""
        return self._size

    def getvalue(self) -> bytes:
        """The whole message."""
        return b''.join(self._parts)


class CdrReader:
    """Reads fields in the order of the message definition, of either byte order. ValueError where bytes are missing."""

    def __init__(self, data: bytes):
        if len(data) < len(_LITTLE_ENDIAN):
            raise ValueError(f'{len(data)} bytes are no message')
        self._data, self._at = memoryview(data)[len(_LITTLE_ENDIAN):], 0
        self._order = '<' if data[1] & 1 else '>'

    def _take(self, size, alignment):
        begin = self._at + -self._at % alignment
        self._at = begin + size
        if self._at > len(self._data):
            raise ValueError(f'a message ends after {len(self._data)} bytes, in the middle of a field')
        return self._data[begin:self._at]

    def numbers(self, code: str, count: int = 1) -> tuple:
        """Numbers of one type, by its code in `struct`."""
        size = struct.calcsize(code)
        return struct.unpack(f'{self._order}{count}{code}', self._take(count * size, size))

    def number(self, code: str):
        """One number."""
        return self.numbers(code)[0]

    def string(self) -> str:
        """A string."""
        return str(self._take(self.number('I'), 1)[:-1], 'utf-8', 'replace')

    def array(self, code: str, *shape: int) -> np.ndarray:
        """Numbers of one type as a read-only array of this shape."""
        dtype = np.dtype(self._order + code)
        return np.frombuffer(self._take(math.prod(shape) * dtype.itemsize, dtype.itemsize), dtype).reshape(shape)

    def skip(self, code: str, count: int) -> None:
        """Skip numbers of one type."""
        size = struct.calcsize(code)
        self._take(count * size, size)
