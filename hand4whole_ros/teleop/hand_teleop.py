"""Teleoperation of a robot hand's fingers: gate, filter, prediction, retargeting and limits of one hand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..geometry.one_euro import OneEuroPoints
from .hand_frame import to_hand_frame
from .hand_gate import LOST, OK, HandGate, HandGateConfig, HandObservation
from .hand_retargeter import HandRetargeter
from .joint_limiter import JointLimiter, JointLimiterConfig
from .prediction import PointPrediction


@dataclass(frozen=True)
class HandTeleopConfig:
    """Settings of finger teleoperation."""

    gate: HandGateConfig = field(default_factory=HandGateConfig)
    limiter: JointLimiterConfig = field(default_factory=JointLimiterConfig)
    #: Whether keypoints are filtered in the frame of the hand (1 euro filter); its cut-off at rest, Hz, and the
    #: increase of the cut-off with speed, Hz per m/s.
    smoothing: bool = True
    min_cutoff: float = 1.5
    beta: float = 30.0
    #: Time by which keypoints are predicted ahead, s; 0: no prediction.
    prediction: float = 0.0


@dataclass(frozen=True)
class HandCommand:
    """Commanded joint positions of the robot hand, and the state they result from."""

    names: tuple[str, ...]
    positions: np.ndarray       # (J,) rad; always inside the limits
    state: int                  # of the operator's hand: OK, HELD or LOST
    age: float                  # s since the last trusted image arrived; inf before the first
    confidence: float           # 0 to 1
    reason: str                 # why the fingers hold; '' while they follow
    stamp: float | None         # s, of the image that the positions come from; None before the first


class HandTeleop:
    """Fingers of one robot hand. Not thread-safe.

    If the operator's hand is not OK, the command is the last one: never zeros, never a return to rest. After a gap,
    joints move no faster than their limits. Times are seconds on a steady clock.
    """

    def __init__(self, retargeter: HandRetargeter, config: HandTeleopConfig = HandTeleopConfig(),
                 start: np.ndarray | None = None):
        """start: (J,) rad, the present joint positions of the robot, in the order of retargeter.limits; None: at rest.
        """
        self.config, self.retargeter = config, retargeter
        self.gate = HandGate(config.gate)
        self.limiter = JointLimiter(retargeter.limits, config.limiter, start)
        self._smoothing = OneEuroPoints(config.min_cutoff, config.beta)
        self._prediction = PointPrediction(config.prediction)
        self._target = self._stamp = None   # (J,) rad and the stamp of the image it comes from, while following
        self._commanded_at = None           # when the last command was made

    def reset(self, start: np.ndarray | None = None) -> None:
        """Start over. start: (J,) rad, the present joint positions of the robot; None: the last command."""
        self.gate.reset()
        self._forget()
        self.limiter.restart(start)

    def _forget(self):
        """Discard the target and the memory of all filters."""
        self._smoothing.reset()
        self._prediction.reset()
        self.retargeter.reset()
        self._target = None

    def update(self, observation: HandObservation | None, now: float, engaged: bool = True) -> HandCommand:
        """The command after an image that arrived at `now`. None: an image without this hand.

        engaged: whether the robot follows; False holds it.
        """
        result = self.gate.update(observation, now)
        if result.fresh and engaged:
            self._follow(observation)
        return self._command(result, now, engaged)

    def check(self, now: float, engaged: bool = True) -> HandCommand:
        """The command at `now`, between two images: it continues towards the last target, or holds."""
        return self._command(self.gate.check(now), now, engaged)

    def _follow(self, observation):
        """Compute the target of this image."""
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
