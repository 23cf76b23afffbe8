"""The people of frozen_people.npz: those of published figures and tests, by their parameters.

A row of the file is one person of sample_person: seed, phenotype, pose, place, camera and appearance. What `people`
makes of the same seed may change; these do not, and a test verifies their images.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from ..body import anny_rig
from ..geometry.camera import Intrinsics
from .appearance import Appearance
from .figure import PosableBody
from .scene import Scene

PATH = Path(__file__).with_name('frozen_people.npz')

#: Of the file's layout.
VERSION = 1

_PHENOTYPE = tuple(anny_rig.REFERENCE_ADULT)
_COLORS = ('skin', 'hair', 'iris', 'shirt', 'trousers', 'shoes')
_CAMERA = ('fx', 'fy', 'cx', 'cy', 'width', 'height')


def read(seed: int) -> Scene | None:
    """The person of a seed; None if the file has none."""
    rows, arrays = load()
    if seed not in rows:
        return None
    row = {name: values[rows[seed]] for name, values in arrays.items()}
    phenotype = {name: torch.tensor([value], dtype=torch.float64) for name, value in zip(_PHENOTYPE, row['phenotype'])}
    skin, hair, iris, shirt, trousers, shoes = (tuple(color.tolist()) for color in row['colors'])
    appearance = Appearance(skin, hair, iris, shirt, trousers, shoes, sleeve=float(row['sleeve']),
                            beard=bool(row['beard']), grain_seed=int(row['grain_seed']))
    fx, fy, cx, cy, width, height = row['camera'].tolist()
    return Scene.of_pose(seed, str(row['frame']), PosableBody(phenotype), Rotation.from_rotvec(row['pose']).as_matrix(),
                         pelvis=row['pelvis'], intrinsics=Intrinsics(fx, fy, cx, cy, int(width), int(height)),
                         appearance=appearance)


def seeds() -> list[int]:
    """Of all people of the file."""
    return list(load()[0])


@lru_cache(maxsize=1)
def load() -> tuple[dict[int, int], dict[str, np.ndarray]]:
    """Of the file: seed -> row, and the arrays."""
    with np.load(PATH, allow_pickle=False) as stored:
        if stored['version'] != VERSION:
            raise ValueError(f'{PATH} is of version {stored["version"]}, not {VERSION}')
        arrays = {name: stored[name] for name in stored.files if name != 'version'}
    return {int(seed): row for row, seed in enumerate(arrays['seed'])}, arrays


def write(path: Path, scenes: Sequence[Scene]) -> None:
    """Store people in a file of this format."""
    appearances = [scene.appearance for scene in scenes if scene.appearance is not None]
    if len(appearances) != len(scenes):
        raise ValueError('only people with an appearance of their own can be frozen')
    rotations = np.stack([Rotation.from_matrix(scene.local_rotations).as_rotvec() for scene in scenes])
    np.savez_compressed(
        path, version=np.int64(VERSION), seed=np.array([scene.seed for scene in scenes], np.int64),
        phenotype=np.array([[scene.phenotype[name] for name in _PHENOTYPE] for scene in scenes]),
        pose=rotations, pelvis=np.stack([scene.pelvis for scene in scenes]),
        camera=np.array([[getattr(scene.intrinsics, name) for name in _CAMERA] for scene in scenes]),
        frame=np.array([scene.frame for scene in scenes]),
        colors=np.array([[getattr(appearance, name) for name in _COLORS] for appearance in appearances]),
        sleeve=np.array([appearance.sleeve for appearance in appearances]),
        beard=np.array([appearance.beard for appearance in appearances]),
        grain_seed=np.array([appearance.grain_seed for appearance in appearances], np.int64))
