"""ARCTIC (Fan et al., CVPR 2023): people handling objects before eight cameras and one on the head.

Files: splits_json/protocol_p1.json, meta/misc.json, meta/subject_vtemplates/SUBJECT.obj, and of each sequence
raw_seqs/SUBJECT/SEQUENCE.smplx.npy and .egocam.dist.npy, and images/SUBJECT/SEQUENCE/CAMERA/00001.jpg and so on, of any
size (images_1k is searched as well). Metres. Camera 0 is the one on the head.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from .. import skeleton
from ..geometry.boxes import inside
from ..geometry.camera import Intrinsics
from . import DatasetError
from .annotated_bodies import NUM_VERTICES, GroundTruthBodies, RigidTransform, are_hands_close
from .base_reader import DatasetReader, RecentResults, box_around_points
from .files import base_folder, finite_array, image_size, read_json, require_layout
from .mesh_files import read_vertices
from .npy_files import read_npy_dict
from .sample import Sample

_SPLITS = 'splits_json/protocol_p1.json'
_PICTURES = ('images', 'images_1k')
#: Every so many frames are taken, as in the training and evaluation of Hand4Whole++.
FRAME_STRIDE = {'train': 6, 'val': 10}


class ARCTIC(DatasetReader):
    """See the module. Faces are not annotated. The box of a picture without a visible hand has no size."""

    name = 'arctic'

    def __init__(self, root: Path | str, split: str | None = None, bodies: GroundTruthBodies | None = None):
        super().__init__(root, split, bodies)
        self._folder = base_folder(self.root, _SPLITS, self.info)
        self._misc = read_json(self._folder / 'meta/misc.json', self.info)
        with require_layout(self._folder / _SPLITS, self.info):
            self._sequences = [str(name) for name in read_json(self._folder / _SPLITS, self.info)[self.split]]
        self._sequence, self._template = RecentResults(self._read_sequence, 32), RecentResults(self._read_template, 16)
        self._pictures = {}
        rows = [(number, camera, frame) for number, sequence in enumerate(self._sequences)
                for camera, frame in self._frames(sequence)]
        self._rows = np.array(rows, np.int32).reshape(-1, 3)
        if not rows:
            raise DatasetError(f'{self._folder / "images"}: no picture of the split {self.split}, such as '
                               f'{"/".join([self._sequences[0] if self._sequences else "SUBJECT/SEQUENCE", "1"])}'
                               f'/00010.jpg; {self.info.title}: {self.info.page}')

    def _frames(self, sequence):
        """(camera, frame) of every picture that exists, that counts, and that has a truth."""
        folder = next((self._folder / part / sequence for part in _PICTURES
                       if (self._folder / part / sequence).is_dir()), None)
        if folder is None:      # the data set may be incomplete
            return
        self._pictures[sequence] = folder
        with require_layout(self._folder / 'meta/misc.json', self.info):
            offset = int(self._misc[sequence.split('/')[0]]['ioi_offset'])
        length = len(self._sequence(sequence)['global_orient'])
        for camera in range(9):
            names = os.listdir(folder / str(camera)) if (folder / str(camera)).is_dir() else []
            frames = sorted(int(name[:-4]) for name in names if name.endswith('.jpg') and name[:-4].isdigit())
            yield from ((camera, frame) for frame in frames
                        if frame % FRAME_STRIDE[self.split] == 0 and 0 <= frame - offset < length)

    def _read_sequence(self, sequence):
        """SMPL-X's parameters of every frame, and the head's camera as ego_."""
        path = self._folder / 'raw_seqs' / f'{sequence}.smplx.npy'
        found = read_npy_dict(path, self.info)
        with require_layout(path, self.info):
            count = len(found['global_orient'])
            sizes = {name: 3 * (rows.stop - rows.start) for name, rows in skeleton.POSE_SLICES.items()}
            parts = {name: finite_array(found[name], count, size) for name, size in {**sizes, 'transl': 3}.items()}
        path = path.with_name(path.name.replace('.smplx.npy', '.egocam.dist.npy'))
        ego = read_npy_dict(path, self.info)
        with require_layout(path, self.info):
            return {
                **parts,
                'ego_rotation': finite_array(ego['R_k_cam_np'], len(ego['R_k_cam_np']), 3, 3),
                'ego_translation': finite_array(ego['T_k_cam_np'], len(ego['R_k_cam_np']), 3),
                'ego_intrinsics': finite_array(ego['intrinsics'], 3, 3),
                'ego_distortion': finite_array(ego['dist8'], 8),
            }

    def _read_template(self, subject):
        return read_vertices(self._folder / 'meta/subject_vtemplates' / f'{subject}.obj', NUM_VERTICES, self.info)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Sample:
        number, camera, frame = self._rows[index].tolist()
        sequence = self._sequences[number]
        subject = sequence.split('/')[0]
        path = self._folder / 'meta/misc.json'
        with require_layout(path, self.info):
            about = self._misc[subject]
            moment = frame - int(about['ioi_offset'])
            sequence_parts = self._sequence(sequence)
            intrinsics, motion = self._camera(about, camera, sequence_parts, moment)
            gender = str(about['gender'])
        picture = self._pictures[sequence] / str(camera) / f'{frame:05d}.jpg'
        intrinsics = intrinsics.resized(*image_size(picture, self.info))
        local = np.concatenate([sequence_parts[name][moment].reshape(-1, 3) for name in skeleton.POSE_SLICES])
        body = self.bodies.body(local, np.zeros(10), None, sequence_parts['transl'][moment], motion=motion,
                                gender=gender,
                                template=self._template(subject))
        hands = self.bodies.hands_from_body(body)
        seen = any(_is_hand_visible(hand, intrinsics) for hand in hands.values())
        box = box_around_points(body.keypoints_3d, intrinsics, within=True) if seen else np.zeros(4)
        return Sample(f'{sequence}/{camera}/{frame:05d}', picture, intrinsics, box, body, hands['left'], hands['right'],
                      are_hands_close(hands))

    @staticmethod
    def _camera(about, camera, sequence, moment):
        width, height = (int(size) for size in about['image_size'][camera])
        if camera:
            world = finite_array(about['world2cam'][camera - 1], 4, 4)
            matrix, distortion = finite_array(about['intris_mat'][camera - 1], 3, 3), ()
            motion = RigidTransform(world[:3, :3], world[:3, 3])
        else:
            matrix, distortion = sequence['ego_intrinsics'], tuple(sequence['ego_distortion'].tolist())
            motion = RigidTransform(sequence['ego_rotation'][moment], sequence['ego_translation'][moment])
        intrinsics = Intrinsics(matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2], width, height, distortion,
                                'rational_polynomial' if distortion else 'plumb_bob')
        return intrinsics, motion


def _is_hand_visible(hand, intrinsics):
    """ARCTIC's own rule: the picture shows the wrist and at least three of a hand's keypoints."""
    seen = inside(intrinsics.project(hand.keypoints_3d), intrinsics.width, intrinsics.height)
    return seen[0] and seen.sum() >= 3
