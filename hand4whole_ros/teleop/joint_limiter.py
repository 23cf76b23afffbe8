"""The last stage before a robot hand: joint limits, speed limits, and a slow start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .joints import JointLimits


@dataclass(frozen=True)
class JointLimiterConfig:
    """How fast joints may be commanded to move."""

    #: rad/s. Below about 5, quick pinches do not close in time.
    max_speed: float = 10.0
    #: Speed limit right after restart(), rad/s, and the time, s, in which it rises to max_speed.
    start_speed: float = 2.0
    start_time: float = 0.5
    #: Time steps count up to this many seconds: after a gap, a joint moves no farther than in this time.
    max_dt: float = 0.05

    def __post_init__(self):
        if not (0 < self.start_speed <= self.max_speed < float('inf') and self.start_time >= 0 and self.max_dt > 0):
            raise ValueError('speeds must be above 0 and start_speed at most max_speed, times not negative; '
                             f'found {self}')


class JointLimiter:
    """Commands that approach their targets no faster than joints may move. One hand; not thread-safe."""

    def __init__(self, limits: JointLimits, config: JointLimiterConfig = JointLimiterConfig(),
                 start: np.ndarray | None = None):
        """start: (J,) rad, the present joint positions of the robot; None: JointLimits.rest."""
        self.limits, self.config = limits, config
        self.positions = limits.rest()      #: (J,) rad, the last command
        self.restart(start)

    def restart(self, positions: np.ndarray | None = None) -> None:
        """Start the next motion slowly. positions: (J,) rad, the present joint positions of the robot; None, or
        not finite: the last command."""
        if positions is not None:
            positions = np.asarray(positions, np.float64)
            self.positions = self.limits.clip(np.where(np.isfinite(positions), positions, self.positions))
        self._moving_for = 0.0

    def step(self, target: np.ndarray, dt: float) -> np.ndarray:
        """The command (J,) rad, `dt` seconds after the last one, towards target (J,). Joints whose target is not finite
        keep their position."""
        dt = min(max(dt, 0.0), self.config.max_dt) if np.isfinite(dt) else 0.0
        self._moving_for += dt
        share = min(self._moving_for / self.config.start_time, 1.0) if self.config.start_time > 0 else 1.0
        farthest = (self.config.start_speed + share * (self.config.max_speed - self.config.start_speed)) * dt
        target = np.where(np.isfinite(target), target, self.positions)
        step = np.clip(self.limits.clip(target) - self.positions, -farthest, farthest)
        # Clipped again, because the sum may exceed a limit by a rounding error.
        self.positions = self.limits.clip(self.positions + step)
        return self.positions
