"""InterHand2.6M (Moon et al., ECCV 2020): two hands before many cameras, with MANO fitted to them.

Files, S being the split: annotations/S/InterHand2.6M_S_data.json, _camera.json and _MANO_NeuralAnnot.json, and the
pictures under images/S. Cameras are in millimetres, hands in metres.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import skeleton
from ..geometry.camera import Intrinsics
from . import DatasetError
from .annotated_bodies import GroundTruthBodies, RigidTransform
from .base_reader import DatasetReader, full_image_box
from .files import base_folder, finite_array, read_json, require, require_layout
from .sample import Sample

#: The world's upward direction.
_UP_VECTOR = np.array([0, -1.0, 0])


class _ImageRecord(NamedTuple):
    name: str
    width: int
    height: int
    capture: int
    camera: str
    frame: int


class InterHand(DatasetReader):
    """See the module. Pictures of both hands, to both of which MANO was fitted.

    If annotations/aid_ih_S.txt exists, the list of annotation ids that the authors of Hand4Whole++ publish, it
    determines the pictures and their order.
    """

    name = 'interhand'

    def __init__(self, root: Path | str, split: str | None = None, bodies: GroundTruthBodies | None = None):
        super().__init__(root, split, bodies)
        marker = f'annotations/{self.split}/InterHand2.6M_{self.split}_data.json'
        self._folder = base_folder(self.root, marker, self.info)
        self._cameras = read_json(self._path('camera'), self.info)
        chosen = self._chosen()
        fits = self._read_fits()
        with require_layout(self._folder / marker, self.info):
            rows = self._pictures(read_json(self._folder / marker, self.info))
            order = rows if chosen is None else [one for one in chosen if one in rows]
            rows = [rows[one] for one in order if (rows[one].capture, rows[one].frame) in fits]
        if not rows:
            raise DatasetError(f'{self._folder / marker}: no picture of both hands that '
                               f'{self._path("MANO_NeuralAnnot").name} has fits of')
        # Hundreds of thousands: as arrays they stay shared between the processes of a loader.
        self._names = np.array([row.name.encode() for row in rows])
        self._camera_names = sorted({row.camera for row in rows})
        cameras = {name: k for k, name in enumerate(self._camera_names)}
        moments = {moment: k for k, moment in enumerate(dict.fromkeys((row.capture, row.frame) for row in rows))}
        self._fits = np.stack([fits[moment] for moment in moments])
        self._numbers = np.array([(row.width, row.height, row.capture, cameras[row.camera],
                                   moments[row.capture, row.frame]) for row in rows], np.int32)

    def _read_fits(self):
        """(capture, frame) -> (2, 61) pose, shape and translation of both hands, where both were fitted."""
        path = self._path('MANO_NeuralAnnot')
        with require_layout(path, self.info):
            return {(int(capture), int(frame)): np.stack([_parse_fit(hands[side]) for side in skeleton.SIDES])
                    for capture, frames in read_json(path, self.info).items() for frame, hands in frames.items()
                    if all(hands.get(side) for side in skeleton.SIDES)}

    @staticmethod
    def _pictures(table):
        """Annotation id -> its picture, of those of both hands."""
        pictures = {image['id']: _ImageRecord(image['file_name'], int(image['width']), int(image['height']),
                                          int(image['capture']), str(image['camera']), int(image['frame_idx']))
                    for image in table['images']}
        return {one['id']: pictures[one['image_id']] for one in table['annotations']
                if one['hand_type'] == 'interacting'}

    def _path(self, part):
        return self._folder / 'annotations' / self.split / f'InterHand2.6M_{self.split}_{part}.json'

    def _chosen(self):
        path = self._folder / 'annotations' / f'aid_ih_{self.split}.txt'
        if not path.is_file():
            return None
        with require_layout(path, self.info):
            return [int(line) for line in path.read_text().split()]

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> Sample:
        name = self._names[index].decode()
        width, height, capture, place, moment = self._numbers[index].tolist()
        camera = self._camera_names[place]
        picture = require(self._folder / 'images' / self.split / name, self.info)
        with require_layout(self._path('camera'), self.info):
            cameras = self._cameras[str(capture)]
            rotation = finite_array(cameras['camrot'][camera], 3, 3)
            motion = RigidTransform(rotation, -rotation @ finite_array(cameras['campos'][camera], 3) / 1000)
            fx, fy = finite_array(cameras['focal'][camera], 2)
            cx, cy = finite_array(cameras['princpt'][camera], 2)
            intrinsics = Intrinsics(fx, fy, cx, cy, width, height)
        hands = {}
        for side, fit in zip(skeleton.SIDES, self._fits[moment]):
            pose, shape, transl = np.split(fit, (48, 58))
            hands[side] = self.bodies.hand(side, pose, shape, transl, motion=motion)
        return Sample(f'{self.split}/{name}', picture, intrinsics, full_image_box(intrinsics), None, hands['left'],
                      hands['right'], True, motion.rotation @ _UP_VECTOR)


def _parse_fit(fit):
    return np.concatenate(
        [finite_array(fit['pose'], 48), finite_array(fit['shape'], 10), finite_array(fit['trans'], 3)]
    )
