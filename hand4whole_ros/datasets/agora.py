"""AGORA (Patel et al., CVPR 2021): rendered scans of several people, with SMPL-X fitted to them.

Files, anywhere below the folder: the camera data frames (validation_0_withjv.pkl or validation_0.pkl and so on, and the
same with train), pictures (NAME.png of 3840 x 2160 or NAME_1280x720.png), and smplx_gt with the fits. Frames `withjv`
hold joints and meshes in the camera's frame; with other frames, and to train, the fits are posed by SMPL-X of their
gender.
"""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from .. import skeleton
from ..body.smplx_file import NUM_BETAS
from ..checkpoints import CheckpointError
from ..checkpoints.safe_pickle.array_pickles import read_pickle
from . import DatasetError
from .agora_camera import WIDTH, fit_to_camera, scene_camera
from .annotated_bodies import NUM_SMPLX_POINTS, NUM_VERTICES, GroundTruthBodies, body_from_points
from .base_reader import DatasetReader, RecentResults, box_around_points
from .files import base_folder, finite_array, image_size, missing_file_error, require_layout
from .pandas_pickles import read_frame
from .sample import Sample

_logger = logging.getLogger(__name__)

_SMALL_SIZE = '_1280x720'
_TABLE_SUFFIX = '_withjv'
_POINT_COLUMNS, _MESH_COLUMNS = 'gt_joints_3d', 'gt_verts'
_PERSON_COLUMNS = ('X', 'Y', 'Z', 'Yaw', 'gender', 'gt_path_smplx', _POINT_COLUMNS, _MESH_COLUMNS)


class AGORA(DatasetReader):
    """See the module. People that the data set marks as valid, and with an image in either size.

    Children are left out where their bodies would have to be posed: that takes a template of their own.
    """

    name = 'agora'

    def __init__(self, root: Path | str, split: str | None = None, bodies: GroundTruthBodies | None = None):
        super().__init__(root, split, bodies)
        folder = base_folder(self.root, '*', self.info)
        self._tables, self._pictures, self._fits = self._find(folder)
        if not self._tables:
            raise missing_file_error(folder / f'{self.split}_0_withjv.pkl', self.info)
        self._people, self._small, children = [], {}, 0
        self._read_large = RecentResults(read_frame, 1)
        for number, path in enumerate(self._tables):
            table = self._read_table(number)
            posed = _POINT_COLUMNS not in table
            if posed and self._fits is None:
                raise missing_file_error(folder / 'smplx_gt', self.info)
            with require_layout(path, self.info):
                for row, name in enumerate(table['imgPath']):
                    for person, valid in enumerate(table['isValid'][row]):
                        child = posed and bool(table['kid'][row][person])
                        children += child
                        if valid and not child and Path(str(name)).stem in self._pictures:
                            self._people.append((number, row, person))
        if children:
            _logger.warning('%s: %d children are left out; data frames with joints and vertices have them',
                            self.info.title, children)
        if not self._people:
            name = str(table['imgPath'][0])
            raise DatasetError(f'{folder}: no picture of the data frames, such as {name} or '
                               f'{Path(name).stem}{_SMALL_SIZE}.png; {self.info.title}: {self.info.page}')

    def _find(self, folder):
        """The data frames in order; name -> path of images, the larger if both exist; the folder smplx_gt."""
        tables, pictures, fits = {}, {}, None
        for place, folders, names in os.walk(folder):
            if 'smplx_gt' in folders:
                fits = Path(place)
                folders.remove('smplx_gt')
            for name in names:
                stem, suffix = os.path.splitext(name)
                if suffix == '.png':
                    key = stem.removesuffix(_SMALL_SIZE)
                    if key not in pictures or key == stem:
                        pictures[key] = Path(place, name)
                elif suffix == '.pkl' and (number := self._number(stem)) is not None:
                    # Training takes the small frames: those with meshes have gigabytes.
                    if number not in tables or stem.endswith(_TABLE_SUFFIX) != (self.split == 'train'):
                        tables[number] = Path(place, name)
        return [tables[number] for number in sorted(tables)], pictures, fits

    def _number(self, stem):
        """3 of 'validation_3_withjv'; None for names of other files."""
        start, _, number = stem.removesuffix(_TABLE_SUFFIX).rpartition('_')
        return int(number) if start == self.split and number.isdigit() else None

    def _read_table(self, number):
        """A data frame; those with meshes take too much memory to keep more than one."""
        if number in self._small:
            return self._small[number]
        table = self._read_large(self._tables[number])
        if _MESH_COLUMNS not in table:
            self._small[number] = table
        return table

    def __len__(self) -> int:
        return len(self._people)

    def __getitem__(self, index: int) -> Sample:
        number, row, person = self._people[index]
        table = self._read_table(number)
        with require_layout(self._tables[number], self.info):
            entry = {name: values[row] for name, values in table.items()}
            name = Path(str(entry['imgPath'])).stem
            intrinsics, camera = scene_camera(name, entry)
            one = {key: entry[key][person] for key in _PERSON_COLUMNS if key in entry}
            motion = fit_to_camera(camera, (float(one['X']), float(one['Y']), float(one['Z'])), float(one['Yaw']))
            body = self._body(one, motion)
        picture = self._pictures[name]
        width, height = image_size(picture, self.info)
        if width != WIDTH:
            scale = width / WIDTH
            intrinsics = replace(intrinsics, fx=intrinsics.fx * scale, fy=intrinsics.fy * scale, cx=width / 2,
                                 cy=height / 2, width=width, height=height)
        hands = self.bodies.hands_from_body(body)
        box = box_around_points(body.keypoints_3d[body.known], intrinsics)
        return Sample(f'{name}/{person}', picture, intrinsics, box, body, hands['left'], hands['right'])

    def _body(self, one, motion):
        path = str(one['gt_path_smplx'])
        if _POINT_COLUMNS not in one:
            local, betas, expression, transl = self._read_fit(path, str(one['gender']))
            return self.bodies.body(local, betas[:NUM_BETAS], expression, transl, motion=motion,
                                    gender=str(one['gender']))
        mesh = finite_array(one[_MESH_COLUMNS], NUM_VERTICES, 3) if _MESH_COLUMNS in one else None
        body = body_from_points(finite_array(one[_POINT_COLUMNS], NUM_SMPLX_POINTS, 3), mesh)
        if self._fits is None:
            return body
        local, _, expression, _ = self._read_fit(path, 'neutral')
        local[0] = motion.turn(local[0])
        return replace(body, local_rotations=local, expression=expression)

    def _read_fit(self, path, gender):
        """Local rotations (55, 3), flat-hand zero, betas, expression (10,), transl (3,) m of one fit.

        gender: of the model file whose resting hand is taken; they all have the same.
        """
        path = (self._fits / path).with_suffix('.pkl')
        if not path.is_file():
            raise missing_file_error(path, self.info)
        try:
            found, _ = read_pickle(path)
        except CheckpointError as error:
            raise DatasetError(str(error)) from None
        with require_layout(path, self.info):
            local = np.concatenate([finite_array(found[name], rows.stop - rows.start, 3)
                                    for name, rows in skeleton.POSE_SLICES.items()])
            betas = found['betas'].astype(np.float64).reshape(-1)
            parts = finite_array(found['expression'], 10), finite_array(found['transl'], 3)
        for side, mean in self.bodies.hand_means(gender).items():
            local[skeleton.HAND_SLICE[side]] += mean
        return local, betas, *parts
