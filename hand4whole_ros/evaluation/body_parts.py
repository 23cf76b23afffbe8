"""Vertices of hands and face, and joint regressors: the data that errors of meshes need besides meshes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from .. import skeleton
from ..body.mano import Mano
from ..body.published import PublishedBody, read_face_vertex_ids
from ..checkpoints.body_files import load_body
from ..checkpoints.files import FACE_VERTEX_IDS
from ..checkpoints.store import Store
from ..networks.hand4whole_pp import Hand4WholePP


@dataclass(frozen=True)
class BodyParts:
    """Parts of one body's mesh of V vertices."""

    joint_regressor: np.ndarray             # (55, V)
    hand_vertices: dict[str, np.ndarray]    # side -> (H,), 778 of SMPL-X
    hand: Mano                              # of either side: both regress keypoints in the same way
    face_vertices: np.ndarray | None = None     # (F,); None if their file is missing

    @classmethod
    def from_body(cls, body: PublishedBody, face_vertices: np.ndarray | None = None) -> BodyParts:
        """Parts of SMPL-X and MANO, or of bodies in their form."""
        return cls(np.asarray(body.arrays['J_regressor'], np.float64), body.hand_vertices, body.mano['right'],
                   face_vertices)

    @classmethod
    def from_network(cls, network: Hand4WholePP, face_vertices: np.ndarray | None = None) -> BodyParts:
        """Parts of the bodies that a network poses."""
        vertices = {side: getattr(network.transfer, f'{side}_vertices').cpu().numpy() for side in skeleton.SIDES}
        hand = network.wilor.mano
        assert isinstance(hand, Mano)   # of a whole Hand4Whole++
        return cls(network.smplx_layer.J_regressor.double().cpu().numpy(), vertices, hand, face_vertices)

    @classmethod
    def from_store(cls, store: Store) -> BodyParts:
        """Parts from the licensed files. Raises CheckpointError or BodyModelError."""
        return cls.from_body(load_body(store), load_face_vertices(store))

    def fits(self, num_vertices: int) -> bool:
        """Whether a mesh of so many vertices is this body's."""
        return num_vertices == self.joint_regressor.shape[1]

    def joints(self, vertices: np.ndarray) -> np.ndarray:
        """(V, 3) posed -> (55, 3), regressed from the posed mesh as in the papers."""
        return self.joint_regressor @ vertices

    def hand_keypoints(self, vertices: np.ndarray) -> np.ndarray:
        """(H, 3) -> (21, 3)."""
        mesh = torch.tensor(vertices, dtype=torch.float32, device=self.hand.J_regressor.device)
        return self.hand.regress_keypoints(mesh[None])[0].double().cpu().numpy()


def load_face_vertices(store: Store) -> np.ndarray | None:
    """(F,) vertices of SMPL-X's head; None if the file is missing. Raises BodyModelError."""
    path = store.find(FACE_VERTEX_IDS)
    return None if path is None else read_face_vertex_ids(path, 10475)
