"""The licensed body files as one: SMPL-X, both MANO hands, and the vertices they have in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from .. import skeleton
from .hand_transfer import HandTransfer
from .mano import NUM_VERTICES, Mano, load_hands
from .npz_file import BodyModelError, read_npz
from .smplx_file import fingertip_vertices, read_smplx_npz
from .smplx_layer import SmplxModel


@dataclass(frozen=True)
class PublishedBody:
    """SMPL-X and MANO from their files, or bodies in their form; creates the layers that pose them."""

    #: Of the SMPL-X file, see smplx_file.read_smplx_npz.
    arrays: dict[str, np.ndarray]
    #: side -> (5,) vertex ids of SMPL-X, thumb to pinky.
    fingertips: dict[str, np.ndarray]
    #: side -> the MANO layer, on the CPU.
    mano: dict[str, Mano]
    #: side -> (778,) SMPL-X vertex of every MANO vertex.
    hand_vertices: dict[str, np.ndarray]
    #: Points on the skin -> vertex, by the names of smplx.vertex_ids; None for SMPL-X's own mesh.
    skin_points: dict[str, int] | None = None
    #: The value of BodyModel.name.
    name: str = 'smplx'

    @classmethod
    def load(cls, smplx: Path, mano_right: Path, mano_left: Path, vertex_ids: Path) -> PublishedBody:
        """From .npz files: SMPLX_*, MANO_RIGHT, MANO_LEFT, MANO_SMPLX_vertex_ids. Raises BodyModelError."""
        arrays = read_smplx_npz(smplx)
        return cls(arrays, fingertip_vertices(arrays, smplx), load_hands(mano_right, mano_left),
                   read_vertex_ids(vertex_ids, len(arrays['v_template'])))

    def smplx(self, **options) -> SmplxModel:
        """A new SMPL-X layer on the CPU; options as in SmplxModel."""
        with torch.device('cpu'):  # also within a network that is created on the meta device, to be filled later
            return SmplxModel(self.arrays, skin_points=self.skin_points, **options)

    def transfer(self) -> HandTransfer:
        """A new layer on the CPU that transfers MANO's hands to SMPL-X."""
        with torch.device('cpu'):
            return HandTransfer(self.arrays['f'], len(self.arrays['v_template']), self.hand_vertices,
                                {side: layer.faces for side, layer in self.mano.items()})


def read_vertex_ids(path: Path, num_vertices: int) -> dict[str, np.ndarray]:
    """side -> (778,) int64 from MANO_SMPLX_vertex_ids.npz. Raises BodyModelError."""
    keys = {side: f'{side}_hand' for side in skeleton.SIDES}
    found = read_npz(path, tuple(keys.values()), 'MANO-to-SMPL-X', 'MANO_SMPLX_vertex_ids.npz')
    ids = {side: np.asarray(found[key]) for side, key in keys.items()}
    for side, values in ids.items():
        fits = values.shape == (NUM_VERTICES,) and np.issubdtype(values.dtype, np.integer)
        if not fits or len(np.unique(values)) != NUM_VERTICES or values.min() < 0 or values.max() >= num_vertices:
            raise BodyModelError(f'{path}: {keys[side]} should number {NUM_VERTICES} different vertices '
                                 f'of {num_vertices}')
    return {side: values.astype(np.int64) for side, values in ids.items()}


def read_face_vertex_ids(path: Path, num_vertices: int) -> np.ndarray:
    """(N,) int64 from SMPL-X__FLAME_vertex_ids.npy: the vertices of SMPL-X's head. Raises BodyModelError."""
    try:
        ids = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise BodyModelError(f'{path} cannot be read as an array ({error}); is the download complete?') from None
    if not isinstance(ids, np.ndarray) or ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer) or not ids.size \
            or ids.min() < 0 or ids.max() >= num_vertices or len(np.unique(ids)) != len(ids):
        raise BodyModelError(f'{path} should number different vertices of {num_vertices}')
    return ids.astype(np.int64)
