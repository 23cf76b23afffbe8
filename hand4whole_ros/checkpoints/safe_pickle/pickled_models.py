"""The weights of a network that was pickled as a whole, without the library that made it, and without running anything.

torch.save keeps such a network as its objects: classes by name, and what each object holds. Here every class of a
library is a stand-in that keeps what it is given; tensors are torch's own restricted reader's. The weights and their
names are then read off the stand-ins.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from .. import CheckpointError
from .torch_files import ALLOWING, explain_load_error, require_safe_torch

#: Modules whose names become stand-ins: layers, and what training programs keep beside them.
_ALLOWED_GLOBALS = re.compile(
    r'(ultralytics|torch\.nn|torch\.cuda|torch\.torch_version|numpy|pathlib|argparse|types)(\.\w+)+'
    r'|(torch\.(device|dtype|Size)|_codecs\.encode|collections\.(defaultdict|deque|Counter))'
    r'|(__builtin__|builtins)\.(set|frozenset|dict|list|tuple|int|float|str|bool|slice|complex|bytes)'
)

#: Layers within layers.
_MAX_DEPTH = 32


@dataclass(frozen=True)
class PickledModel:
    """What is in the file of a pickled network."""

    #: Names as in a state dict -> parameters and buffers.
    tensors: dict[str, Tensor]
    #: Name of a layer, '' for the network itself -> its plain attributes: numbers, texts, and containers of them.
    attributes: dict[str, dict[str, object]]


class _ModuleStub:
    """Takes any arguments, keeps its state."""

    state: object = None

    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)

    def __init__(self, *args, **kwargs):
        pass

    def __setstate__(self, state):
        self.state = state


def read_pickled_model(path: Path, sections: tuple[str, ...] = ('ema', 'model')) -> PickledModel:
    """The network in the first of these sections of a torch checkpoint that holds one; tensors on the CPU.

    Raises CheckpointError for a file that is missing, damaged, holds no network, or asks for anything else than layers
    and plain data; nothing of the file is run in any case.
    """
    found = _load(path)
    for section in sections:
        module = found.get(section) if isinstance(found, Mapping) else found
        if isinstance(module, _ModuleStub) and isinstance(module.state, dict) and '_modules' in module.state:
            model = PickledModel({}, {})
            _collect(module, '', model, 0, path=path)
            if model.tensors:
                return model
    raise CheckpointError(f'{path} holds no network: {" and ".join(sections)} should be one; fetch it anew')


def _load(path):
    require_safe_torch()
    try:
        with open(path, 'rb'):
            pass
    except OSError as error:
        raise CheckpointError(f'{path} cannot be read: {error.strerror or error}') from None
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        for name in names:
            if not _ALLOWED_GLOBALS.fullmatch(name):
                raise CheckpointError(f'{path} asks for {name}, which is no layer and could run code: refused, and '
                                      f'nothing of the file was run; fetch it anew from its authors')
        stand_ins: list = [(type(name.rpartition('.')[2], (_ModuleStub,), {}), name) for name in names]
        with ALLOWING, torch.serialization.safe_globals(stand_ins), warnings.catch_warnings():
            warnings.simplefilter('ignore')
            return torch.load(path, map_location='cpu', weights_only=True, mmap=True)
    except CheckpointError:
        raise
    except Exception as error:  # damaged bytes raise a dozen kinds
        raise CheckpointError(explain_load_error(path, error)) from None


def _collect(module, name, model, depth, *, path):
    """Read a stand-in of a layer, and the layers within it."""
    if depth > _MAX_DEPTH:
        raise CheckpointError(f'{path} is damaged: layers within layers without end')
    state = module.state if isinstance(module.state, dict) else {}
    begin = f'{name}.' if name else ''
    without = state.get('_non_persistent_buffers_set') or ()
    for section in ('_parameters', '_buffers'):
        for key, value in _section_entries(state, section):
            if isinstance(value, Tensor) and (section == '_parameters' or key not in without):
                model.tensors[f'{begin}{key}'] = value
    model.attributes[name] = {key: value for key, value in state.items() if isinstance(key, str)
                              and not key.startswith('_') and _is_plain(value)}
    for key, value in _section_entries(state, '_modules'):
        if isinstance(value, _ModuleStub):
            _collect(value, f'{begin}{key}', model, depth + 1, path=path)


def _section_entries(state, section):
    found = state.get(section)
    return [(key, value) for key, value in found.items() if isinstance(key, str)] if isinstance(found, Mapping) else []


def _is_plain(value, depth=0):
    if isinstance(value, Mapping):
        value = [*value.keys(), *value.values()]
    if isinstance(value, (list, tuple)):
        return depth < 4 and all(_is_plain(one, depth + 1) for one in value)
    return isinstance(value, (bool, int, float, str))
