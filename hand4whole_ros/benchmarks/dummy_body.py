"""A body in the shapes of SMPL-X and MANO, to measure speed without their licensed files.

A bent sheet with two round patches for hands. It has as many vertices, triangles, joints and rings around the wrists
as the published models, so that posing it, attaching hands to it and smoothing the seams take as long. It does not
resemble a person.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial import Delaunay

from .. import skeleton
from ..body.mano import NUM_BETAS, NUM_VERTICES, Mano
from ..body.published import PublishedBody
from ..body.smplx_file import NUM_EXPRESSION, fingertip_vertices
from ..checkpoints.files import MANO_LEFT, MANO_RIGHT, SMPLX, VERTEX_IDS

_SMPLX_VERTICES = 10475
#: Vertices on the rims of the sheets. A sheet of V vertices and a rim of R has 2 V - 2 - R triangles: with these, 1538
#: and 20908, as MANO and SMPL-X.
_WRIST_RIM, _BODY_RIM = 16, 40
#: Positions of the hands on the body's sheet, a disk of radius 1, and their size.
_HAND_CENTRES, _HAND_RADIUS = {'left': (0.6, 0.0), 'right': (-0.6, 0.0)}, 0.06
#: Part of the body's sheet that is left free for a hand, in radii of it.
_GAP = 1.2
_HAND_PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 0, 10, 11, 0, 13, 14)
_LANDMARKS, _CONTOUR = 51, (79, 17)


def dummy_body(seed: int = 0) -> PublishedBody:
    """The body and hands of a seed; equal seeds give equal numbers."""
    arrays, hands, vertices = _make_arrays(seed)
    mano = {side: Mano(values) for side, values in hands.items()}
    return PublishedBody(arrays, fingertip_vertices(arrays, 'the stand-in body'), mano, vertices)


def write_dummy_body(folder: Path, seed: int = 0) -> None:
    """The same as files in a folder, under the published files' names."""
    arrays, hands, vertices = _make_arrays(seed)
    np.savez(folder / SMPLX.file_names[0], **arrays)
    for file, side in ((MANO_RIGHT, 'right'), (MANO_LEFT, 'left')):
        np.savez(folder / file.file_names[0], **hands[side])
    np.savez(folder / VERTEX_IDS.file_names[0], **{f'{side}_hand': ids for side, ids in vertices.items()})


def _make_arrays(seed):
    """SMPL-X's arrays, side -> MANO's, and side -> vertices of the one that correspond to the other's."""
    rng = np.random.default_rng(seed)
    hand = _sample_disk(NUM_VERTICES, _WRIST_RIM)
    parts = [centre + _HAND_RADIUS * hand for centre in map(np.array, _HAND_CENTRES.values())]
    rest = _SMPLX_VERTICES - sum(map(len, parts))
    sheet = np.concatenate([*parts, _sample_disk(rest, _BODY_RIM, holes=list(_HAND_CENTRES.values()))])
    vertices = {side: k * NUM_VERTICES + np.arange(NUM_VERTICES) for k, side in enumerate(skeleton.SIDES)}
    arrays = _make_model_arrays(rng, sheet, skeleton.PARENTS, NUM_BETAS + NUM_EXPRESSION)
    for side in skeleton.SIDES:
        arrays[f'hands_components{side[0]}'] = np.eye(45)
        arrays[f'hands_mean{side[0]}'] = 0.1 * rng.standard_normal(45)
    arrays.update(
        lmk_faces_idx=np.arange(_LANDMARKS), lmk_bary_coords=np.full((_LANDMARKS, 3), 1 / 3),
        dynamic_lmk_faces_idx=np.zeros(_CONTOUR, np.int64), dynamic_lmk_bary_coords=np.full((*_CONTOUR, 3), 1 / 3))
    hands = {side: {**_make_model_arrays(rng, _HAND_RADIUS * hand, _HAND_PARENTS, NUM_BETAS),
                    'hands_mean': arrays[f'hands_mean{side[0]}']} for side in skeleton.SIDES}
    return arrays, hands, vertices


def _sample_disk(count, rim, holes=()):
    """(count, 2) points of the unit disk, the first `rim` of them its outline; `holes` are left free for hands."""
    turn = 2 * np.pi * np.arange(rim) / rim
    outline = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    # Vogel's sunflower: even, and no three points in a line. Some more than needed, as some are in holes.
    k = np.arange(round(1.02 * count / (1 - len(holes) * (_GAP * _HAND_RADIUS) ** 2)))
    radius, angle = 0.97 * np.sqrt((k + 0.5) / len(k)), k * np.pi * (3 - 5 ** 0.5)
    inner = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    for centre in holes:
        inner = inner[np.linalg.norm(inner - centre, axis=1) > _GAP * _HAND_RADIUS]
    return np.concatenate([outline, inner[:count - rim]])


def _make_model_arrays(rng, sheet, parents, components):
    """The arrays that SMPL-X and MANO files share, of a sheet (V, 2)."""
    count, joints = len(sheet), len(parents)
    template = np.column_stack([sheet, 0.3 * (sheet ** 2) @ (1, -1)]).astype(np.float32)
    places = template[np.linspace(0, count - 1, joints).astype(int)]
    distance = np.linalg.norm(template[:, None] - places, axis=-1)
    near = np.argsort(distance, axis=0)[:_WRIST_RIM]
    regressor = np.zeros((joints, count), np.float32)
    regressor[np.arange(joints)[:, None], near.T] = 1 / len(near)
    weights = np.exp(-distance / distance.mean() * 10)
    parents = np.where(np.array(parents) < 0, 2 ** 32 - 1, parents)
    return {
        'v_template': template, 'f': Delaunay(sheet).simplices.astype(np.int64), 'J_regressor': regressor,
        'weights': (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32),
        'shapedirs': 1e-3 * rng.standard_normal((count, 3, components), np.float32),
        'posedirs': 1e-4 * rng.standard_normal((count, 3, 9 * (joints - 1)), np.float32),
        'kintree_table': np.stack([parents, np.arange(joints)])}
