"""Estimates as bytes, and back, without pickle: safetensors, and in it a JSON text that names the parts.

Equal estimates give equal bytes, so that results may be kept in a file, or come from another
process, without a difference.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ...estimate import HandEstimate, LooseHandEstimate, ObjectEstimate, WholeBodyEstimate
from ...geometry.camera import Intrinsics

#: Dataclasses that may be packed, by name.
_KINDS = {kind.__name__: kind for kind in (WholeBodyEstimate, HandEstimate, LooseHandEstimate, ObjectEstimate,
                                              Intrinsics)}

#: Fields that differ from run to run, or are computed again on demand.
_EXCLUDED_FIELDS = ('stage_times', 'vertices')


#: The JSON text among the tensors; the others are numbered.
_VALUE_KEY = 'value'


def pack(value: Any) -> bytes:
    """Pack a value of dicts, lists, texts, numbers, None, tensors and estimates."""
    tensors: dict[str, Tensor] = {}
    text = json.dumps(_to_plain(value, tensors), separators=(',', ':')).encode()
    return save({**tensors, _VALUE_KEY: torch.frombuffer(bytearray(text), dtype=torch.uint8)})


def unpack(data: bytes) -> Any:
    """The unpacked value; tuples become lists. ValueError if the bytes are no packed value."""
    try:
        tensors = load(data)
        text = json.loads(tensors.pop(_VALUE_KEY).numpy().tobytes())
        value = _from_plain(text, tensors)
    except (SafetensorError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ValueError(f'not a packed estimate: {error}') from None
    if tensors:
        raise ValueError(f'not a packed estimate: {len(tensors)} tensors too many')
    return value


def _to_plain(value, tensors):
    if isinstance(value, Tensor):
        name = f'{len(tensors):06d}'
        tensors[name] = value.clone().contiguous()     # safetensors rejects tensors that share memory
        return {'is': 'tensor', 'name': name}
    if dataclasses.is_dataclass(value):
        kind = type(value).__name__
        if kind not in _KINDS:
            raise TypeError(f'{kind} cannot be packed')
        return {'is': kind, **{field.name: _to_plain(getattr(value, field.name), tensors)
                               for field in dataclasses.fields(value) if field.name not in _EXCLUDED_FIELDS}}
    if isinstance(value, dict):
        return {'is': 'dict', 'of': {key: _to_plain(part, tensors) for key, part in value.items()}}
    if isinstance(value, (list, tuple)):
        return [_to_plain(part, tensors) for part in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def _from_plain(plain, tensors):
    """The value; its tensors are taken from `tensors`."""
    if isinstance(plain, list):
        return [_from_plain(part, tensors) for part in plain]
    if not isinstance(plain, dict):
        return plain
    kind = plain['is']
    if kind == 'tensor':
        return tensors.pop(plain['name'])
    fields = plain['of'] if kind == 'dict' else {name: part for name, part in plain.items() if name != 'is'}
    values = {name: _from_plain(part, tensors) for name, part in fields.items()}
    if kind == 'dict':
        return values
    if kind == 'Intrinsics':
        values['distortion'] = tuple(values['distortion'])
    return _KINDS[kind](**values)
