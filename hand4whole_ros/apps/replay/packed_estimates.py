"""Estimates as bytes, and back, without pickle: safetensors, and in it a JSON text that names the parts.

Equal estimates give equal bytes, so that results may be kept in a file, or come from another
process, without a difference.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ...estimate import HandEstimate, LooseHandEstimate, ObjectEstimate, WholeBodyEstimate
from ...geometry.camera import Intrinsics

#: Dataclasses that may be packed, by name.
_KINDS = {kind.__name__: kind for kind in (WholeBodyEstimate, HandEstimate, LooseHandEstimate, ObjectEstimate,
                                              Intrinsics)}

#: Fields that differ from run to run, or are computed again on demand.
_EXCLUDED_FIELDS = ('stage_times', 'vertices')


#: The JSON text among the arrays; the others are numbered.
_VALUE_KEY = 'value'


def pack(value: Any) -> bytes:
    """Pack a value of dicts, lists, texts, numbers, None, arrays and estimates."""
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(_to_plain(value, arrays), separators=(',', ':')).encode()
    return save({**arrays, _VALUE_KEY: np.frombuffer(text, np.uint8)})


def unpack(data: bytes) -> Any:
    """The unpacked value; tuples become lists. ValueError if the bytes are no packed value."""
    try:
        arrays = load(data)
        text = json.loads(arrays.pop(_VALUE_KEY).tobytes())
        value = _from_plain(text, arrays)
    except (SafetensorError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ValueError(f'not a packed estimate: {error}') from None
    if arrays:
        raise ValueError(f'not a packed estimate: {len(arrays)} arrays too many')
    return value


def _to_plain(value, arrays):
    if isinstance(value, np.ndarray):
        name = f'{len(arrays):06d}'
        arrays[name] = np.ascontiguousarray(value)
        return {'is': 'tensor', 'name': name}
    if dataclasses.is_dataclass(value):
        kind = type(value).__name__
        if kind not in _KINDS:
            raise TypeError(f'{kind} cannot be packed')
        return {'is': kind, **{field.name: _to_plain(getattr(value, field.name), arrays)
                               for field in dataclasses.fields(value) if field.name not in _EXCLUDED_FIELDS}}
    if isinstance(value, dict):
        return {'is': 'dict', 'of': {key: _to_plain(part, arrays) for key, part in value.items()}}
    if isinstance(value, (list, tuple)):
        return [_to_plain(part, arrays) for part in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def _from_plain(plain, arrays):
    """The value; its arrays are taken from `arrays`."""
    if isinstance(plain, list):
        return [_from_plain(part, arrays) for part in plain]
    if not isinstance(plain, dict):
        return plain
    kind = plain['is']
    if kind == 'tensor':
        return arrays.pop(plain['name']).copy()       # may be written to
    fields = plain['of'] if kind == 'dict' else {name: part for name, part in plain.items() if name != 'is'}
    values = {name: _from_plain(part, arrays) for name, part in fields.items()}
    if kind == 'dict':
        return values
    if kind == 'Intrinsics':
        values['distortion'] = tuple(values['distortion'])
    return _KINDS[kind](**values)
