"""Reading pickled data without running anything that is in them: body models, annotations of data sets.

SMPL-X and MANO come as pickles of Python 2: dictionaries of numpy arrays, scipy's sparse matrices and chumpy's
arrays. A pickle names what is to be called while it is read. Here every such name leads to a stand-in of this file or
to a plain container; each stand-in keeps what it is given, and the numbers are put together afterwards from bytes,
with their sizes checked. Any other name ends the reading.
"""

from __future__ import annotations

import math
import pickle
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .. import CheckpointError

#: SMPLX_NEUTRAL.pkl, the largest of these files, has 544 MB.
MAX_FILE_BYTES = 2 << 30
#: Of one array; a sparse matrix may claim any shape.
MAX_ARRAY_BYTES = 1 << 30
#: A chumpy array made of others, of others, ...
_MAX_DEPTH = 16


class _ForbiddenGlobal(Exception):
    """The pickle names something that is not admitted."""


class PickleStub:
    """Keeps its state, which may be anything; made without arguments."""

    state: Any = None

    def __setstate__(self, state):
        self.state = state

    def value(self, depth: int) -> Any:
        """What it stands for, in containers of that depth; None where it does not say."""
        return None

    def entry(self, *names: str) -> Any:
        """The first of these entries that the state has; None where it has none of them."""
        state = self.state if isinstance(self.state, dict) else {}
        return next((state[name] for name in names if name in state), None)


class _Dtype(PickleStub):
    """numpy.dtype. Its state tells the byte order."""

    def __init__(self, code='', *flags):
        self.code = code

    def numeric(self):
        """The numpy type of plain numbers; None for objects, texts and records."""
        if not isinstance(self.code, str) or not re.fullmatch(r'[biufc]\d{1,2}', self.code):
            return None
        order = self.state[1] if isinstance(self.state, tuple) and len(self.state) > 1 else '='
        return np.dtype(self.code).newbyteorder(order if order in ('<', '>') else '=')


class _Array(PickleStub):
    """numpy.ndarray. The arguments make an empty one; the state says the rest."""

    def __init__(self, *placeholder):
        pass

    def value(self, depth):
        _, shape, dtype, fortran, raw = self.state
        return _from_bytes(raw, dtype, shape, fortran)

    def objects(self, depth):
        """(...) of what its entries stand for, where they are objects; None where they are not."""
        _, shape, dtype, fortran, entries = self.state
        if not isinstance(dtype, _Dtype) or dtype.code not in ('O', 'O8') or not isinstance(entries, list):
            return None
        found = np.empty(len(entries), object)
        for k, entry in enumerate(entries):
            found[k] = to_plain_python(entry, depth)
        return found.reshape(_check_dimensions(shape), order='F' if fortran else 'C')


class _Buffer(PickleStub):
    """numpy's function that makes an array of protocol 5 from bytes."""

    def __init__(self, raw, dtype, shape, order):
        self.arguments = bytes(raw), dtype, shape, order == 'F'

    def value(self, depth):
        return _from_bytes(*self.arguments)


class _Scalar(PickleStub):
    """A numpy number."""

    def __init__(self, dtype, raw=b''):
        self.arguments = raw, dtype, (), False

    def value(self, depth):
        return _from_bytes(*self.arguments)


class _Compressed(PickleStub):
    """scipy.sparse.csc_matrix, and csr_matrix with rows and columns exchanged."""

    by_rows = False

    def value(self, depth):
        shape = self.entry('_shape', 'shape')
        data, indices, starts = (_resolve(self.entry(name), depth) for name in ('data', 'indices', 'indptr'))
        across = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        return _scatter_add(shape, (across, indices) if self.by_rows else (indices, across), data)


class _CompressedRows(_Compressed):
    by_rows = True


class _Coordinates(PickleStub):
    """scipy.sparse.coo_matrix."""

    def value(self, depth):
        rows, columns = self.entry('coords') or (self.entry('row'), self.entry('col'))
        return _scatter_add(self.entry('_shape', 'shape'), (_resolve(rows, depth), _resolve(columns, depth)),
                      _resolve(self.entry('data'), depth))


class _Ch(PickleStub):
    """chumpy.ch.Ch: an array under the name x."""

    def value(self, depth):
        return _resolve(self.entry('x'), depth)


class _Select(PickleStub):
    """chumpy.reordering.Select: entries idxs of the flattened array a, in preferred_shape where there is one."""

    def value(self, depth):
        chosen = _resolve(self.entry('a'), depth).ravel()[_resolve(self.entry('idxs'), depth)]
        shape = self.entry('preferred_shape')
        return chosen if shape is None else chosen.reshape(_check_dimensions(shape))


class _Bytes(PickleStub):
    """How Python 3 writes bytes for Python 2: as text to encode, or as nothing at all."""

    def __new__(cls, text='', encoding='latin1'):
        if encoding not in ('latin1', 'latin-1') or not isinstance(text, str):
            raise _ForbiddenGlobal(f'the encoding {encoding}')
        return text.encode('latin1')


class _Reconstructor(PickleStub):
    """How Python 2 makes objects of old protocols."""

    def __new__(cls, kind, base=object, state=None):
        if not (isinstance(kind, type) and issubclass(kind, PickleStub)):
            raise _ForbiddenGlobal(f'an object of {kind}')
        return kind()


def _allowed_global():
    table = {'numpy.ndarray': _Array, 'numpy.dtype': _Dtype, '_codecs.encode': _Bytes,
             'collections.OrderedDict': OrderedDict, 'chumpy.ch.Ch': _Ch, 'chumpy.reordering.Select': _Select}
    for core in ('numpy.core', 'numpy._core'):
        table.update({f'{core}.multiarray._reconstruct': _Array, f'{core}.multiarray.scalar': _Scalar,
                      f'{core}.numeric._frombuffer': _Buffer})
    for kind, stand_in in (('csc', _Compressed), ('csr', _CompressedRows), ('coo', _Coordinates)):
        for module in (f'scipy.sparse.{kind}', f'scipy.sparse._{kind}'):
            table.update({f'{module}.{kind}_matrix': stand_in, f'{module}.{kind}_array': stand_in})
    for module in ('__builtin__', 'builtins'):
        table.update({f'{module}.set': set, f'{module}.frozenset': frozenset, f'{module}.object': object,
                      f'{module}.bytes': _Bytes})
    for module in ('copy_reg', 'copyreg'):
        table[f'{module}._reconstructor'] = _Reconstructor
    return table


_ALLOWED_GLOBALS = _allowed_global()


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream, more):
        super().__init__(stream, encoding='latin1')
        self._admitted = {**_ALLOWED_GLOBALS, **more}

    def find_class(self, module, name):
        try:
            return self._admitted[f'{module}.{name}']
        except KeyError:
            raise _ForbiddenGlobal(f'{module}.{name}') from None


def read_pickle(path: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """The numeric arrays of a pickled dictionary, and the names of what else is in it, such as texts.

    Sparse matrices are made dense. Raises CheckpointError for a file that is missing, too large, damaged, or asks for
    anything that is not admitted; no such thing is run.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise CheckpointError(f'{path} has {size >> 20} MB: no body model file is that large')
        with open(path, 'rb') as stream:
            return read_stream(stream, path, 'body model file', make=_numeric_entries)
    except OSError as error:
        raise CheckpointError(f'{path} cannot be read: {error.strerror or error}') from None


def read_stream(stream: BinaryIO, name: Path | str, kind: str, *, make=None, more: Mapping[str, type] | None = None
                ) -> Any:
    """What `make` makes of the object that is pickled in a stream; `plain` by default.

    name: of the file, and kind: what it should be ('body model file'), both for messages. more: further names that are
    admitted -> a PickleStub or a plain container. Raises CheckpointError.
    """
    try:
        return (make or to_plain_python)(_Unpickler(stream, more or {}).load())
    except (CheckpointError, OSError):
        raise
    except _ForbiddenGlobal as error:
        raise CheckpointError(f'{name} asks for {error}, which is nothing a {kind} needs and could run code: '
                              f'refused, and nothing of the file was run') from None
    except Exception as error:  # damaged bytes raise a dozen kinds
        raise CheckpointError(f'{name} cannot be read as a pickled {kind.removesuffix(" file")} '
                              f'({type(error).__name__}: {" ".join(str(error).split())[:100]}); '
                              f'is the download complete?') from None


def to_plain_python(value: Any, depth: int = 0) -> Any:
    """What a pickled object stands for, as dictionaries, lists, texts, numbers and arrays; arrays of objects stay such.

    None for arrays of texts and of records. ValueError for any other stand-in that says nothing of itself.
    """
    if depth > _MAX_DEPTH:
        raise ValueError('containers within containers without end')
    if isinstance(value, Mapping):
        return {to_plain_python(key, depth + 1): to_plain_python(entry, depth + 1) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain_python(entry, depth + 1) for entry in value]
    if not isinstance(value, PickleStub):
        return value
    found = value.value(depth + 1)
    if found is None and isinstance(value, _Array):
        return value.objects(depth + 1)
    if found is None:
        raise ValueError(f'an entry that is no {type(value).__name__.strip("_").lower()} of numbers')
    return found.item() if isinstance(found, np.ndarray) and isinstance(value, _Scalar) else found


def _numeric_entries(found):
    if not isinstance(found, dict):
        raise ValueError('it holds no dictionary of arrays')
    return _numeric(found)


def _numeric(found):
    arrays, others = {}, []
    for key, value in found.items():
        array = _resolve(value, 0) if isinstance(key, str) and key.isidentifier() else None
        if array is None:
            others.append(str(key)[:40])
        else:
            arrays[key] = array
    return arrays, others


def _resolve(value: Any, depth: int) -> Any:
    """The array that a value stands for; None where it is no array of numbers."""
    if depth > _MAX_DEPTH:
        raise ValueError('arrays within arrays without end')
    if isinstance(value, PickleStub):
        return value.value(depth + 1)
    if isinstance(value, (list, tuple, bool, int, float)) and value != []:
        array = np.array(value)
        return array if array.dtype.kind in 'biuf' else None
    return None


def _from_bytes(raw, dtype, shape, fortran):
    kind = dtype.numeric() if isinstance(dtype, _Dtype) else None
    if kind is None:
        return None
    raw = raw.encode('latin1') if isinstance(raw, str) else raw
    shape = _check_dimensions(shape)
    if not isinstance(raw, (bytes, bytearray)) or len(raw) != math.prod(shape) * kind.itemsize:
        raise ValueError(f'an array of shape {shape} has the wrong number of bytes')
    return np.ndarray(shape, kind, bytes(raw), order='F' if fortran else 'C')


def _check_dimensions(shape):
    sizes = tuple(int(size) for size in shape)
    if any(size < 0 for size in sizes):
        raise ValueError(f'a shape of {sizes}')
    return sizes


def _scatter_add(shape, places, values):
    """Sum values into zeros at rows and columns; numpy checks that they lie inside."""
    shape = _check_dimensions(shape)
    if math.prod(shape) * values.itemsize > MAX_ARRAY_BYTES:
        raise ValueError(f'a sparse matrix of shape {shape}')
    dense = np.zeros(shape, values.dtype)
    np.add.at(dense, places, values)
    return dense
