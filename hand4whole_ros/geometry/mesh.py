"""Triangle meshes: normals, submeshes, the ring where a submesh was cut."""

from __future__ import annotations

import numpy as np


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(V, 3) vertices, (F, 3) faces -> (V, 3) unit normals, weighted by the triangles' areas.

    Outward if the faces wind anticlockwise seen from outside. A vertex without triangles, or with degenerate ones
    only, gets a zero normal. The result has the vertices' dtype.
    """
    corners = vertices[faces]
    face_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    index = faces.ravel()
    normals = np.stack([np.bincount(index, np.repeat(face_normals[:, k], 3), len(vertices))
                        for k in range(3)], axis=1)
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.divide(normals, lengths, out=np.zeros_like(normals), where=lengths > 1e-20).astype(
        vertices.dtype)


def submesh_faces(faces: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Ids of the faces whose three vertices are all kept; `keep` is a (V,) mask."""
    return np.flatnonzero(keep[faces].all(axis=1))


def boundary_loop(faces: np.ndarray) -> np.ndarray:
    """The vertex ids around the one hole of a mesh, (R,), in the order the faces wind.

    Starts at the smallest id. Raises ValueError if the faces have no hole, several, or one that meets itself.
    """
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    base = int(edges.max()) + 1     # an edge as one number
    open_edges = edges[~np.isin(edges @ [base, 1], edges @ [1, base])]
    onward = {}
    for a, b in open_edges.tolist():
        if a in onward:
            raise ValueError(f'the boundary of the mesh passes vertex {a} twice')
        onward[a] = b
    if not onward:
        raise ValueError('the mesh is closed: it has no boundary')
    if set(onward) != set(onward.values()):
        raise ValueError('the boundary of the mesh ends, or meets itself: are its faces wound alike?')
    ring = [min(onward)]
    while onward[ring[-1]] != ring[0]:
        ring.append(onward[ring[-1]])
    if len(ring) != len(onward):
        raise ValueError(f'the mesh has several boundaries: one has {len(ring)} of {len(onward)} edges')
    return np.array(ring, np.int64)
