"""Weights that this package trains: .npz files without pickles, matrices in half precision, names PART/NAME."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..system.output_files import open_replacement
from . import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

_BUNDLED_FOLDER = Path(__file__).parents[1] / 'weights'


@dataclass(frozen=True)
class WeightsFile:
    """One kind of file: its contents, and the command that writes it."""

    contents: str               #: for messages: 'the open model'
    command: str                #: 'hand4whole train pack'
    parts: Collection[str]
    bundled: Path               #: the one in the package
    max_bytes: int              #: of the file, and of all arrays in it together

    @classmethod
    def of(cls, contents: str, command: str, parts: Collection[str], *, name: str, max_bytes: int) -> WeightsFile:
        """name: of the bundled file."""
        return cls(contents, command, tuple(parts), _BUNDLED_FOLDER / name, max_bytes)

    def matches(self, path: Path) -> bool:
        """Whether a file is of this kind, by the names in it."""
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except zipfile.BadZipFile:
            return False
        return bool(names) and all(name.partition('/')[0] in self.parts for name in names)

    def write(self, path: Path, states: Mapping[str, Mapping[str, Tensor]],
              others: Mapping[str, np.ndarray] | None = None) -> None:
        """Write part -> its state dict, and other arrays by their names; a reader gets the old file or the new one.

        Matrices are stored in half precision, single rows (biases, scales, input statistics) unchanged.
        """
        arrays = dict(others or {})
        for part, state in states.items():
            for name, value in state.items():
                array = value.detach().cpu().numpy()
                half = array.dtype == np.float32 and array.ndim > 1
                arrays[f'{part}/{name}'] = array.astype(np.float16) if half else array
        with open_replacement(path) as stream:
            np.savez(stream, **arrays)

    def read(self, path: Path | None = None) -> WeightsReader:
        """Of the bundled file, or of another one. Raises CheckpointError, one line, if it cannot be read."""
        path = self.bundled if path is None else path
        try:
            size = path.stat().st_size
            if size <= self.max_bytes:
                with np.load(path, allow_pickle=False) as stored:
                    # A small file may contain large arrays of zeros.
                    size = sum(member.file_size for member in stored.zip.infolist())
                    if size <= self.max_bytes:
                        return WeightsReader(self, path, {key: stored[key] for key in stored.files})
        except FileNotFoundError:
            raise CheckpointError(f'{path}: no such file; {self.command} writes one') from None
        except Exception as error:  # numpy and zipfile raise a dozen kinds for damaged bytes
            raise CheckpointError(f'{path} cannot be read as weights of {self.contents} ({error}); '
                                  'is it complete?') from None
        raise CheckpointError(f'{path} holds {size / 1e6:.0f} MB; a file of {self.contents} has at most '
                              f'{self.max_bytes / 1e6:.0f}')


@dataclass(frozen=True)
class WeightsReader:
    """The arrays of one file, removed one by one. Every method raises CheckpointError, which names the file."""

    file: WeightsFile
    path: Path
    arrays: dict[str, np.ndarray]

    def take_arrays(self, part: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
        """The arrays of a part by their names, of these shapes, finite, in the precision of the file."""
        state = {}
        for name, shape in shapes.items():
            value = self.arrays.pop(f'{part}/{name}', None)
            if value is None or value.shape != shape:
                there = 'nothing' if value is None else value.shape
                raise CheckpointError(f'{self.path}: {part}/{name} should be {shape}, found {there}; '
                                      f'of another version of {self.file.contents}?')
            if not np.isfinite(value).all():
                raise CheckpointError(f'{self.path}: {part}/{name} holds numbers that are not finite')
            state[name] = value
        return state

    def take_state(self, part: str, wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The state dict of a part: as take_arrays, with the names and shapes of `wanted`."""
        import torch
        arrays = self.take_arrays(part, {name: tuple(tensor.shape) for name, tensor in wanted.items()})
        return {name: torch.from_numpy(value) for name, value in arrays.items()}

    def check_all_taken(self) -> None:
        """Raise an error for arrays that were not requested."""
        if self.arrays:
            raise CheckpointError(f'{self.path}: {len(self.arrays)} arrays are not of {self.file.contents}, the first '
                                  f'{next(iter(self.arrays))}')
