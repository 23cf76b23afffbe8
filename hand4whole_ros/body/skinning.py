"""Linear blend skinning of one person or two hands: the same as `smplx.lbs`, several times as fast for so few.

In numpy, so that posing needs no torch, which moreover starts threads even for products this small: if other work
keeps both cores busy, waiting for a thread costs many times the product itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..geometry.kinematics import forward_kinematics


@dataclass(frozen=True)
class PosedSkeletons:
    """N posed skeletons, float64, which move skins and points on skins."""

    coefficients: np.ndarray  # (N, C) shape and expression
    local: np.ndarray         # (N, J, 3, 3) relative to the parent
    rest: np.ndarray          # (N, J, 3) m, the joints at rest
    joints: np.ndarray        # (N, J, 3) m, posed
    rotations: np.ndarray     # (N, J, 3, 3) global

    @property
    def features(self) -> np.ndarray:
        """(N, 9 (J - 1)) pose features, in which pose blend shapes are linear."""
        return (self.local[:, 1:] - np.eye(3)).reshape(len(self.local), -1)

    @property
    def offsets(self) -> np.ndarray:
        """(N, J, 3) joint j takes x at rest to rotations[j] @ x + offsets[j]."""
        return self.joints - (self.rotations @ self.rest[..., None])[..., 0]


class SkinnedMesh:
    """A mesh that follows joints.

    v_template (V, 3) m; shapedirs (V, 3, C); posedirs (V, 3, 9 (J - 1)), or None without pose correctives;
    J_regressor (J, V); weights (V, J); parents (J,), -1 for the root, which comes first.
    """

    def __init__(self, v_template: np.ndarray, shapedirs: np.ndarray, posedirs: np.ndarray | None,
                 *, J_regressor: np.ndarray, weights: np.ndarray, parents: Sequence[int]):   # noqa: N803 (SMPL's word)
        self.v_template = np.asarray(v_template, np.float32)
        self.shapedirs = np.asarray(shapedirs, np.float32)
        self.posedirs = None if posedirs is None else np.asarray(posedirs, np.float32)
        self.weights = np.asarray(weights, np.float32)
        regressor = np.asarray(J_regressor, np.float64)
        self.rest_joints = regressor @ v_template                              # (J, 3) at zero coefficients
        self.rest_joints_dirs = np.tensordot(regressor, self.shapedirs, 1)     # (J, 3, C)
        self._rest_rows = np.ascontiguousarray(self.rest_joints_dirs.reshape(self.rest_joints.size, -1).T)
        self._parents = tuple(parents)
        self._directions = np.ascontiguousarray(self.shapedirs.reshape(self.v_template.size, -1).T)

    def pose(self, local: np.ndarray, coefficients: np.ndarray) -> PosedSkeletons:
        """Place the joints: local rotations (N, J, 3, 3), coefficients (N, C). The root stays where it is at rest."""
        rest = self.rest_joints + (coefficients @ self._rest_rows).reshape(-1, *self.rest_joints.shape)
        return PosedSkeletons(coefficients, local, rest, *forward_kinematics(local, rest, parents=self._parents))

    def vertices(self, chain: PosedSkeletons) -> np.ndarray:
        """(N, V, 3) float32 m."""
        count = len(chain.joints)
        shaped = np.einsum('nc,cv->nv', chain.coefficients.astype(np.float32), self._directions)
        shaped = shaped.reshape(count, -1, 3) + self.v_template
        if self.posedirs is not None:
            rows = self.posedirs.reshape(shaped[0].size, -1)
            shaped += (chain.features.astype(np.float32) @ rows.T).reshape(shaped.shape)
        transforms = np.concatenate([chain.rotations, chain.offsets[..., None]], axis=-1).astype(np.float32)
        blend = (self.weights @ transforms.reshape(count, -1, 12)).reshape(count, -1, 3, 4)
        return np.einsum('nvab,nvb->nva', blend[..., :3], shaped) + blend[..., 3]


class SurfacePoints:
    """Fixed mixtures (K, V) of the vertices of a skin, such as regressed keypoints, computed without the mesh.

    Before the joints move them, vertices are linear in coefficients and pose features; so is the contribution of each
    joint to a mixture, and its matrix is computed once. Exact, for a skin of some hundred vertices.
    """

    def __init__(self, skin: SkinnedMesh, mixtures: np.ndarray):
        columns = [skin.v_template[..., None], skin.shapedirs]
        if skin.posedirs is not None:
            columns.append(skin.posedirs)
        shared = np.asarray(mixtures, np.float64)[:, None] * skin.weights.T      # (K, J, V)
        self._share = shared.sum(axis=-1)
        table = np.tensordot(shared, np.concatenate(columns, axis=-1), 1)        # (K, J, 3, 1 + C + 9 (J - 1))
        self._table = np.ascontiguousarray(table.reshape(-1, table.shape[-1]).T)
        self._has_pose_offsets = skin.posedirs is not None

    def __call__(self, chain: PosedSkeletons) -> np.ndarray:
        """(N, K, 3) float64 m."""
        count, (points, joints) = len(chain.joints), self._share.shape
        factors = [np.ones((count, 1)), chain.coefficients] + ([chain.features] if self._has_pose_offsets else [])
        parts = np.einsum('np,pq->nq', np.concatenate(factors, axis=1), self._table)
        turns = np.swapaxes(chain.rotations, -1, -2).reshape(count, 3 * joints, 3)
        return parts.reshape(count, points, 3 * joints) @ turns + self._share @ chain.offsets
