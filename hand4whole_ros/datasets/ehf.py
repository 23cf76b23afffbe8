"""EHF (Pavlakos et al., CVPR 2019): 100 pictures of one person, with the SMPL-X mesh registered to a scan.

Files: NN_img.png or .jpg, NN_align.ply.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from ..geometry.camera import Intrinsics
from .annotated_bodies import NUM_VERTICES, GroundTruthBodies, RigidTransform
from .base_reader import DatasetReader, box_around_points
from .files import base_folder, image_size, missing_file_error
from .mesh_files import read_vertices
from .sample import Sample

#: The one camera, as the data set's description states it: px, and from the meshes' world to the camera.
_FOCAL, _CENTRE = 1498.22426237, (790.263706, 578.90334)
_CAMERA = RigidTransform(Rotation.from_rotvec([-2.98747896, 0.01172457, -0.05704687]).as_matrix(),
                 np.array([-0.03609917, 0.43416458, 2.37101226]))


class EHF(DatasetReader):
    """See the module."""

    name = 'ehf'

    def __init__(self, root: Path | str, split: str | None = None, bodies: GroundTruthBodies | None = None):
        super().__init__(root, split, bodies)
        folder = base_folder(self.root, '*_align.ply', self.info)
        self._meshes = sorted(folder.glob('*_align.ply'))

    def __len__(self) -> int:
        return len(self._meshes)

    def __getitem__(self, index: int) -> Sample:
        mesh = self._meshes[index]
        key = mesh.name.removesuffix('_align.ply')
        pictures = [mesh.with_name(f'{key}_img{suffix}') for suffix in ('.png', '.jpg')]
        picture = next((path for path in pictures if path.is_file()), None)
        if picture is None:
            raise missing_file_error(pictures[0], self.info)
        intrinsics = Intrinsics(_FOCAL, _FOCAL, *_CENTRE, *image_size(picture, self.info))
        body = self.bodies.body_from_mesh(_CAMERA.points(read_vertices(mesh, NUM_VERTICES, self.info)))
        hands = self.bodies.hands_from_body(body)
        box = box_around_points(body.keypoints_3d[body.known], intrinsics)
        return Sample(key, picture, intrinsics, box, body, hands['left'], hands['right'])
