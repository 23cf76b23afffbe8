"""Reading the arrays of a body model file. Nothing is ever unpickled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

#: Of one array as it is in memory; the largest of SMPL-X, its pose correctives, has 122 MB.
MAX_ARRAY_BYTES = 1 << 30


class BodyModelError(ValueError):
    """A body model file cannot be used. One line names the file, the fault and the remedy."""


def read_npz(path: Path, keys: Sequence[str], kind: str, example: str,
             *, optional: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """The named arrays of an .npz. `kind` ('SMPL-X') and `example` ('SMPLX_NEUTRAL.npz') are for messages.

    Those of `optional` are added if the file contains them. Raises BodyModelError. Other members of the
    file, such as pickled dictionaries, are not read.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() == '.pkl':
        raise BodyModelError(f'{path} is a pickle, which can run code when opened; make an .npz of it with '
                             f'`hand4whole weights convert {path}`, or use an .npz where {kind} offers one')
    if not path.is_file():
        what = 'is a folder, not a file' if path.is_dir() else 'does not exist'
        raise BodyModelError(f'body model {path} {what}; name an {kind} file such as {example}')
    try:
        with np.load(path, allow_pickle=False) as data:
            missing = [key for key in keys if key not in data.files]
            if missing:
                raise BodyModelError(f'{path} is not an {kind} model: it lacks {", ".join(missing)}; '
                                     f'found {", ".join(sorted(data.files)[:8]) or "nothing"}')
            wanted = [key for key in (*keys, *optional) if key in data.files]
            for key in wanted:  # a small file may hold a large array of zeros
                size = data.zip.getinfo(f'{key}.npy').file_size
                if size > MAX_ARRAY_BYTES:
                    raise BodyModelError(f'{path}: {key} has {size} bytes, at most {MAX_ARRAY_BYTES}: no {kind} model')
            return {key: data[key] for key in wanted}
    except BodyModelError:
        raise
    except Exception as error:  # numpy and zipfile raise a dozen types for damaged bytes
        raise BodyModelError(
            f'{path} cannot be read as an {kind} .npz ({error}); is the download complete?') from None


def check_shapes(arrays: dict[str, np.ndarray], shapes: dict[str, tuple[int, ...]], path: Path | str,
                 kind: str) -> None:
    """Raises BodyModelError unless each array named in `shapes` has that shape and finite numbers."""
    for key, shape in shapes.items():
        if arrays[key].shape != shape:
            raise BodyModelError(f'{path} is not an {kind} model: {key} should have shape {shape}, '
                                 f'found {arrays[key].shape}')
        if not np.isfinite(arrays[key]).all():
            raise BodyModelError(f'{path}: {key} holds numbers that are not finite; is the file damaged?')
