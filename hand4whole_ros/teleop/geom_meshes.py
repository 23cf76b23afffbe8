"""The geoms of a MuJoCo model as triangles, for the renderer of this package, which needs no OpenGL."""

from __future__ import annotations

import numpy as np

#: Vertices around a solid, and rings from the pole of a sphere to its equator.
_AROUND, _RINGS = 20, 6

#: Geoms of this group and above are not drawn, as in MuJoCo's own viewer: they exist for contacts.
_FIRST_HIDDEN_GROUP = 3


class GeomMeshes:
    """All visible geoms of a model as one mesh, posed by the state of the model."""

    def __init__(self, model):
        """model: mujoco.MjModel."""
        vertices, faces, owners, colors = [], [], [], []
        count = 0
        for geom in range(model.ngeom):
            rgba = model.geom_rgba[geom]
            if model.geom_group[geom] >= _FIRST_HIDDEN_GROUP or rgba[3] == 0:
                continue
            mesh = _solid(model, geom)
            if mesh is None:
                continue
            vertices.append(mesh[0])
            faces.append(mesh[1] + count)
            owners.append(np.full(len(mesh[0]), geom))
            colors.append(np.tile(rgba[:3], (len(mesh[0]), 1)))
            count += len(mesh[0])
        if not vertices:
            raise ValueError('the model has no visible geom')
        self._vertices, self._owners = np.concatenate(vertices), np.concatenate(owners)
        self.faces = np.concatenate(faces)          #: (F, 3) int, counter-clockwise seen from outside
        self.colors = np.concatenate(colors)        #: (V, 3) sRGB, 0 to 1

    def vertices(self, data) -> np.ndarray:
        """(V, 3) m in the world. data: mujoco.MjData."""
        rotations = data.geom_xmat.reshape(-1, 3, 3)[self._owners]
        return np.einsum('vab,vb->va', rotations, self._vertices) + data.geom_xpos[self._owners]


def _solid(model, geom):
    """Vertices (V, 3) and faces (F, 3) in the frame of the geom; None for types that are not drawn."""
    import mujoco
    kinds, size = mujoco.mjtGeom, model.geom_size[geom]     # pyright: ignore[reportAttributeAccessIssue]
    kind = model.geom_type[geom]
    if kind == kinds.mjGEOM_SPHERE:
        return round_solid(size[0], 0.0)
    if kind == kinds.mjGEOM_CAPSULE:
        return round_solid(size[0], size[1])
    if kind == kinds.mjGEOM_ELLIPSOID:
        vertices, faces = round_solid(1.0, 0.0)
        return vertices * size, faces
    if kind == kinds.mjGEOM_CYLINDER:
        return cylinder(size[0], size[1])
    if kind == kinds.mjGEOM_BOX:
        return box(size)
    if kind == kinds.mjGEOM_MESH:
        mesh = model.geom_dataid[geom]
        first, last = model.mesh_vertadr[mesh], model.mesh_vertadr[mesh] + model.mesh_vertnum[mesh]
        begin, end = model.mesh_faceadr[mesh], model.mesh_faceadr[mesh] + model.mesh_facenum[mesh]
        return model.mesh_vert[first:last].copy(), model.mesh_face[begin:end].astype(int)
    return None


def round_solid(radius: float, half_length: float) -> tuple[np.ndarray, np.ndarray]:
    """A capsule along z, m; with half_length 0 a sphere. Vertices (V, 3) and faces (F, 3)."""
    upper = np.linspace(0, np.pi / 2, _RINGS + 1)
    heights = [(radius * np.cos(a) + half_length, radius * np.sin(a)) for a in upper]
    heights += [(-h, r) for h, r in reversed(heights)]
    return _revolved(heights)


def cylinder(radius: float, half_length: float) -> tuple[np.ndarray, np.ndarray]:
    """A cylinder along z, m, with sharp edges. Vertices (V, 3) and faces (F, 3)."""
    # Edges have two rings each, so that shading keeps them sharp.
    return _revolved([(half_length, 0.0), (half_length, radius), (half_length, radius), (-half_length, radius),
                    (-half_length, radius), (-half_length, 0.0)])


def _revolved(profile):
    """The surface of revolution about z of (height, radius), from the top down."""
    angles = 2 * np.pi * np.arange(_AROUND) / _AROUND
    vertices = np.array([(r * np.cos(a), r * np.sin(a), h) for h, r in profile for a in angles])
    faces = []
    for ring in range(len(profile) - 1):
        for k in range(_AROUND):
            a, b = ring * _AROUND + k, ring * _AROUND + (k + 1) % _AROUND
            c, d = a + _AROUND, b + _AROUND
            faces += [(a, c, d), (a, d, b)]
    return vertices, np.array(faces)


def box(half_sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A box, m. Vertices (24, 3) and faces (12, 3)."""
    vertices, faces = [], []
    for axis in range(3):
        for sign in (1.0, -1.0):
            u, v = (axis + 1) % 3, (axis + 2) % 3
            first = len(vertices)
            for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                corner = np.empty(3)
                corner[axis], corner[u], corner[v] = sign, a * sign, b
                vertices.append(corner * half_sizes)
            faces += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
    return np.array(vertices), np.array(faces)
