"""Reading SMPL-X model files safely. `smplx_layer` passes them to the `smplx` library."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .. import skeleton
from .npz_file import BodyModelError, check_shapes, read_npz

NUM_BETAS = NUM_EXPRESSION = 10

#: Where expression components begin: after 300 shape components in full files, after 10 in short ones.
_FULL_SHAPE_SPACE = 300

_KEYS = ('v_template', 'f', 'shapedirs', 'posedirs', 'J_regressor', 'weights', 'kintree_table',
         'hands_componentsl', 'hands_componentsr', 'hands_meanl', 'hands_meanr', 'lmk_faces_idx',
         'lmk_bary_coords')

#: The outline of the face, which moves over the skin as the head rotates. Only the networks' keypoints need it.
CONTOUR_KEYS = ('dynamic_lmk_faces_idx', 'dynamic_lmk_bary_coords')

#: SMPL-X's finger tips among its vertices, thumb to pinky: those of the `smplx` library, smplx.vertex_ids.
_FINGERTIPS = {'left': (5361, 4933, 5058, 5169, 5286), 'right': (8079, 7669, 7794, 7905, 8022)}


def read_smplx_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a licensed SMPL-X .npz needed for posing, checked. Nothing is ever unpickled.

    SMPL-X's own files also contain pickled dictionaries (`joint2num`, `part2num`); they are not read.
    """
    arrays = read_npz(path, _KEYS, 'SMPL-X', 'SMPLX_NEUTRAL.npz', optional=CONTOUR_KEYS)
    check_arrays(arrays, path)
    return arrays


def check_arrays(arrays: dict[str, np.ndarray], path: Path | str) -> None:
    """Raises BodyModelError unless every array has the type and shape that SMPL-X prescribes."""
    vertices, joints = len(arrays['v_template']), skeleton.NUM_JOINTS
    expected = {'v_template': (vertices, 3), 'posedirs': (vertices, 3, 9 * (joints - 1)),
                'J_regressor': (joints, vertices), 'weights': (vertices, joints),
                'kintree_table': (2, joints)}
    check_shapes(arrays, expected, path, 'SMPL-X')
    shapedirs = arrays['shapedirs']
    if shapedirs.shape[:2] != (vertices, 3) or shapedirs.shape[-1] < NUM_BETAS + NUM_EXPRESSION:
        raise BodyModelError(f'{path} is not an SMPL-X model: shapedirs should have shape '
                             f'({vertices}, 3, 20 or more), found {shapedirs.shape}')
    if tuple(arrays['kintree_table'][0, 1:].astype(np.int64)) != skeleton.PARENTS[1:]:
        raise BodyModelError(f'{path} is not an SMPL-X model: its 55 joints have other parents')
    faces = arrays['f']
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.min() < 0 or faces.max() >= vertices:
        raise BodyModelError(f'{path}: f should hold triangles of vertices 0 to {vertices - 1}')


def fingertip_vertices(arrays: dict[str, np.ndarray], path: Path | str) -> dict[str, np.ndarray]:
    """side -> (5,) vertex ids, thumb to pinky, of SMPL-X's own mesh."""
    if len(arrays['v_template']) != 10475:
        raise BodyModelError(f'{path}: SMPL-X has 10475 vertices, found {len(arrays["v_template"])}')
    return {side: np.array(ids) for side, ids in _FINGERTIPS.items()}


def shape_and_expression(shapedirs: np.ndarray) -> np.ndarray:
    """(V, 3, 20) float32: ten shape components, ten of expression; the file's own array if it has just these."""
    start = expression_start(shapedirs)
    if start == NUM_BETAS and shapedirs.shape[-1] == NUM_BETAS + NUM_EXPRESSION:
        return np.asarray(shapedirs, np.float32)
    return np.concatenate([shapedirs[..., :NUM_BETAS], shapedirs[..., start:start + NUM_EXPRESSION]],
                          axis=-1, dtype=np.float32)


def expression_start(shapedirs: np.ndarray) -> int:
    """The first component of expression."""
    full = shapedirs.shape[-1] >= _FULL_SHAPE_SPACE + NUM_EXPRESSION
    return _FULL_SHAPE_SPACE if full else NUM_BETAS


def without_pose_offsets(posedirs: np.ndarray) -> bool:
    """Whether they are the zeros of open_body.zero_posedirs, or zeros written out."""
    return not any(posedirs.strides) and not posedirs.flat[0] or not np.any(posedirs)
