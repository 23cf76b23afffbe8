"""A chain of joints: from local rotations to places, and from places to transforms between parents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from ..skeleton import PARENTS


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


def relative_poses(poses: np.ndarray, parents: Sequence[int] = PARENTS) -> np.ndarray:
    """Joints in one frame -> each joint in its parent's frame; the root stays in that one frame.

    poses (J, 7): x, y, z in metres and a unit quaternion x, y, z, w. Returns the same, with w >= 0.
    """
    children = np.flatnonzero(np.asarray(parents) >= 0)
    parent_poses = poses[np.asarray(parents)[children]]
    back = Rotation.from_quat(parent_poses[:, 3:]).inv()
    relative = np.array(poses, np.float64)
    relative[children, :3] = back.apply(poses[children, :3] - parent_poses[:, :3])
    relative[children, 3:] = (back * Rotation.from_quat(poses[children, 3:])).as_quat(canonical=True)
    return relative
