"""The vertices of a mesh file, PLY (text or binary) or OBJ, in file order. Faces are not read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import DatasetError
from .catalogue import DatasetInfo
from .files import require, require_layout

#: The files have some megabytes.
_MAX_BYTES = 64 << 20
_PLY_TYPES = {'char': 'i1', 'uchar': 'u1', 'short': 'i2', 'ushort': 'u2', 'int': 'i4', 'uint': 'u4', 'float': 'f4',
              'double': 'f8', 'int8': 'i1', 'uint8': 'u1', 'int16': 'i2', 'uint16': 'u2', 'int32': 'i4',
              'uint32': 'u4', 'float32': 'f4', 'float64': 'f8'}
_BYTE_ORDERS = {'binary_little_endian': '<', 'binary_big_endian': '>'}


def read_vertices(path: Path, count: int, info: DatasetInfo) -> np.ndarray:
    """(count, 3) float64 of a .ply or .obj. Raises DatasetError, also for another number of vertices."""
    require(path, info)
    if path.stat().st_size > _MAX_BYTES:
        raise DatasetError(f'{path}: {path.stat().st_size >> 20} MB: no mesh of {info.title} is that large')
    with require_layout(path, info):
        data = path.read_bytes()
        vertices = _parse_ply(data) if data.startswith(b'ply') else _parse_obj(data)
    if vertices.shape != (count, 3) or not np.isfinite(vertices).all():
        raise DatasetError(f'{path}: {count} vertices of finite numbers expected, found {len(vertices)}')
    return vertices


def _parse_obj(data):
    rows = [line.split()[1:4] for line in data.decode('latin1').splitlines() if line.startswith('v ')]
    return np.array(rows, np.float64).reshape(-1, 3)


def _parse_ply(data):
    end = data.index(b'end_header')
    lines = [line.split() for line in data[:end].decode('ascii').splitlines()]
    body = data[data.index(b'\n', end) + 1:]
    form = next(words[1] for words in lines if words[:1] == ['format'])
    elements = [k for k, words in enumerate(lines) if words[:1] == ['element']]
    first = lines[elements[0]]
    if first[1] != 'vertex':
        raise ValueError(f'its first element is {first[1]}, not vertex')
    last = elements[1] if len(elements) > 1 else len(lines)
    fields = [(words[2], _PLY_TYPES[words[1]]) for words in lines[elements[0]:last] if words[:1] == ['property']]
    count = int(first[2])
    if form == 'ascii':
        columns = [[name for name, _ in fields].index(axis) for axis in 'xyz']
        rows = body.decode('ascii').splitlines()[:count]
        return np.array([[row.split()[k] for k in columns] for row in rows], np.float64).reshape(-1, 3)
    order = _BYTE_ORDERS[form]
    table = np.frombuffer(body, np.dtype([(name, order + kind) for name, kind in fields]), count)
    return np.stack([table[axis] for axis in 'xyz'], axis=-1).astype(np.float64)
