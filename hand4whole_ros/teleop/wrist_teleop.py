"""Teleoperation of a robot's wrist: gate, deadman switch, clutch, scale, workspace and speed limits.

The clutch makes motion relative. When the operator engages, the poses of both wrists are latched; from then on the
robot's wrist translates and rotates as the operator's has since, times a scale. Motion while disengaged has no effect,
and engaging again causes no jump.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from .. import skeleton
from .engagement import Engagement, EngagementConfig
from .hand_frame import hand_rotation
from .hand_gate import OK, HandGate, HandGateConfig, HandObservation
from .pose_limiter import PoseLimiter, PoseLimiterConfig
from .poses import Pose
from .prediction import PointPrediction, RotationPrediction


@dataclass(frozen=True)
class WristTeleopConfig:
    """Settings of wrist teleoperation."""

    gate: HandGateConfig = field(default_factory=HandGateConfig)
    engagement: EngagementConfig = field(default_factory=EngagementConfig)
    limiter: PoseLimiterConfig = field(default_factory=PoseLimiterConfig)
    #: Metres of the robot's motion for one metre of the operator's.
    scale: float = 1.0
    #: Whether the robot's wrist rotates with the operator's.
    orientation: bool = True
    #: Time by which the operator's wrist is predicted ahead, s; 0: no prediction.
    prediction: float = 0.0

    def __post_init__(self):
        if not 0 < self.scale < math.inf:
            raise ValueError(f'scale must be above 0, found {self.scale}')


@dataclass(frozen=True, eq=False)
class WristCommand:
    """The commanded pose of the robot's wrist, and the state it results from."""

    pose: Pose                  # in the robot's base frame
    velocity: np.ndarray        # (3,) m/s, in the base frame; zero while it holds
    angular_velocity: np.ndarray    # (3,) rad/s, in the base frame
    engaged: bool               # the robot follows the operator
    state: int                  # of the operator's hand: OK, HELD or LOST
    age: float                  # s since the last trusted image arrived; inf before the first
    confidence: float           # 0 to 1
    reason: str                 # why the wrist holds; '' while it follows
    stamp: float | None         # s, of the image that the target comes from; None before the first


class WristTeleop:
    """The wrist of one robot arm. Not thread-safe. Times are seconds on a steady clock.

    The deadman switch is engagement.press, called repeatedly while pressed, and engagement.release.
    """

    def __init__(self, base_from_camera: Pose, start: Pose, side: str, config: WristTeleopConfig = WristTeleopConfig()):
        """base_from_camera: the camera's optical frame in the robot's base frame. start: the robot's wrist in the base
        frame. side: of the operator's hand, 'left' or 'right'. ValueError if a pose or the side is invalid."""
        if side not in skeleton.SIDES:
            raise ValueError(f'side is {side!r}, expected one of {", ".join(skeleton.SIDES)}')
        for name, pose in (('base_from_camera', base_from_camera), ('start', start)):
            if not pose.is_valid():
                raise ValueError(f'{name} is not a valid pose: {pose.position.tolist()}, {pose.rotation.tolist()}')
        self.config, self.side = config, side
        self.gate, self.engagement = HandGate(config.gate), Engagement(config.engagement)
        self.limiter = PoseLimiter(config.limiter, start)
        self._base_from_camera = base_from_camera
        self._predict_position = PointPrediction(config.prediction)
        self._predict_rotation = RotationPrediction(config.prediction)
        self._last: HandObservation | None = None   # the last trusted observation
        self._wrist: Pose | None = None             # the operator's wrist in it, in the base frame
        #: Poses of the operator's and the robot's wrist at engagement; None: not engaged.
        self._latch: tuple[Pose, Pose] | None = None
        self._commanded_at = None

    def set_robot_pose(self, pose: Pose) -> bool:
        """Set the measured pose of the robot's wrist in the base frame, from which the next engagement starts.

        Ignored while engaged or if the pose is invalid. Returns whether it was accepted.
        """
        if self._latch is not None or not pose.is_valid():
            return False
        self.limiter.restart(pose)
        return True

    def update(self, observation: HandObservation | None, now: float) -> WristCommand:
        """The command after an image that arrived at `now`. None: an image without this hand."""
        observation = self._with_rotation(observation)
        result = self.gate.update(observation, now)
        if result.fresh:
            self._observe(observation)
        return self._command(result, now)

    def check(self, now: float) -> WristCommand:
        """The command at `now`, between two images: it continues towards the last target, or holds."""
        return self._command(self.gate.check(now), now)

    def _with_rotation(self, observation):
        """The observation; None if its wrist rotation is given and invalid."""
        if observation is None or observation.wrist_rotation is None:
            return observation
        return observation if Pose(np.zeros(3), observation.wrist_rotation).is_valid() else None

    def _observe(self, observation):
        """Keep the operator's wrist, in the base frame."""
        dt = observation.stamp - self._last.stamp if self._last is not None else 0.0
        rotation = observation.wrist_rotation
        if rotation is None:
            rotation = hand_rotation(observation.keypoints, self.side)
        position = np.asarray(observation.keypoints[0], np.float64)
        if self.config.prediction > 0:
            position = self._predict_position(position[None], dt)[0]
            rotation = self._predict_rotation(rotation, dt)
        self._last, self._wrist = observation, self._base_from_camera @ Pose(position, np.asarray(rotation, np.float64))

    def _command(self, result, now):
        dt = now - self._commanded_at if self._commanded_at is not None else 0.0
        self._commanded_at = now
        engagement = self.engagement.update(result, now, self._last.person if self._last is not None else None)
        if engagement.started and self._wrist is not None:
            self._latch = (self._wrist, self.limiter.pose)
        if not engagement.engaged:
            self._latch = None
        if self._latch is not None and self._wrist is not None and result.state == OK:
            self.limiter.step(self._target(*self._latch, self._wrist), dt)
        else:
            self.limiter.stop()
        last = self._last.stamp if self._last is not None else None
        return WristCommand(self.limiter.pose, self.limiter.velocity.copy(), self.limiter.angular_velocity.copy(),
                            engagement.engaged, result.state, result.age, result.confidence,
                            engagement.reason or result.reason, last)

    def _target(self, operator: Pose, robot: Pose, wrist: Pose) -> Pose:
        """The latched pose `robot`, moved as the operator's wrist since it was latched as `operator`."""
        position = robot.position + self.config.scale * (wrist.position - operator.position)
        rotation = robot.rotation
        if self.config.orientation:
            rotation = wrist.rotation @ operator.rotation.T @ rotation
        return Pose(position, rotation)
