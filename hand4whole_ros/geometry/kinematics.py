"""A chain of joints: from local rotations to places, and from places to transforms between parents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from ..skeleton import PARENTS

#: What follows from axis-angles is a rotation; newer scipy leaves out making one of it if told so, half a millisecond.
_SKIP_VALIDATION = {'assume_valid': True} if 'assume_valid' in (Rotation.from_matrix.__doc__ or '') else {}


def forward_kinematics(local_rotations: Tensor, rest_joints: Tensor, transl: Tensor | None = None,
                       parents: Sequence[int] = PARENTS) -> tuple[Tensor, Tensor]:
    """Place a chain of joints.

    local_rotations (..., J, 3, 3) relative to the parent, rest_joints (..., J, 3) m, transl (..., 3) m added
    to every joint; leading dimensions broadcast. The root turns about its own rest position. Returns
    positions (..., J, 3) and global rotations (..., J, 3, 3). Differentiable.
    """
    rotations = [local_rotations[..., 0, :, :]]
    positions = [rest_joints[..., 0, :]]
    for joint in range(1, len(parents)):
        parent = parents[joint]
        bone = rest_joints[..., joint, :] - rest_joints[..., parent, :]
        rotations.append(rotations[parent] @ local_rotations[..., joint, :, :])
        positions.append(positions[parent] + (rotations[parent] @ bone[..., None])[..., 0])
    batch = torch.broadcast_shapes(local_rotations.shape[:-3], rest_joints.shape[:-2])
    placed = torch.stack([p.expand(*batch, 3) for p in positions], dim=-2)
    turned = torch.stack([r.expand(*batch, 3, 3) for r in rotations], dim=-3)
    return (placed if transl is None else placed + transl[..., None, :]), turned


def local_from_global(rotations: Tensor, parents: Sequence[int] = PARENTS) -> Tensor:
    """Global rotations (..., J, 3, 3) -> rotations relative to the parent; the root's stays as it is."""
    parent_rotations = rotations[..., list(parents[1:]), :, :]
    local = parent_rotations.transpose(-1, -2) @ rotations[..., 1:, :, :]
    return torch.cat([rotations[..., :1, :, :], local], dim=-3)


def joint_poses(positions: np.ndarray, rotations: np.ndarray) -> np.ndarray:
    """positions (J, 3) m, rotations (J, 3, 3) -> (J, 7) float64: x, y, z and unit quaternion x, y, z, w, w >= 0."""
    turned = Rotation.from_matrix(rotations, **_SKIP_VALIDATION)
    return np.concatenate([positions, turned.as_quat(canonical=True)], axis=1, dtype=np.float64)


def relative_poses(positions: np.ndarray, rotations: np.ndarray, local_rotations: np.ndarray,
                   parents: Sequence[int] = PARENTS) -> np.ndarray:
    """Joints in one frame -> each joint in its parent's frame, as joint_poses; the root stays in that one frame.

    local_rotations (J, 3) axis-angle relative to the parent, from which the rotations follow.
    """
    parents = np.array(parents)
    places = np.array(positions, np.float64)
    children = np.flatnonzero(parents >= 0)
    steps = places[children] - places[parents[children]]
    places[children] = (steps[:, None] @ rotations[parents[children]])[:, 0]
    return np.concatenate([places, Rotation.from_rotvec(local_rotations).as_quat(canonical=True)], axis=1)
