"""Kinematic trees: from local rotations to places and back, for numpy arrays and for tensors alike.

Joints of one generation (equally far from the root) are turned together, so that a tree of 55 costs ten products.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from scipy.spatial.transform import Rotation

from ..skeleton import PARENTS

if TYPE_CHECKING:
    from torch import Tensor

Array = TypeVar('Array', np.ndarray, 'Tensor')

#: Matrices from axis-angles are valid rotations; newer scipy can skip the validation, which saves half a millisecond.
_SKIP_VALIDATION = {'assume_valid': True} if 'assume_valid' in (Rotation.from_matrix.__doc__ or '') else {}


class KinematicTree:
    """The topology of a kinematic tree. Trees with the same parents share one: `kinematic_tree`.

    parents (J,): of every joint, before its children; that of a root is the root itself. ancestors (J, J) bool: [j, a]
    whether a is j or above j. bone_sums (J, J) float64: sums the bones to a joint's position, without roots.
    """

    def __init__(self, parents: Sequence[int]):
        """parents: -1 for a root."""
        own = np.arange(len(parents))
        self.parents = np.where(np.less(parents, 0), own, parents)
        if (self.parents > own).any():
            raise ValueError(f'a parent comes before its children; these do not: {list(parents)}')
        roots = self.parents == own
        depth = np.zeros(len(parents), int)
        self.ancestors = np.eye(len(parents), dtype=bool)
        for joint in own[~roots]:
            depth[joint] = depth[self.parents[joint]] + 1
            self.ancestors[joint] |= self.ancestors[self.parents[joint]]
        self.bone_sums = (self.ancestors & ~roots).astype(float)
        levels = (np.flatnonzero(depth == level) for level in range(1, depth.max() + 1))
        self._generations = [(joints, self.parents[joints]) for joints in levels]
        self._tensors: dict[tuple, tuple] = {}

    def bones(self, rest_joints: Array) -> Array:
        """Positions (..., J, 3) -> each joint's offset from its parent; zero for a root."""
        parents: Any = rest_joints[..., self._tables(rest_joints)[0], :]
        return rest_joints - parents

    def global_rotations(self, local: Array) -> Array:
        """Rotations (..., J, 3, 3) relative to the parent -> global ones, in the root's frame of reference.

        Differentiable for tensors.
        """
        out = local.copy() if isinstance(local, np.ndarray) else local.clone()
        for joints, parents in self._tables(local)[1]:
            out[..., joints, :, :] = out[..., parents, :, :] @ local[..., joints, :, :]
        return out

    def joint_rotation(self, local: Array, joint: int) -> Array:
        """The global rotation (..., 3, 3) of one joint, as global_rotations, multiplying only its ancestors."""
        rotation: Any = local[..., joint, :, :]
        while (parent := self.parents[joint]) != joint:
            rotation, joint = local[..., parent, :, :] @ rotation, parent
        return rotation

    def places(self, rotations: Array, bones: Array) -> Array:
        """Global rotations (..., J, 3, 3) and bones (..., J, 3) m at rest -> joints (..., J, 3) m from the root."""
        parents, _, sums = self._tables(rotations)
        return sums @ (rotations[..., parents, :, :] @ bones[..., None])[..., 0]

    def _tables(self, like: np.ndarray | Tensor) -> tuple[Any, Any, Any]:
        """parents, generations and bone_sums, as arrays or as the tensors that go with `like`."""
        if isinstance(like, np.ndarray):
            return self.parents, self._generations, self.bone_sums
        key = like.device, like.dtype
        if key not in self._tensors:
            import torch  # loaded already, by the caller
            with torch.inference_mode(False):   # tensors made in inference mode cannot be differentiated through
                parents, *numbers = (torch.as_tensor(rows, device=like.device)
                                     for rows in (self.parents, *sum(self._generations, ())))
                self._tensors[key] = (parents, list(zip(numbers[::2], numbers[1::2])),
                                      torch.as_tensor(self.bone_sums, dtype=like.dtype, device=like.device))
        return self._tensors[key]


@functools.lru_cache(maxsize=64)
def kinematic_tree(parents: tuple[int, ...] = PARENTS) -> KinematicTree:
    """The tree of these parents; that of SMPL-X's 55 joints by default."""
    return KinematicTree(parents)


def forward_kinematics(local_rotations: Array, rest_joints: Array, root: Array | None = None,
                       parents: Sequence[int] = PARENTS) -> tuple[Array, Array]:
    """Place a tree of joints. For tensors differentiable.

    local_rotations (..., J, 3, 3) relative to the parent, rest_joints (..., J, 3) m; leading dimensions broadcast.
    root (..., 3) m: position of joint 0, by default its rest position. Returns positions (..., J, 3) m and global
    rotations (..., J, 3, 3).
    """
    tree = kinematic_tree(tuple(parents))
    rotations = tree.global_rotations(local_rotations)
    root = rest_joints[..., 0, :] if root is None else root
    positions: Any = root[..., None, :] + tree.places(rotations, tree.bones(rest_joints))
    return positions, rotations


def attached_points(positions: Array, rotations: Array, joints: Sequence[int] | np.ndarray, offsets: Array
                    ) -> Array:
    """Points (..., M, 3) m attached to joints: point m is at `offsets` (..., M, 3) m in the frame of joints[m].

    positions (..., J, 3) m and global rotations (..., J, 3, 3).
    """
    points: Any = positions[..., joints, :] + (rotations[..., joints, :, :] @ offsets[..., None])[..., 0]
    return points


def unposed_joints(positions: Array, rotations: Array, parents: Sequence[int] = PARENTS) -> Array:
    """Rest positions of joints, the root at the origin, from positions (..., J, 3) m and global rotations.

    rotations (..., J, 3, 3). The inverse of forward_kinematics.
    """
    tree = kinematic_tree(tuple(parents))
    return tree.places(rotations.swapaxes(-1, -2), tree.bones(positions))


def local_from_global(rotations: Array, parents: Sequence[int] = PARENTS) -> Array:
    """Global rotations (..., J, 3, 3) -> rotations relative to the parent; the root's is unchanged."""
    local = rotations.copy() if isinstance(rotations, np.ndarray) else rotations.clone()
    local[..., 1:, :, :] = rotations[..., list(parents[1:]), :, :].swapaxes(-1, -2) @ rotations[..., 1:, :, :]
    return local


def joint_poses(positions: np.ndarray, rotations: np.ndarray) -> np.ndarray:
    """positions (J, 3) m, rotations (J, 3, 3) -> (J, 7) float64: x, y, z and unit quaternion x, y, z, w, w >= 0."""
    turned = Rotation.from_matrix(rotations, **_SKIP_VALIDATION)
    return np.concatenate([positions, turned.as_quat(canonical=True)], axis=1, dtype=np.float64)


def relative_poses(positions: np.ndarray, rotations: np.ndarray, local_rotations: np.ndarray,
                   parents: Sequence[int] = PARENTS) -> np.ndarray:
    """Joints in one frame -> each joint in its parent's frame, as joint_poses; the root stays in that frame.

    local_rotations (J, 3) axis-angle relative to the parent, from which the rotations follow.
    """
    above = np.array(parents)
    places = np.array(positions, np.float64)
    children = np.flatnonzero(above >= 0)
    steps = places[children] - places[above[children]]
    places[children] = (steps[:, None] @ rotations[above[children]])[:, 0]
    return np.concatenate([places, Rotation.from_rotvec(local_rotations).as_quat(canonical=True)], axis=1)
