"""The last thing before a robot hand: limits of joints, of their speed, and a slow beginning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .joints import JointLimits


@dataclass(frozen=True)
class JointLimiterConfig:
    """How fast joints may be commanded to move."""

    #: rad/s. Below about 5, pinches that the operator makes quickly are not closed in time.
    max_speed: float = 10.0
    #: rad/s, with which a motion begins after restart(), and seconds in which max_speed is reached from there.
    start_speed: float = 2.0
    start_time: float = 0.5
    #: The longest time between two commands that counts, s: after a gap a joint moves no farther than in this time.
    max_dt: float = 0.05

    def __post_init__(self):
        if not (0 < self.start_speed <= self.max_speed < float('inf') and self.start_time >= 0 and self.max_dt > 0):
            raise ValueError('speeds must be above 0 and start_speed at most max_speed, times not negative; '
                             f'found {self}')


class JointLimiter:
    """Commands that approach their targets no faster than joints may move. One hand; not thread-safe."""

    def __init__(self, limits: JointLimits, config: JointLimiterConfig = JointLimiterConfig(),
                 start: np.ndarray | None = None):
        """start: (J,) rad, where the robot's joints are; None: at rest (JointLimits.rest)."""
        self.limits, self.config = limits, config
        self.positions = limits.rest()      #: (J,) rad, the last command
        self.restart(start)

    def restart(self, positions: np.ndarray | None = None) -> None:
        """The next motion begins slowly. positions: (J,) rad, where the robot's joints are, if that is not the last
        command."""
        if positions is not None:
            self.positions = self.limits.clip(np.asarray(positions, np.float64))
        self._moving_for = 0.0

    def step(self, target: np.ndarray, dt: float) -> np.ndarray:
        """(J,) rad: the command `dt` seconds after the last one; (J,) target. Anything not finite stays where it is."""
        dt = min(max(dt, 0.0), self.config.max_dt) if np.isfinite(dt) else 0.0
        self._moving_for += dt
        share = min(self._moving_for / self.config.start_time, 1.0) if self.config.start_time > 0 else 1.0
        farthest = (self.config.start_speed + share * (self.config.max_speed - self.config.start_speed)) * dt
        target = np.where(np.isfinite(target), target, self.positions)
        step = np.clip(self.limits.clip(target) - self.positions, -farthest, farthest)
        # Clipped once more: the sum of the two may be a rounding error outside.
        self.positions = self.limits.clip(self.positions + step)
        return self.positions
