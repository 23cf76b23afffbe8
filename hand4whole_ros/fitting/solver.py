"""Damped least squares (Levenberg-Marquardt) of a kinematic chain to observations of it.

The unknowns are root position, joint rotations (updated multiplicatively) and shape. The rows are
  * reprojection: points against rays through the calibrated camera, robust (Geman-McClure);
  * room: a soft barrier that keeps unseen points from coming too near the camera or behind it;
  * depth: differences of depth between pairs of points against a weak measurement of them;
  * vectors: differences between points against a likely one, each component with its own spread, robust;
  * angles: each joint's axis-angle against a natural mean, and soft one-sided limits;
  * turns: each joint's rotation against a likely one, robust;
  * shape: betas ~ N(0, 1); root: an optional anchor; direction: optional orientation of some joints.
All rows are in units of their own standard deviation. The normal equations are small and dense.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import get_lapack_funcs

from ..geometry.placement import MIN_DEPTH
from .kinematic_chain import ChainPose, KinematicChain, PosedChain, right_jacobian_inverse

#: Standard deviation, in radians, of going beyond a joint's limit.
LIMIT_SIGMA = 0.12

#: Depth below which an unseen point is pushed away from the camera, and the standard deviation of that, m. Hands and
#: feet, a fifth of a metre long, are attached to such points. A step that moves a seen point nearer than MIN_DEPTH is
#: rejected.
MIN_UNSEEN_DEPTH, UNSEEN_DEPTH_SIGMA = MIN_DEPTH + 0.2, 0.05


#: LAPACK's solution of a system with a positive definite matrix, by Cholesky's decomposition.
_posv, = get_lapack_funcs(('posv',), dtype=np.float64)


@dataclass
class AnglePrior:
    """Per joint and own axis, radians: mean, sigma and limits, each (B or 1, J, 3)."""

    mean: np.ndarray
    sigma: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def take(self, joints) -> AnglePrior:
        """A copy for these joints alone."""
        return AnglePrior(*(part[:, joints].copy() for part in (self.mean, self.sigma, self.low, self.high)))


class DepthPairs(NamedTuple):
    """Measured differences of depth between D pairs of points, of B poses."""

    pairs: np.ndarray       #: (D, 2) point indices: depth of the first minus the second
    values: np.ndarray      #: (B, D) m along `toward`
    sigma: np.ndarray       #: (B, D) m
    toward: np.ndarray      #: (B, 3) unit, from the camera to the person


class PointVectors(NamedTuple):
    """Likely differences between V pairs of points, of B poses."""

    pairs: np.ndarray       #: (V, 2) point indices: the first minus the second
    values: np.ndarray      #: (B, V, 3) m along the axes of `frames`
    sigma: np.ndarray       #: (B, V, 3) m
    frames: np.ndarray      #: (B, V, 3, 3) from the chain's frame to the axes of each vector


class RootAnchor(NamedTuple):
    """Likely root positions of B poses."""

    root: np.ndarray        #: (B, 3) m
    sigma: np.ndarray       #: (B, 3) m


class Turns(NamedTuple):
    """Likely rotations of B poses."""

    rotations: np.ndarray   #: (B, J, 3, 3) against the parent
    sigma: np.ndarray       #: (B, J, 3) radians, about each joint's own axes


@dataclass
class Observations:
    """The observations that a chain is fitted to. B poses, M points."""

    rays: np.ndarray            # (B, M, 2) x/z, y/z of each observed point
    ray_sigma: np.ndarray       # (B, M) in the same units; inf where the point was not seen
    angles: AnglePrior
    betas_sigma: float = 1.0
    depths: DepthPairs | None = None
    vectors: PointVectors | None = None
    turns: tuple[Turns, ...] = ()           # likely rotations, one entry a source
    betas: np.ndarray | None = None         # (B, S) likely shape; zeros by default
    root: RootAnchor | None = None
    #: Residual, in sigmas, beyond which a point is treated as an outlier.
    robust: float = 3.0
    #: Whether a pose with an unseen point behind the camera is rejected as well.
    all_in_front: bool = False


def _geman_mcclure(squared, scale):
    """Geman-McClure: cost and weight of squared residuals."""
    shrink = 1 / (1 + squared / scale ** 2)
    return squared * shrink, shrink ** 2


class _NormalEquations:
    """The normal equations at one pose: cost (B,), H (B, N, N), g (B, N)."""

    def __init__(self, chain: KinematicChain, observations: Observations):
        self.chain, self.observations = chain, observations
        joint, axis = chain.dofs.T
        same = joint[:, None] == joint[None]
        self.pair_rows, self.pair_cols = np.nonzero(same)
        self.pair_joint = joint[self.pair_rows]
        self.pair_axes = axis[self.pair_rows], axis[self.pair_cols]
        self.seen = np.isfinite(observations.ray_sigma)
        #: The points that were seen in some pose; the others have no rows.
        self.rayed = np.flatnonzero(self.seen.any(axis=0))
        seen, sigma = self.seen[:, self.rayed], observations.ray_sigma[:, self.rayed]
        self.inverse_sigma = np.where(seen, 1 / np.where(seen, sigma, 1), 0)
        self.rays = observations.rays[:, self.rayed]
        # Sources of likely rotations first, poses second.
        self.unturned = np.array([turns.rotations.swapaxes(-1, -2) for turns in observations.turns])
        self.turn_precision = np.array([turns.sigma for turns in observations.turns]) ** -2.0

    def residuals(self, pose: ChainPose, placed: PosedChain):
        """Cost (B,) and the parts its derivative needs; cost is inf where a pose is impossible."""
        observations = self.observations
        points = placed.points
        depth = points[..., 2]
        bad = ~((depth > MIN_DEPTH) | ~(self.seen | observations.all_in_front)).all(1) | ~np.isfinite(points).all(
            (1, 2)
        )
        z = np.maximum(depth[:, self.rayed], MIN_DEPTH)
        uv = points[:, self.rayed, :2] / z[..., None]
        ray = (uv - self.rays) * self.inverse_sigma[..., None]
        ray_cost, ray_weight = _geman_mcclure((ray ** 2).sum(-1), observations.robust)
        angles = self._angles(pose.rotations)
        prior, q = observations.angles, angles[0]
        natural = (q - prior.mean) / prior.sigma
        beyond = (np.minimum(q - prior.low, 0) + np.maximum(q - prior.high, 0)) / LIMIT_SIGMA
        shape = (
            pose.betas if observations.betas is None else pose.betas - observations.betas
        ) / observations.betas_sigma
        cost = (ray_cost.sum(1) + (natural ** 2 + beyond ** 2).sum((1, 2)) + (shape ** 2).sum(1))
        parts = {'z': z, 'uv': uv, 'ray': ray, 'ray_weight': ray_weight, 'angles': angles, 'natural': natural,
                 'beyond': beyond, 'shape': shape}
        near = np.where(self.seen, 0, np.minimum(depth - MIN_UNSEEN_DEPTH, 0) / UNSEEN_DEPTH_SIGMA)
        if near.any():
            parts['near'] = near
            cost = cost + (near ** 2).sum(1)
        if observations.depths is not None:
            measured = observations.depths
            first, second = measured.pairs.T
            along = (points[:, first] - points[:, second]) @ measured.toward[:, :, None]
            parts['depth'] = (along[..., 0] - measured.values) / measured.sigma
            depth_cost, parts['depth_weight'] = _geman_mcclure(parts['depth'] ** 2, observations.robust)
            cost = cost + depth_cost.sum(1)
        if observations.vectors is not None:
            likely = observations.vectors
            first, second = likely.pairs.T
            vector = (likely.frames @ (points[:, first] - points[:, second])[..., None])[..., 0]
            parts['vector'] = (vector - likely.values) / likely.sigma
            vector_cost, parts['vector_weight'] = _geman_mcclure(parts['vector'] ** 2, observations.robust)
            cost = cost + vector_cost.sum((1, 2))
        if observations.turns:
            squared = (angles[1:] ** 2 * self.turn_precision).sum(-1) / 3
            turn_cost, weight = _geman_mcclure(squared, observations.robust)
            cost = cost + 3 * turn_cost.sum((0, 2))
            parts['turn_weight'] = weight[..., None] * self.turn_precision
        if observations.root is not None:
            parts['root'] = (pose.root - observations.root.root) / observations.root.sigma
            cost = cost + (parts['root'] ** 2).sum(1)
        return np.where(bad, np.inf, cost), parts

    def _angles(self, rotations):
        """(1 + T, B, J, 3): axis-angles against the rest, zeros for the root, then against each likely rotation."""
        if not len(self.unturned):
            return self.chain.angles(rotations)[None]
        relative = np.empty((1 + len(self.unturned), *rotations.shape))
        relative[0] = rotations
        relative[0, :, 0] = np.eye(3)
        np.matmul(self.unturned, rotations, out=relative[1:])
        return self.chain.angles(relative, root=True)

    def equations(self, placed: PosedChain, parts):
        """Gauss-Newton H and g from the parts of the residuals."""
        chain, observations = self.chain, self.observations
        motion = chain.jacobian(placed)
        batch, size = len(motion), motion.shape[-1]
        weight, moved = np.sqrt(parts['ray_weight']), motion[:, self.rayed]
        turned = moved[:, :, :2] - parts['uv'][..., None] * moved[:, :, 2:]
        turned *= (self.inverse_sigma * weight / parts['z'])[..., None, None]
        rows = [turned.reshape(batch, -1, size)]
        values = [(parts['ray'] * weight[..., None]).reshape(batch, -1)]
        if 'near' in parts:
            rows.append(motion[:, :, 2] * ((parts['near'] != 0) / UNSEEN_DEPTH_SIGMA)[..., None])
            values.append(parts['near'])
        if observations.depths is not None:
            measured = observations.depths
            first, second = measured.pairs.T
            weight = np.sqrt(parts['depth_weight'])
            along = (measured.toward[:, None, None] @ motion)[:, :, 0]
            along = (along[:, first] - along[:, second]) * (weight / measured.sigma)[..., None]
            rows.append(along)
            values.append(parts['depth'] * weight)
        if observations.vectors is not None:
            likely = observations.vectors
            first, second = likely.pairs.T
            weight = np.sqrt(parts['vector_weight'])
            turned = (likely.frames * (weight / likely.sigma)[..., None]) @ (motion[:, first] - motion[:, second])
            rows.append(turned.reshape(batch, -1, size))
            values.append((parts['vector'] * weight).reshape(batch, -1))
        every = np.concatenate(rows, axis=1)
        transposed = every.transpose(0, 2, 1)
        hessian = transposed @ every
        gradient = (transposed @ np.concatenate(values, axis=1)[..., None])[..., 0]

        prior = observations.angles
        jacobian = right_jacobian_inverse(parts['angles'])
        transposed = jacobian.swapaxes(-1, -2)
        weight, slope = np.empty_like(parts['angles']), np.empty_like(parts['angles'])
        weight[0] = 1 / prior.sigma ** 2 + ((parts['beyond'] != 0) / LIMIT_SIGMA) ** 2
        slope[0] = parts['natural'] / prior.sigma + parts['beyond'] / LIMIT_SIGMA
        if observations.turns:
            weight[1:] = parts['turn_weight']
            slope[1:] = parts['turn_weight'] * parts['angles'][1:]
        blocks = (transposed @ (weight[..., None] * jacobian)).sum(0)
        slope = (transposed @ slope[..., None])[..., 0].sum(0)
        hessian[:, 3 + self.pair_rows, 3 + self.pair_cols] += blocks[
            :, self.pair_joint, self.pair_axes[0], self.pair_axes[1]]
        joint, axis = chain.dofs.T
        count = len(joint)
        gradient[:, 3:3 + count] += slope[:, joint, axis]
        shape = np.arange(3 + count, size)
        hessian[:, shape, shape] += 1 / observations.betas_sigma ** 2
        gradient[:, shape] += parts['shape'] / observations.betas_sigma
        if observations.root is not None:
            hessian[:, (0, 1, 2), (0, 1, 2)] += 1 / observations.root.sigma ** 2
            gradient[:, :3] += parts['root'] / observations.root.sigma
        return hessian, gradient


def _newton_step(hessian, gradient):
    """-hessian^-1 gradient, (B, N), by Cholesky's decomposition; None if a hessian is not positive definite."""
    step = np.empty_like(gradient)
    for k, (matrix, slope) in enumerate(zip(hessian, gradient)):
        # Transposed, a symmetric matrix is the same and in the order that LAPACK works on in place.
        _, step[k], failed = _posv(matrix.T, -slope, overwrite_a=True)
        if failed:
            return None
    return step


def solve(chain: KinematicChain, pose: ChainPose, observations: Observations, iterations: int, *, damping: float = 1e-2,
          tolerance: float = 0.0):
    """Levenberg-Marquardt from `pose`: (fitted Pose, its Placed, cost (B,)).

    It ends after `iterations`, or when a step lowers no cost by more than `tolerance` of it.

    A step that raises the cost is undone and retried with more damping; a pose whose initial cost is not finite
    is returned unchanged, with infinite cost.
    """
    normal = _NormalEquations(chain, observations)
    placed = chain.place(pose)
    cost, parts = normal.residuals(pose, placed)
    factor = np.full(len(cost), damping)
    diagonal = np.arange(3 + len(chain.dofs) + chain.num_betas)
    hessian = None
    for _ in range(iterations):
        if hessian is None:
            hessian, gradient = normal.equations(placed, parts)
        damped = hessian.copy()
        damped[:, diagonal, diagonal] *= 1 + factor[:, None]
        damped[:, diagonal, diagonal] += 1e-6
        step = _newton_step(damped, gradient)
        if step is None:
            break
        longest = np.abs(step[:, 3:3 + len(chain.dofs)]).max(1, initial=1e-9)
        step *= np.minimum(1, 1.0 / longest)[:, None]
        trial = chain.turned(pose, step)
        trial_placed = chain.place(trial)
        trial_cost, trial_parts = normal.residuals(trial, trial_placed)
        better = trial_cost < cost
        if better.all():
            gain = cost - trial_cost
            pose, placed, cost, parts, hessian = trial, trial_placed, trial_cost, trial_parts, None
            if (gain < tolerance * cost).all():
                break
        elif better.any():
            pose = trial.where(better, pose)
            placed = chain.place(pose)
            cost, parts = normal.residuals(pose, placed)
            hessian = None
        factor = np.where(better, factor * 0.3, factor * 8)
    return pose, placed, cost

