"""Finger and hand-shape transfer: the hand expert's hands replace those of the body mesh.

Hand4Whole++ (CVPR 2026). Each hand is rigidly aligned to the body's wrist and four knuckles, so that the wrist's
orientation is the body's and the fingers and their shape are the hand expert's; then the seam is smoothed.
Everything is differentiable in everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from .. import skeleton
from ..geometry.alignment import apply_alignment, rigid_alignment
from ..geometry.mesh import boundary_loop
from ..keypoints import HAND_KEYPOINTS

#: The seam: this many steps out from the wrist ring, to at most this many neighbours of a vertex.
SEAM_RINGS = 3
MAX_NEIGHBOURS = 10
NUM_SMOOTHING_ITERATIONS = 5


class PosedHands(NamedTuple):
    """Posed hand meshes of one side. Only hands that exist have rows; N of B people have this hand."""

    vertices: Tensor   #: (N, 778, 3) m, in any frame that is a rigid motion away from the body's
    keypoints: Tensor  #: (N, 21, 3) m, in skeleton.HAND_KEYPOINT_NAMES order
    exists: Tensor     #: (B,) bool; its true entries are the N people, in order


class HandTransferOutput(NamedTuple):
    """A batch of bodies with their new hands."""

    vertices: Tensor              #: (B, V, 3) m
    keypoints: Tensor             #: (B, 137, 3) m, in keypoints.KEYPOINT_NAMES order
    rotations: dict[str, Tensor]  #: side -> (N, 3, 3): times the hand's own root rotation gives the wrist's


class HandTransfer(nn.Module):
    """Overwrites hands, smooths seams. The topology is computed once, in the constructor.

    faces (F, 3) of the body mesh of num_vertices; for each side, hand_vertices (778,) numbers every vertex of
    the hand mesh in the body mesh, and hand_faces (1538, 3) are the hand mesh's own faces, open at the wrist.
    """

    def __init__(self, faces: np.ndarray, num_vertices: int, hand_vertices: Mapping[str, np.ndarray],
                 hand_faces: Mapping[str, np.ndarray]):
        super().__init__()
        neighbours = vertex_neighbours(faces, num_vertices, MAX_NEIGHBOURS)
        for side in skeleton.SIDES:
            index = np.asarray(hand_vertices[side]).astype(np.int64)
            ring = index[boundary_loop(np.asarray(hand_faces[side]).astype(np.int64))]
            band, around, operator = seam_operator(neighbours, ring)
            for name, values in (('vertices', index), ('ring', ring), ('band', band), ('around', around),
                                 ('operator', operator)):
                self.register_buffer(f'{side}_{name}', torch.from_numpy(values), persistent=False)

    def forward(self, vertices: Tensor, keypoints: Tensor, hands: Mapping[str, PosedHands]) -> HandTransferOutput:
        """Bodies (B, V, 3) and their keypoints (B, 137, 3), with hands: side -> PosedHands -> HandTransferOutput.

        Seams are not smoothed; see `smooth`. The arguments stay unchanged.
        """
        rotations = {}
        for side, hand in hands.items():
            people = hand.exists.nonzero()[:, 0]
            where = torch.tensor(HAND_KEYPOINTS[side], device=keypoints.device)
            palm = list(skeleton.PALM_KEYPOINTS)
            target = keypoints[people][:, where[palm]]
            rotation, translation = rigid_alignment(hand.keypoints[:, palm], target)
            vertices = vertices.index_put(
                (people[:, None], getattr(self, f'{side}_vertices')),
                apply_alignment(hand.vertices, rotation, translation))
            keypoints = keypoints.index_put(
                (people[:, None], where), apply_alignment(hand.keypoints, rotation, translation))
            rotations[side] = rotation
        return HandTransferOutput(vertices, keypoints, rotations)

    def smooth(self, vertices: Tensor, exists: Mapping[str, Tensor]) -> Tensor:
        """Bodies (B, V, 3) with the seams of hands that exist (side -> (B,) bool) smoothed. A new tensor."""
        for side, flags in exists.items():
            people = flags.nonzero()[:, 0]
            band, around, operator = (getattr(self, f'{side}_{name}') for name in ('band', 'around', 'operator'))
            smoothed = operator.to(vertices.dtype) @ vertices[people[:, None], around]
            vertices = vertices.index_put((people[:, None], band), smoothed)
        return vertices


def vertex_neighbours(faces: np.ndarray, num_vertices: int, limit: int) -> list[np.ndarray]:
    """For every vertex, the ids of its first `limit` neighbours along edges, ascending."""
    faces = np.asarray(faces).astype(np.int64)
    edges = np.concatenate([faces[:, pair] for pair in ((0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2))])
    # An edge as one number: sorting these takes a tenth of the time of sorting pairs.
    base = max(num_vertices, int(faces.max()) + 1)
    begin, end = np.divmod(np.unique(edges[:, 0] * base + edges[:, 1]), base)
    bounds = np.searchsorted(begin, np.arange(num_vertices + 1)).tolist()
    return [end[start:stop][:limit] for start, stop in zip(bounds[:-1], bounds[1:])]


def seam_operator(neighbours: list[np.ndarray], ring: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The smoothing of the seam around a ring: band (S,), around (T,) and a matrix (S, T), float32.

    The band is the ring grown along edges; its smoothed vertices are the matrix times the vertices `around`,
    the band and its neighbours. One round moves every vertex of the band halfway to the mean of its neighbours
    before the round (Jacobi); the others stay. Rounds are linear, so their product is computed once.
    """
    band = np.unique(ring)
    for _ in range(SEAM_RINGS):
        band = np.unique(np.concatenate([band] + [neighbours[vertex] for vertex in band]))
    around = np.unique(np.concatenate([band] + [neighbours[vertex] for vertex in band]))
    one_round = np.eye(len(around))
    rows = np.searchsorted(around, band)
    for row, vertex in zip(rows, band):
        one_round[row, row] = 0.5
        one_round[row, np.searchsorted(around, neighbours[vertex])] += 0.5 / len(neighbours[vertex])
    rounds = np.linalg.matrix_power(one_round, NUM_SMOOTHING_ITERATIONS)
    return band, around, rounds[rows].astype(np.float32)
