"""A folder of motion files as poses of the body: BVH, and ASF/AMC as in the CMU motion capture database."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import DatasetError, asf_amc, bvh
from .motions import local_rotations


def read_folder(folder: Path, rest_joints: np.ndarray, seconds: float = 0.2) -> np.ndarray:
    """(N, 22, 3, 3) as local_rotations: poses of all .bvh and .amc files in a folder and below it, some time apart.

    Raises DatasetError if there is none, and for a file that cannot be read.
    """
    folder = Path(folder)
    paths = sorted(path for path in folder.rglob('*') if path.suffix.lower() in ('.bvh', '.amc') and path.is_file())
    if not paths:
        raise DatasetError(f'{folder}: no motion (.bvh, or .amc with its .asf) is in this folder or below it')
    found = []
    for path in paths:
        read = bvh.read if path.suffix.lower() == '.bvh' else asf_amc.read
        try:
            found.append(local_rotations(read(path).every(seconds), rest_joints))
        except DatasetError as error:
            message = str(error)
            raise DatasetError(message if str(path) in message else f'{path}: {message}') from None
    return np.concatenate(found)
