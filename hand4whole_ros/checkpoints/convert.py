"""Converting a pickled body model file to an .npz, and verifying that it can be used."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from ..body.npz_file import BodyModelError
from . import CheckpointError
from .body_files import READERS
from .files import MANO_RIGHT, SMPLX, VERTEX_IDS
from .safe_pickle.array_pickles import read_pickle

#: An entry that only one kind of file has, and the file of that kind; either hand's for MANO.
_READERS = {'hands_meanl': SMPLX, 'hands_mean': MANO_RIGHT, 'right_hand': VERTEX_IDS}


def convert_pickle(source: Path, output: Path | None = None) -> tuple[Path, list[str]]:
    """Write the numbers of a .pkl into an .npz, beside it or to `output`.

    Returns the file, and the names of entries that are not numbers and were left out. The file is written whole or
    not at all, and read back as posing reads it. Raises CheckpointError.
    """
    output = output or source.with_suffix('.npz')
    if output.exists():
        raise CheckpointError(f'{output} is there already; delete it, or choose another with --output')
    arrays, left_out = read_pickle(source)
    kind = next((_READERS[key] for key in _READERS if key in arrays), None)
    if kind is None:
        raise CheckpointError(f'{source} is neither SMPL-X, MANO nor the vertex ids of MANO in SMPL-X; '
                              f'its arrays are {", ".join(sorted(arrays)[:8]) or "none"}')
    temporary = None
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=output.parent, prefix=f'.{output.stem}.', suffix='.npz')
        temporary = Path(name)
        with os.fdopen(handle, 'wb') as stream:
            np.savez(stream, **arrays)
        READERS[kind](temporary)
        temporary.chmod(0o644)
        temporary.rename(output)
    except BodyModelError as error:
        raise CheckpointError(str(error).replace(str(temporary), str(source))) from None
    except OSError as error:
        raise CheckpointError(f'{output} cannot be written: {error.strerror or error}') from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
    return output, left_out
