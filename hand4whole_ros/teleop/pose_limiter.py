"""The last stage before a robot arm: workspace, speed and acceleration limits of the commanded pose."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from .poses import Pose

#: Shortest time step, s; within a shorter one nothing moves.
_MIN_DT = 1e-6


@dataclass(frozen=True)
class PoseLimiterConfig:
    """Workspace and limits of motion."""

    max_speed: float = 0.4                  # m/s
    max_acceleration: float = 4.0           # m/s^2
    max_angular_speed: float = 1.5          # rad/s
    max_angular_acceleration: float = 15.0  # rad/s^2
    #: Lowest and highest corner of the workspace, m; infinite coordinates are unlimited.
    workspace_low: tuple[float, float, float] = (-math.inf, -math.inf, -math.inf)
    workspace_high: tuple[float, float, float] = (math.inf, math.inf, math.inf)
    #: Time steps count up to this many seconds: after a gap, the pose moves no farther than in this time.
    max_dt: float = 0.035

    def __post_init__(self):
        limits = (self.max_speed, self.max_acceleration, self.max_angular_speed, self.max_angular_acceleration,
                  self.max_dt)
        if not all(limit > 0 for limit in limits):
            raise ValueError(f'limits of speed, acceleration and time must be above 0, found {limits}')
        if not all(low < high for low, high in zip(self.workspace_low, self.workspace_high)):
            raise ValueError(f'the workspace has no inside: from {self.workspace_low} to {self.workspace_high}')

    def inside(self, position: np.ndarray) -> np.ndarray:
        """The point of the workspace nearest to `position` (3,)."""
        return np.clip(position, self.workspace_low, self.workspace_high)


class PoseLimiter:
    """A pose that approaches its target no faster than the limits. Not thread-safe."""

    def __init__(self, config: PoseLimiterConfig, start: Pose):
        self.config = config
        self.restart(start)

    def restart(self, pose: Pose) -> None:
        """Rest at `pose`. If that is outside the workspace, motion into it is speed-limited like any other."""
        self.pose = pose
        self.stop()

    def stop(self) -> None:
        """Rest at the present pose."""
        self.velocity, self.angular_velocity = np.zeros(3), np.zeros(3)     # m/s, rad/s, in the frame of the pose

    def step(self, target: Pose, dt: float) -> Pose:
        """The command `dt` seconds after the last one. An invalid target holds the present pose."""
        config = self.config
        dt = min(max(dt, 0.0), config.max_dt) if math.isfinite(dt) else 0.0
        if not target.is_valid():
            self.stop()
            return self.pose
        if dt < _MIN_DT:
            return self.pose
        gap = config.inside(target.position) - self.pose.position
        self.velocity = _approach(gap, self.velocity, dt, max_speed=config.max_speed,
                                  max_acceleration=config.max_acceleration)
        gap = (Rotation.from_matrix(target.rotation) * Rotation.from_matrix(self.pose.rotation).inv()).as_rotvec()
        self.angular_velocity = _approach(gap, self.angular_velocity, dt, max_speed=config.max_angular_speed,
                                          max_acceleration=config.max_angular_acceleration)
        position = self.pose.position + dt * self.velocity
        # Outside the workspace, only motion towards it is allowed.
        beyond = np.maximum(np.abs(self.pose.position - config.inside(self.pose.position)), 0)
        position = np.clip(position, np.array(config.workspace_low) - beyond, np.array(config.workspace_high) + beyond)
        self.velocity = (position - self.pose.position) / dt
        rotation = Rotation.from_rotvec(dt * self.angular_velocity) * Rotation.from_matrix(self.pose.rotation)
        self.pose = Pose(position, rotation.as_matrix())
        return self.pose


def _approach(gap, velocity, dt, *, max_speed, max_acceleration):
    """The velocity (3,) of the next dt seconds that closes a gap (3,) fastest and can still stop at its end."""
    distance = float(np.linalg.norm(gap))
    # The highest speed from which steps of dt, decelerating at max_acceleration, come to rest within the distance.
    step = max_acceleration * dt * dt
    stoppable = (math.sqrt(0.25 + 2 * distance / step) - 0.5) * max_acceleration * dt
    wanted = gap * (min(stoppable, max_speed, distance / dt) / distance) if distance > 0 else np.zeros(3)
    change = wanted - velocity
    size = float(np.linalg.norm(change))
    if size > max_acceleration * dt:
        change = change * (max_acceleration * dt / size)
    velocity = velocity + change
    speed = float(np.linalg.norm(velocity))
    return velocity * (max_speed / speed) if speed > max_speed else velocity
