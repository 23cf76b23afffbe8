"""Re:InterHand (Moon et al., NeurIPS 2023): two hands in captured poses, rendered under captured light.

Files of each capture: Mugsy_cameras/cam_params.json, Mugsy_cameras/envmap_per_frame/images/CAMERA/000000.png and so on,
mano_fits/params/FRAME_left.json and FRAME_right.json. Cameras are in millimetres, hands in metres.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from .. import skeleton
from ..geometry.camera import Intrinsics
from .annotated_bodies import GroundTruthBodies, RigidTransform
from .base_reader import DatasetReader, full_image_box
from .files import base_folder, finite_array, image_size, read_json, require_layout
from .sample import Sample

_CAMERAS = 'Mugsy_cameras/cam_params.json'
_IMAGES = 'Mugsy_cameras/envmap_per_frame/images'

#: The evaluation captures of Hand4Whole++; all others are for training.
TEST_CAPTURES = frozenset((
    'm--20221215--0949--RNS217--pilot--ProjectGoliathScript--Hands--two-hands',
    'm--20221216--0953--NKC880--pilot--ProjectGoliathScript--Hands--two-hands',
    'm--20230317--1130--QZX685--pilot--ProjectGoliath--Hands--two-hands'))

#: The world's upward direction.
_UP_VECTOR = np.array([0, -1.0, 0])


class ReInterHand(DatasetReader):
    """See the module."""

    name = 'reinterhand'

    def __init__(self, root: Path | str, split: str | None = None, bodies: GroundTruthBodies | None = None):
        super().__init__(root, split, bodies)
        self._folder = base_folder(self.root, f'*/{_CAMERAS}', self.info)
        found = sorted(path.parent.parent.name for path in self._folder.glob(f'*/{_CAMERAS}'))
        self._captures = [name for name in found if (name in TEST_CAPTURES) == (self.split == 'test')]
        if not self._captures:
            expected = next(iter(sorted(TEST_CAPTURES))) if self.split == 'test' else 'CAPTURE'
            base_folder(self._folder / expected, _CAMERAS, self.info)
        self._cameras, rows = {}, []
        for number, capture in enumerate(self._captures):
            self._read_cameras(capture)
            for camera in self._cameras[capture]:
                rows.extend((number, camera, frame) for frame in self._frames(capture, camera))
        # A million rows: numbers take less memory than texts, and stay shared between processes.
        self._names = sorted({camera for _, camera, _ in rows})
        places = {name: k for k, name in enumerate(self._names)}
        self._rows = np.array([(number, places[camera], frame) for number, camera, frame in rows],
                              np.int32).reshape(-1, 3)

    def _read_cameras(self, capture):
        path = self._folder / capture / _CAMERAS
        found = read_json(path, self.info)
        with require_layout(path, self.info):
            self._cameras[capture] = {
                camera: (
                    finite_array(one['focal'], 2),
                    finite_array(one['princpt'], 2),
                    RigidTransform(finite_array(one['R'], 3, 3), finite_array(one['t'], 3) / 1000),
                )
                for camera, one in found.items()
            }

    def _frames(self, capture, camera):
        try:
            names = os.listdir(self._folder / capture / _IMAGES / camera)
        except FileNotFoundError:   # some cameras' pictures may not be downloaded
            return []
        return sorted(int(name[:-4]) for name in names if name.endswith('.png') and name[:-4].isdigit())

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Sample:
        number, place, frame = self._rows[index].tolist()
        capture, camera = self._captures[number], self._names[place]
        picture = self._folder / capture / _IMAGES / camera / f'{frame:06d}.png'
        focal, centre, motion = self._cameras[capture][camera]
        intrinsics = Intrinsics(focal[0], focal[1], centre[0], centre[1], *image_size(picture, self.info))
        hands = {side: self._hand(side, capture, frame, motion) for side in skeleton.SIDES}
        return Sample(f'{capture}/{camera}/{frame:06d}', picture, intrinsics, full_image_box(intrinsics), None,
                      hands['left'], hands['right'], True, motion.rotation @ _UP_VECTOR)

    def _hand(self, side, capture, frame, motion):
        path = self._folder / capture / 'mano_fits' / 'params' / f'{frame}_{side}.json'
        found = read_json(path, self.info)
        with require_layout(path, self.info):
            parameters = (
                finite_array(found['pose'], 48),
                finite_array(found['shape'], 10),
                finite_array(found['trans'], 3),
            )
        return self.bodies.hand(side, *parameters, motion=motion)
