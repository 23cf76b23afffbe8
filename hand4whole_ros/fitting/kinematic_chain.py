"""A kinematic tree with its analytic Jacobian, for a batch of poses at once.

Points are attached to joints: point m = position of its joint + rotation of its joint @ offset. Rotating
joint a about one of its own axes moves a point below it by axis x (point - a), which is the whole Jacobian.
Everything is numpy float64; B is the number of poses (hypotheses, hands) computed together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from ..geometry.kinematics import attached_points, kinematic_tree

_IDENTITY = np.eye(3)


def exp_so3(rotvecs: np.ndarray) -> np.ndarray:
    """(..., 3) axis-angle -> (..., 3, 3), by Rodrigues' formula."""
    angle = np.sqrt((rotvecs * rotvecs).sum(-1))
    first, half = np.sinc(angle / np.pi), np.sinc(angle / (2 * np.pi))
    skew = cross_matrix(rotvecs)
    return _IDENTITY + first[..., None, None] * skew + (0.5 * half * half)[..., None, None] * (skew @ skew)


def log_so3(matrices: np.ndarray) -> np.ndarray:
    """(..., 3, 3) -> (..., 3) axis-angle of at most pi."""
    cosine = (matrices[..., 0, 0] + matrices[..., 1, 1] + matrices[..., 2, 2] - 1) / 2
    axis = np.empty(matrices.shape[:-1])
    axis[..., 0] = matrices[..., 2, 1] - matrices[..., 1, 2]
    axis[..., 1] = matrices[..., 0, 2] - matrices[..., 2, 0]
    axis[..., 2] = matrices[..., 1, 0] - matrices[..., 0, 1]
    angle = np.arctan2(np.sqrt((axis * axis).sum(-1)) / 2, cosine)
    rotvecs = axis * (0.5 / np.sinc(angle / np.pi))[..., None]
    half_turn = cosine < -0.9   # there the antisymmetric part no longer determines the axis
    if half_turn.any():
        rotvecs[half_turn] = Rotation.from_matrix(matrices[half_turn]).as_rotvec()
    return rotvecs


def right_jacobian_inverse(rotvecs: np.ndarray) -> np.ndarray:
    """d log(exp(r) exp(d)) / d d at d = 0 for rotation vectors r, (..., 3) -> (..., 3, 3).

    Chirikjian, Stochastic Models, Information Theory, and Lie Groups, vol. 2, eq. 10.86.
    """
    angle2 = np.minimum((rotvecs ** 2).sum(-1), (np.pi - 0.05) ** 2)
    angle = np.sqrt(np.maximum(angle2, 1e-8))
    factor = 1 / angle ** 2 - (1 + np.cos(angle)) / (2 * angle * np.sin(angle))
    skew = cross_matrix(rotvecs)
    return _IDENTITY + 0.5 * skew + factor[..., None, None] * (skew @ skew)


def cross_matrix(vectors: np.ndarray) -> np.ndarray:
    """(..., 3) v -> (..., 3, 3) such that cross_matrix(v) @ w = v x w."""
    out = np.zeros(vectors.shape + (3,))
    x, y, z = vectors[..., 0], vectors[..., 1], vectors[..., 2]
    out[..., 0, 1], out[..., 0, 2], out[..., 1, 2] = -z, y, -x
    out[..., 1, 0], out[..., 2, 0], out[..., 2, 1] = z, -y, x
    return out


@dataclass
class ChainPose:
    """B poses of one chain: root position (B, 3) m, local rotations (B, J, 3, 3), shape (B, S)."""

    root: np.ndarray
    rotations: np.ndarray
    betas: np.ndarray

    def where(self, mask: np.ndarray, other: ChainPose) -> ChainPose:
        """Rows of self where `mask` (B,) is true, of `other` elsewhere."""
        return ChainPose(np.where(mask[:, None], self.root, other.root),
                    np.where(mask[:, None, None, None], self.rotations, other.rotations),
                    np.where(mask[:, None], self.betas, other.betas))

    def take(self, rows) -> ChainPose:
        """The poses of `rows`, still a batch."""
        return ChainPose(self.root[rows], self.rotations[rows], self.betas[rows])

    def repeat(self, count: int) -> ChainPose:
        """One pose -> `count` copies of it."""
        return ChainPose(*(np.repeat(a, count, axis=0) for a in (self.root, self.rotations, self.betas)))


@dataclass
class PosedChain:
    """A posed chain, in the frame of its root's parent (the camera)."""

    rotations: np.ndarray   # (B, J, 3, 3)
    joints: np.ndarray      # (B, J, 3)
    points: np.ndarray      # (B, M, 3)


class ChainPoints(NamedTuple):
    """M points attached to the joints of a chain."""

    joints: np.ndarray      #: (M,) the joint of each
    offsets: np.ndarray     #: (M, 3) m from that joint, in its frame at rest
    betas: np.ndarray       #: (M, 3, S) m per unit of shape

    def joined(self, *others: ChainPoints) -> ChainPoints:
        """These points, then those of `others`."""
        return ChainPoints(*(np.concatenate(part) for part in zip(self, *others)))


class KinematicChain:
    """Topology, bone lengths and degrees of freedom of a kinematic tree.

    parents: J indices, -1 for the root, joint 0, which as an attribute is its own parent; bones (J, 3) m and
    bone_betas (J, 3, S) give each joint's rest offset from its parent; axes (J, 3, 3) has the joint's own axes in its
    columns; dofs (K, 2) lists the free (joint, axis) pairs.
    """

    def __init__(self, parents, bones, bone_betas, points: ChainPoints, *, axes, dofs):
        self._tree = kinematic_tree(tuple(int(parent) for parent in parents))
        self.parents = self._tree.parents
        self.bones, self.bone_betas = np.asarray(bones, float), np.asarray(bone_betas, float)
        self.point_joints = np.asarray(points.joints)
        self.point_offsets = np.asarray(points.offsets, float)
        self.point_betas = np.asarray(points.betas, float)
        self.axes = np.asarray(axes, float)
        self.dofs = np.asarray(dofs)
        self.num_joints, self.num_betas = len(self.parents), self.bone_betas.shape[-1]
        #: (M, K): whether this degree of freedom moves this point.
        self.moved = self._tree.ancestors[self.point_joints][:, self.dofs[:, 0]].astype(float)
        self._below = self._tree.bone_sums[self.point_joints]
        self._bone_rows = self.bone_betas.reshape(3 * self.num_joints, -1).T
        self._point_rows = self.point_betas.reshape(3 * len(self.point_joints), -1).T
        self._turns = self.axes[self.dofs[:, 0], :, self.dofs[:, 1]]    # (K, 3) in the joint's frame

    def place(self, pose: ChainPose) -> PosedChain:
        """Forward kinematics."""
        bones, offsets = self.bones, self.point_offsets
        if self.num_betas:
            bones = bones + (pose.betas @ self._bone_rows).reshape(-1, *bones.shape)
            offsets = offsets + (pose.betas @ self._point_rows).reshape(-1, *offsets.shape)
        rotations = self._tree.global_rotations(pose.rotations)
        joints = pose.root[:, None] + self._tree.places(rotations, bones)
        return PosedChain(rotations, joints, attached_points(joints, rotations, self.point_joints, offsets))

    def jacobian(self, placed: PosedChain) -> np.ndarray:
        """d points / d (root 3, dofs K, betas S), (B, M, 3, 3 + K + S).

        A degree of freedom's unit is one radian about the joint's own axis, applied on the right of
        its rotation.
        """
        batch, num_points = placed.points.shape[:2]
        joint = self.dofs[:, 0]
        count = len(joint)
        out = np.zeros((batch, num_points, 3, 3 + count + self.num_betas))
        out[:, :, (0, 1, 2), (0, 1, 2)] = 1
        axes = (placed.rotations[:, joint] @ self._turns[..., None])[..., 0]            # (B, K, 3)
        # axis x (point - joint), which is linear in the point: one product gives it for all of them.
        cross = cross_matrix(axes)
        turned = placed.points @ cross.transpose(0, 3, 2, 1).reshape(batch, 3, 3 * count)
        turned -= (cross @ placed.joints[:, joint, :, None])[..., 0].swapaxes(1, 2).reshape(batch, 1, 3 * count)
        np.multiply(turned.reshape(batch, num_points, 3, count), self.moved[:, None], out=out[..., 3:3 + count])
        if self.num_betas:
            above = placed.rotations[:, self.parents]
            per_joint = above @ self.bone_betas                                         # (B, J, 3, S)
            carried = self._below @ per_joint.reshape(batch, self.num_joints, -1)
            own = placed.rotations[:, self.point_joints] @ self.point_betas
            out[..., 3 + count:] = carried.reshape(own.shape) + own
        return out

    def angles(self, rotations: np.ndarray, root: bool = False) -> np.ndarray:
        """Local rotations (..., J, 3, 3) -> axis-angle in each joint's own axes, (..., J, 3).

        Zeros for the root, whose rotation is free, unless `root`.
        """
        angles, first = np.zeros(rotations.shape[:-1]), 0 if root else 1
        angles[..., first:, :] = (log_so3(rotations[..., first:, :, :])[..., None, :] @ self.axes[first:])[..., 0, :]
        return angles

    def turned(self, pose: ChainPose, step: np.ndarray) -> ChainPose:
        """The pose after a step (B, 3 + K + S) in root, degrees of freedom and betas."""
        batch, count = len(step), len(self.dofs)
        delta = np.zeros((batch, self.num_joints, 3))
        delta[:, self.dofs[:, 0], self.dofs[:, 1]] = step[:, 3:3 + count]
        delta = (self.axes @ delta[..., None])[..., 0]
        return ChainPose(pose.root + step[:, :3], pose.rotations @ exp_so3(delta),
                    pose.betas + step[:, 3 + count:])
