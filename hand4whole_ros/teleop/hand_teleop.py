"""A robot hand's fingers follow an operator's: gate, filter, prediction, retargeting, limits; one hand, one object."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..geometry.one_euro import OneEuroPoints
from .hand_frame import to_hand_frame
from .hand_gate import LOST, OK, HandGate, HandGateConfig, HandObservation
from .joint_limiter import JointLimiter, JointLimiterConfig
from .prediction import PointPrediction
from .retargeting import HandRetargeter


@dataclass(frozen=True)
class HandTeleopConfig:
    """How fingers follow."""

    gate: HandGateConfig = field(default_factory=HandGateConfig)
    limiter: JointLimiterConfig = field(default_factory=JointLimiterConfig)
    #: Whether keypoints are filtered (1 euro filter), in the frame of the hand; cut-off at rest, Hz, and what motion
    #: adds to it, Hz per m/s.
    smoothing: bool = True
    min_cutoff: float = 1.5
    beta: float = 30.0
    #: Seconds that keypoints are predicted ahead; 0: not at all.
    prediction: float = 0.0


@dataclass(frozen=True)
class HandCommand:
    """What the robot hand's joints shall be, and why."""

    names: tuple[str, ...]
    positions: np.ndarray       # (J,) rad; always inside the limits
    state: int                  # of the operator's hand: OK, HELD or LOST
    age: float                  # s since the last image that was trusted arrived; inf where there was none
    confidence: float           # 0 to 1
    reason: str                 # why the fingers stand still; '' while they follow
    stamp: float | None         # s, of the image that the positions come from; None before the first


class HandTeleop:
    """Fingers of one robot hand. Not thread-safe.

    Whatever happens to the operator's hand, there is a command, and it is the last one: positions are held, never zero
    and never the hand's rest, and after a gap they move no faster than joints may. Times are seconds on a steady clock.
    """

    def __init__(self, retargeter: HandRetargeter, config: HandTeleopConfig = HandTeleopConfig(),
                 start: np.ndarray | None = None):
        """start: (J,) rad, where the robot's joints are, in the order of retargeter.limits; None: at rest."""
        self.config, self.retargeter = config, retargeter
        self.gate = HandGate(config.gate)
        self.limiter = JointLimiter(retargeter.limits, config.limiter, start)
        self._smoothing = OneEuroPoints(config.min_cutoff, config.beta)
        self._prediction = PointPrediction(config.prediction)
        self._target = self._stamp = None   # (J,) rad and the stamp of the image it comes from, while following
        self._commanded_at = None           # when the last command was made

    def reset(self, start: np.ndarray | None = None) -> None:
        """Begin anew: with another operator, or with joints that something else has moved to `start` (J,) rad."""
        self.gate.reset()
        self._forget()
        self.limiter.restart(start)

    def _forget(self):
        """What was measured so far says nothing about what comes."""
        self._smoothing.reset()
        self._prediction.reset()
        self.retargeter.reset()
        self._target = None

    def update(self, observation: HandObservation | None, now: float, engaged: bool = True) -> HandCommand:
        """The command after an image that arrived at `now`. None: an image without this hand.

        engaged: whether the operator wants to be followed.
        """
        result = self.gate.update(observation, now)
        if result.fresh and engaged:
            self._follow(observation)
        return self._command(result, now, engaged)

    def check(self, now: float, engaged: bool = True) -> HandCommand:
        """The command at `now`, between two images: it goes on to where the last one leads, or stays."""
        return self._command(self.gate.check(now), now, engaged)

    def _follow(self, observation):
        """Where this image wants the joints to be."""
        if self._target is None:
            self.limiter.restart()
            dt = 0.0
        else:
            dt = observation.stamp - self._stamp
        keypoints = to_hand_frame(observation.keypoints, self.retargeter.hand.side)
        if self.config.smoothing:
            keypoints = self._smoothing(keypoints, dt)
        if self.config.prediction > 0:
            keypoints = self._prediction(keypoints, dt)
        self._target, self._stamp = self.retargeter.retarget(keypoints), observation.stamp

    def _command(self, result, now, engaged):
        dt = now - self._commanded_at if self._commanded_at is not None else 0.0
        self._commanded_at = now
        if (result.state == LOST or not engaged) and self._target is not None:
            self._forget()
        if result.state == OK and self._target is not None:
            self.limiter.step(self._target, dt)
        return HandCommand(self.retargeter.limits.names, self.limiter.positions.copy(), result.state, result.age,
                           result.confidence, result.reason if engaged else 'not engaged', self._stamp)
