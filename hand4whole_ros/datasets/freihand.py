"""FreiHAND (Zimmermann et al., ICCV 2019): pictures of one right hand, with keypoints and MANO's mesh.

Files, S being the split: S_K.json, S_xyz.json, S_verts.json, S/rgb/00000000.jpg and so on. The truth of the evaluation
split is a download of its own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..geometry.camera import Intrinsics
from .annotated_bodies import GroundTruthBodies
from .base_reader import DatasetReader, full_image_box
from .files import base_folder, finite_array, image_size, read_json, require_layout
from .sample import HandAnnotation, Sample


class FreiHAND(DatasetReader):
    """See the module. Of the training pictures, those before the green screen."""

    name = 'freihand'

    def __init__(self, root: Path | str, split: str | None = None, bodies: GroundTruthBodies | None = None):
        super().__init__(root, split, bodies)
        self._folder = base_folder(self.root, f'{self.split}_K.json', self.info)
        self._cameras, self._keypoints, self._vertices = (
            self._table(part, *shape) for part, shape in (('K', (3, 3)), ('xyz', (21, 3)), ('verts', (778, 3))))

    def _table(self, part, *shape):
        path = self._folder / f'{self.split}_{part}.json'
        with require_layout(path, self.info):
            rows = read_json(path, self.info)
            return finite_array(rows, len(rows), *shape).astype(np.float32)

    def __len__(self) -> int:
        return min(len(self._cameras), len(self._keypoints), len(self._vertices))

    def __getitem__(self, index: int) -> Sample:
        key = f'{range(len(self))[index]:08d}'
        picture = self._folder / self.split / 'rgb' / f'{key}.jpg'
        camera = self._cameras[index].astype(np.float64)
        intrinsics = Intrinsics(camera[0, 0], camera[1, 1], camera[0, 2], camera[1, 2],
                                *image_size(picture, self.info))
        hand = HandAnnotation(self._keypoints[index].astype(np.float64), self._vertices[index].astype(np.float64))
        return Sample(key, picture, intrinsics, full_image_box(intrinsics), right_hand=hand)
