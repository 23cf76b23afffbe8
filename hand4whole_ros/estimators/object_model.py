"""The box of grasped objects: of a configured size, or around the vertices of a mesh file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..config import EstimatorConfig
from ..system.requirements import install_command

#: Sides of a box that a hand can grasp, m. Values outside are mostly in other units.
_SIDES = (0.001, 2.0)

#: A mesh of some hundred thousand triangles has 30 MB.
_MAX_BYTES = 256 << 20


def load_object_box(config: EstimatorConfig) -> np.ndarray | None:
    """Low and high corner (2, 3) m of the box in the object's own frame; None if no object is configured.

    Raises ValueError, in one line, for an invalid size or mesh.
    """
    if config.object_mesh is not None:
        if any(config.object_size):
            raise ValueError('object_size and object_mesh both define the grasped object: give one of them')
        return _mesh_box(config.object_mesh)
    if not any(config.object_size):
        return None
    return _checked(np.array([-0.5, 0.5])[:, None] * np.array(config.object_size), 'object_size')


def _mesh_box(path: Path):
    what = f'object_mesh {path}'
    if not path.is_file():
        raise ValueError(f'{what}: no such file')
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f'{what} has {path.stat().st_size >> 20} MB; give a mesh of {_MAX_BYTES >> 20} MB at most')
    try:
        import trimesh
    except ImportError:
        raise ValueError(f'{what} needs trimesh: {install_command("trimesh")}, or give object_size') from None
    try:
        # Textures and materials are other files. A point cloud has a box, too.
        loaded = trimesh.load(path, process=False, skip_materials=True)
        bounds = loaded.bounds
    except Exception as error:      # Of any library that reads the format.
        raise ValueError(f'{what} cannot be read as a mesh: {" ".join(str(error).split())[:200]}') from None
    if bounds is None:
        raise ValueError(f'{what} has no vertices')
    return _checked(np.asarray(bounds, np.float64), what)


def _checked(box, what):
    sides = box[1] - box[0]
    if not (np.isfinite(box).all() and _SIDES[0] <= sides.min() and sides.max() <= _SIDES[1]):
        raise ValueError(f'{what}: expected sides of {_SIDES[0]:g} to {_SIDES[1]:g} m, found '
                         f'{" x ".join(f"{side:g}" for side in sides)}; is it in metres?')
    return box
