"""People as meshes in the scene: from the parameters of their poses, by the body model of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..body.model import BodyModel

#: Opacity of meshes: bones and joints stay visible.
_COLOR, _OPACITY = (150, 170, 200), 0.55


@dataclass(frozen=True)
class BodyParameters:
    """SMPL-X's parameters of one person, float32 numpy."""

    pose: np.ndarray            # (55, 3) axis-angle, in the order of the joints
    betas: np.ndarray           # (10,)
    expression: np.ndarray      # (10,)
    transl: np.ndarray          # (3,) m


class BodyMeshes:
    """Meshes on a viser server. The model is loaded with the first people. Not thread-safe."""

    def __init__(self, server: Any):
        """server: a viser.ViserServer."""
        self._server, self._scene = server, server.scene
        self._body: BodyModel | None = None
        self._meshes: dict[int, Any] = {}

    def show(self, people: Mapping[int, BodyParameters], model: str) -> None:
        """Show only these people, by track id. model: name of the body that the node poses.

        Raises ValueError if this machine has another body, and any exception of loading the body.
        """
        if people and self._body is None:
            from ..body.model import BodyModel
            self._body = BodyModel.load()
        if people and self._body is not None and self._body.name != model:
            raise ValueError(f'the node poses the body {model!r}, and here is only {self._body.name!r}')
        vertices = self._vertices(list(people.values())) if people else []
        with self._server.atomic():
            for track_id, points in zip(people, vertices):
                self._draw(track_id, points)
            for track_id in self._meshes.keys() - people.keys():
                self._meshes.pop(track_id).remove()

    def _vertices(self, people):
        """(V, 3) float32 m of each person."""
        assert self._body is not None
        return [self._body.mesh(person.pose, person.betas, person.expression, person.transl) for person in people]

    def _draw(self, track_id, points):
        mesh = self._meshes.get(track_id)
        if mesh is not None:
            mesh.vertices = points
            return
        assert self._body is not None
        self._meshes[track_id] = self._scene.add_mesh_simple(
            f'/meshes/{track_id}', points, np.asarray(self._body.faces, np.uint32), color=_COLOR, opacity=_OPACITY,
            side='double')
