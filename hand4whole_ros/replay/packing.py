"""Estimates as bytes, and back, without pickle: a JSON head that names the parts, then all their numbers.

What the same estimate was is the same bytes, so that results can be kept in a file, or come from another
process, and make no difference.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..estimate import HandEstimate, WholeBodyEstimate
from ..geometry.camera import Intrinsics

#: Dataclasses that may be packed, by name.
_KINDS = {kind.__name__: kind for kind in (WholeBodyEstimate, HandEstimate, Intrinsics)}

#: Fields that differ from run to run, or are made again when somebody wants them.
_LEFT_OUT = ('stage_times', 'vertices')


def pack(value: Any) -> bytes:
    """A value made of dicts, lists, texts, numbers, None, float32 tensors and estimates."""
    numbers: list[np.ndarray] = []
    head = json.dumps(_plain(value, numbers), separators=(',', ':')).encode()
    return struct.pack('<I', len(head)) + head + b''.join(array.tobytes() for array in numbers)


def unpack(data: bytes) -> Any:
    """The value again; tuples come back as lists. ValueError where the bytes are no packed value."""
    try:
        (size,) = struct.unpack_from('<I', data)
        head = json.loads(data[4:4 + size])
        numbers = np.frombuffer(data, '<f4', offset=4 + size).astype(np.float32)
        value, used = _restored(head, numbers, 0)
    except (struct.error, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ValueError(f'not a packed estimate: {error}') from None
    if used != len(numbers):
        raise ValueError(f'not a packed estimate: {len(numbers)} numbers, {used} of them named')
    return value


def _plain(value, numbers):
    if isinstance(value, Tensor):
        numbers.append(np.ascontiguousarray(value.numpy(), '<f4'))
        return {'is': 'tensor', 'shape': list(value.shape)}
    if dataclasses.is_dataclass(value):
        kind = type(value).__name__
        if kind not in _KINDS:
            raise TypeError(f'{kind} cannot be packed')
        return {'is': kind, **{field.name: _plain(getattr(value, field.name), numbers)
                               for field in dataclasses.fields(value) if field.name not in _LEFT_OUT}}
    if isinstance(value, dict):
        return {'is': 'dict', 'of': {key: _plain(part, numbers) for key, part in value.items()}}
    if isinstance(value, (list, tuple)):
        return [_plain(part, numbers) for part in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def _restored(head, numbers, at):
    """The value, and how many numbers have been used."""
    if isinstance(head, list):
        parts = []
        for part in head:
            value, at = _restored(part, numbers, at)
            parts.append(value)
        return parts, at
    if not isinstance(head, dict):
        return head, at
    kind = head['is']
    if kind == 'tensor':
        size = int(np.prod(head['shape'], dtype=np.int64))
        return torch.from_numpy(numbers[at:at + size].reshape(head['shape']).copy()), at + size
    fields = head['of'] if kind == 'dict' else {name: part for name, part in head.items() if name != 'is'}
    values = {}
    for name, part in fields.items():
        values[name], at = _restored(part, numbers, at)
    if kind == 'dict':
        return values, at
    if kind == 'Intrinsics':
        values['distortion'] = tuple(values['distortion'])
    return _KINDS[kind](**values), at
