"""Poses of frames, and rigid transforms between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

#: Tolerance of the orthonormality of a rotation.
_ORTHONORMAL = 1e-4


@dataclass(frozen=True, eq=False)
class Pose:
    """A frame in another one: position (3,) m and rotation (3, 3), whose columns are the frame's axes."""

    position: np.ndarray
    rotation: np.ndarray

    @classmethod
    def identity(cls) -> Pose:
        """The pose of a frame in itself."""
        return cls(np.zeros(3), np.eye(3))

    @classmethod
    def from_xyz_rpy(cls, xyz: Sequence[float], rpy: Sequence[float]) -> Pose:
        """xyz in m; rpy roll, pitch and yaw in radians about the fixed axes x, y and z, one after the other, as in URDF
        and static_transform_publisher. ValueError if a number is not finite."""
        position, angles = np.asarray(xyz, np.float64), np.asarray(rpy, np.float64)
        if (position.shape != (3,) or angles.shape != (3,)
                or not (np.isfinite(position).all() and np.isfinite(angles).all())):
            raise ValueError(f'expected three finite numbers each for xyz and rpy, found {position.tolist()} and '
                             f'{angles.tolist()}')
        return cls(position, Rotation.from_euler('xyz', angles).as_matrix())

    @classmethod
    def from_quaternion(cls, position: ArrayLike, xyzw: ArrayLike) -> Pose:
        """A geometry_msgs/Pose. ValueError if a number is not finite or the quaternion is not of unit length."""
        place, quaternion = np.asarray(position, np.float64), np.asarray(xyzw, np.float64)
        if not (np.isfinite(place).all() and abs(np.linalg.norm(quaternion) - 1) < 0.01):     # false for NaN as well
            raise ValueError(f'expected a position and a unit quaternion, found {place.tolist()} and '
                             f'{quaternion.tolist()}')
        return cls(place, Rotation.from_quat(quaternion).as_matrix())

    def __matmul__(self, other: Pose) -> Pose:
        """a_from_b @ b_from_c is a_from_c."""
        return Pose(self.rotation @ other.position + self.position, self.rotation @ other.rotation)

    @property
    def quaternion(self) -> np.ndarray:
        """(4,) x, y, z, w."""
        return Rotation.from_matrix(self.rotation).as_quat()

    def is_valid(self) -> bool:
        """Finite, with a proper rotation."""
        return bool(np.isfinite(self.position).all() and np.isfinite(self.rotation).all()
                    and np.abs(self.rotation.T @ self.rotation - np.eye(3)).max() < _ORTHONORMAL
                    and np.linalg.det(self.rotation) > 0)
