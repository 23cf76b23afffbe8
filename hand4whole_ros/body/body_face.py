"""The body data for a fit to the landmarks of a face: the landmarks on its skin and their motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import skeleton
from .open_body import FACE_KEY, NUM_BETAS, SKIN_KEY, SKIN_NAMES


@dataclass(frozen=True)
class BodyFace:
    """Landmarks of a face in the T-pose, float64, metres, SMPL-X's axes. All is linear in betas and expression."""

    landmarks: np.ndarray       # (L,) rows of MediaPipe's 468
    rest: np.ndarray            # (L, 3)
    rest_betas: np.ndarray      # (L, 3, 10)
    rest_expression: np.ndarray  # (L, 3, 10)
    jaw_weights: np.ndarray     # (L,) 0 to 1: the share that follows the jaw; the rest follows the head
    normals: np.ndarray         # (L, 3) unit, out of the skin
    eye_radius: float           # of the eyeballs


def body_face(arrays: dict[str, np.ndarray]) -> BodyFace | None:
    """The face of a body's arrays (open_body.load_arrays); None if they do not contain its landmarks."""
    if FACE_KEY not in arrays:
        return None
    vertices, directions = (np.asarray(arrays[key], np.float64) for key in ('v_template', 'shapedirs'))
    landmarks = np.flatnonzero(arrays[FACE_KEY] >= 0)
    ids = arrays[FACE_KEY][landmarks]
    front = vertices[arrays[SKIN_KEY][SKIN_NAMES.index('left_eye')]]
    centre = np.asarray(arrays['J_regressor'], np.float64)[skeleton.JOINT['left_eye']] @ vertices
    return BodyFace(landmarks, vertices[ids], directions[ids, :, :NUM_BETAS], directions[ids, :, NUM_BETAS:],
                    np.asarray(arrays['weights'], np.float64)[ids, skeleton.JOINT['jaw']],
                    _vertex_normals(vertices, arrays['f'], ids), float(np.linalg.norm(front - centre)))


def _vertex_normals(vertices, faces, ids):
    """(L, 3) of the vertices `ids`, weighted with the areas of their triangles."""
    corners = vertices[faces[np.isin(faces, ids).any(axis=1)]]
    triangles = faces[np.isin(faces, ids).any(axis=1)]
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in triangles.T:
        np.add.at(normals, corner, area)
    return normals[ids] / np.linalg.norm(normals[ids], axis=1, keepdims=True)
