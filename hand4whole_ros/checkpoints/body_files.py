"""The licensed body model files of a store: how each is read, and all of them as one body."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..body.mano import read_mano_npz
from ..body.published import PublishedBody, read_face_vertex_ids, read_vertex_ids
from ..body.smplx_file import read_smplx_npz
from .files import (
    BODY_FILES,
    FACE_VERTEX_IDS,
    MANO_LEFT,
    MANO_RIGHT,
    SMPLX,
    SMPLX_FEMALE,
    SMPLX_MALE,
    VERTEX_IDS,
    PublishedFile,
)
from .store import Store

#: Vertices of SMPL-X, which the vertex ids of MANO's hands number.
_SMPLX_VERTICES = 10475

#: File -> its reader, in its preferred form, which raises BodyModelError for an unusable file.
READERS: dict[PublishedFile, Callable[[Path], object]] = {
    SMPLX: read_smplx_npz, MANO_RIGHT: read_mano_npz, MANO_LEFT: read_mano_npz,
    VERTEX_IDS: lambda path: read_vertex_ids(path, _SMPLX_VERTICES),
    SMPLX_MALE: read_smplx_npz, SMPLX_FEMALE: read_smplx_npz,
    FACE_VERTEX_IDS: lambda path: read_face_vertex_ids(path, _SMPLX_VERTICES)}


def load_body(store: Store, smplx: Path | None = None) -> PublishedBody:
    """SMPL-X and MANO from a store; smplx: another SMPL-X .npz than the store's.

    Raises MissingFileError, CheckpointError or BodyModelError.
    """
    return PublishedBody.load(*(smplx if smplx and file is SMPLX else store.require(file) for file in BODY_FILES))
