"""HIC (Tzionas et al., IJCV 2016): pictures of one hand or two, with MANO's meshes.

Files: HIC.json, in the form of COCO, and the pictures and .ply meshes that it names.
"""

from __future__ import annotations

from pathlib import Path

from .. import skeleton
from ..geometry.camera import Intrinsics
from .annotated_bodies import GroundTruthBodies, are_hands_close
from .base_reader import DatasetReader, full_image_box
from .files import base_folder, read_json, require, require_layout
from .mesh_files import read_vertices
from .sample import Sample

#: The one camera, px.
_FOCAL, _CENTRE = 525.0, (319.5, 239.5)
_NUM_VERTICES = 778


class HIC(DatasetReader):
    """See the module."""

    name = 'hic'

    def __init__(self, root: Path | str, split: str | None = None, bodies: GroundTruthBodies | None = None):
        super().__init__(root, split, bodies)
        self._folder = base_folder(self.root, 'HIC.json', self.info)
        table = self._folder / 'HIC.json'
        found = read_json(table, self.info)
        with require_layout(table, self.info):
            pictures = {image['id']: (image['file_name'], int(image['width']), int(image['height']))
                        for image in found['images']}
            self._rows = [(*pictures[one['image_id']], {side: one[f'{side}_mano_path'] for side in skeleton.SIDES})
                          for one in found['annotations']]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Sample:
        name, width, height, meshes = self._rows[index]
        picture = require(self._folder / name, self.info)
        intrinsics = Intrinsics(_FOCAL, _FOCAL, *_CENTRE, width, height)
        hands = {side: None if path is None else self.bodies.hand_from_mesh(
            side, read_vertices(self._folder / path, _NUM_VERTICES, self.info)) for side, path in meshes.items()}
        return Sample(str(name), picture, intrinsics, full_image_box(intrinsics), None, hands['left'], hands['right'],
                      are_hands_close(hands))
