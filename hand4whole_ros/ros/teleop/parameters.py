"""Parameters of the nodes of teleoperation: one table each."""

from __future__ import annotations

from dataclasses import dataclass

from ... import skeleton
from ...config import setting
from ...teleop.engagement import EngagementConfig
from ...teleop.hand_frame import MAX_PALM_LENGTH
from ...teleop.hand_gate import HandGateConfig
from ...teleop.hand_teleop import HandTeleopConfig
from ...teleop.joint_limiter import JointLimiterConfig
from ...teleop.metric_depth import MAX_HEIGHT
from ...teleop.pose_limiter import PoseLimiterConfig
from ...teleop.wrist_teleop import WristTeleopConfig
from ..node.parameter_table import ParameterError, ParameterTable
from .hand_sources import SOURCES

#: Types of the topic `~/command`.
COMMAND_TYPES = ('joint_state', 'joint_trajectory', 'forward_command')

#: Source of the operator's switch.
SWITCH, WRIST, NONE = 'switch', 'wrist', 'none'

_GATE, _LIMITER, _HAND = HandGateConfig(), JointLimiterConfig(), HandTeleopConfig()
_POSE_LIMITER = PoseLimiterConfig()
_SPACE = 10.0


@dataclass(frozen=True)
class SourceParameters(ParameterTable):
    """Source of hands, and when they are trusted."""

    source: str = setting(
        'poses', "Source of the hands: 'poses' is ~/poses of the node hand4whole, which names the person of each hand; "
        "'operator' is ~/operator/left_hand or right_hand; 'hands' is ~/hands, for hands without a body, as of a "
        'camera over a desk.', choices=tuple(SOURCES))
    operator_id: int = setting(
        -1, 'Track id of the only person who may drive the robot, or of the only hand; -1 for the operator that the '
        'node hand4whole chooses, or the nearest hand. For sources poses and hands.', low=-1, high=2**31 - 1)
    max_image_age: float = setting(
        1.0, 'Maximum time from the stamp of an image to the arrival of its hand, s. An older hand is not trusted. 0 '
        'for no limit.', low=0.0, high=60.0)
    hold_time: float = setting(
        _GATE.hold_time, 'Time without a trusted image after which the hand is LOST, s.', low=0.05, high=10.0)
    max_silence: float = setting(
        _GATE.max_silence, 'Time without a trusted image after which the hand is HELD, s, even if no image at all '
        'arrives. At most hold_time.', low=0.02, high=10.0)
    confirm_images: int = setting(
        _GATE.confirm_images, 'Trusted images in a row after LOST before the hand drives anything.', low=1, high=100)
    trust_confidence: float = setting(
        _GATE.trust_confidence, 'Minimum confidence for a hand to become OK.', low=0.0, high=1.0)
    hold_confidence: float = setting(
        _GATE.hold_confidence, 'Minimum confidence for a hand to stay OK. At most trust_confidence.', low=0.0,
        high=1.0)
    trust_agreement: float = setting(
        _GATE.trust_agreement, 'Minimum agreement for a hand to become OK, of its projected 3D keypoints with those '
        'detected in the image. 0 for no limit; a hand whose agreement is unknown is not held for it.',
        low=0.0, high=1.0)
    hold_agreement: float = setting(
        _GATE.hold_agreement, 'Minimum agreement for a hand to stay OK. At most trust_agreement.', low=0.0,
        high=1.0)
    max_wrist_speed: float = setting(
        _GATE.max_wrist_speed, "Maximum speed of a wrist, m/s. A faster one is taken for another person's.", low=0.1,
        high=100.0)
    palm_length: float = setting(
        0.0, "Length of the operator's palm from the wrist to the middle finger's knuckle, m, which corrects the "
        'distance from the camera of hands whose distance was not measured (depth_topic of the node hand4whole); 0 if '
        'it is unknown, else 0.045 to 0.19.', low=0.0, high=MAX_PALM_LENGTH)
    operator_height: float = setting(
        0.0, 'Height of the standing operator, m, which corrects the distance from the camera if palm_length is '
        'unknown and no depth is measured; 0 for none, else 1 to 2.3. For source poses.', low=0.0, high=MAX_HEIGHT)
    diagnostics_period: float = setting(1.0, 'Seconds between messages on /diagnostics.', low=0.1, high=60.0)

    def gate(self) -> HandGateConfig:
        """When a hand is trusted. ParameterError if two values contradict each other."""
        for low, high in (('hold_confidence', 'trust_confidence'), ('hold_agreement', 'trust_agreement'),
                          ('max_silence', 'hold_time')):
            if not getattr(self, low) <= getattr(self, high):
                raise ParameterError(f'parameters: expected {low} <= {high}, found {getattr(self, low):g} and '
                                     f'{getattr(self, high):g}')
        return HandGateConfig(
            trust_agreement=self.trust_agreement, hold_agreement=self.hold_agreement,
            trust_confidence=self.trust_confidence, hold_confidence=self.hold_confidence,
            confirm_images=self.confirm_images, max_silence=self.max_silence, hold_time=self.hold_time,
            max_wrist_speed=self.max_wrist_speed)


@dataclass(frozen=True)
class DriverParameters(SourceParameters):
    """The same for nodes that drive a robot."""

    side: str = setting('right', "The operator's hand, and the side of the robot.", choices=skeleton.SIDES)
    rate: float = setting(
        60.0, 'Commands per second between images, towards the last target; and of ~/state.', low=1.0, high=1000.0)
    engage_timeout: float = setting(
        EngagementConfig().timeout, 'Seconds for which one message on ~/engage is valid.', low=0.05, high=10.0)
    explicit_return: bool = setting(
        True, 'After the hand was LOST, whether the switch has to be released and pressed again.')
    niceness: int = setting(
        -10, 'Scheduling priority of this node on its machine, -20 (highest) to 19 (lowest): its work takes a '
        'millisecond or two, and waiting for a core longer. If the system does not permit values below 0, the node '
        'logs one warning and keeps its priority. 0 does not change it.', low=-20, high=19)
    prediction: float = setting(
        0.0, 'Seconds by which motion is predicted ahead at constant velocity; 0 for none.', low=0.0, high=1.0)

    def engagement_config(self) -> EngagementConfig:
        """Rules of engagement."""
        return EngagementConfig(self.engage_timeout, self.explicit_return)


@dataclass(frozen=True)
class RetargetParameters(DriverParameters):
    """Of the node retarget."""

    hand: str = setting('capsule', 'The robot hand: allegro, capsule, leap, shadow, or the path of a .yaml file.')
    command_type: str = setting(
        'joint_state', "Type of ~/command: 'joint_state' (sensor_msgs/JointState), 'joint_trajectory' "
        "(trajectory_msgs/JointTrajectory, for joint_trajectory_controller) or 'forward_command' "
        '(std_msgs/Float64MultiArray, for forward_command_controller).', choices=COMMAND_TYPES)
    joints: tuple[str, ...] = setting(
        ('',), "Joints of the command, in the order of the controller; [''] for all joints in the order of the URDF.")
    trajectory_time: float = setting(
        0.05, 'Of command_type joint_trajectory: seconds in which the commanded positions are to be reached.', low=0.0,
        high=10.0)
    engagement: str = setting(
        SWITCH, "What the operator engages with: 'switch' is ~/engage of this node, 'wrist' follows the state of "
        "wrist_teleop, 'none' lets every trusted hand drive the robot.", choices=(SWITCH, WRIST, NONE))
    start: str = setting(
        'joint_states', "Where the first motion starts: 'joint_states' waits for the measured joint positions, 'rest' "
        'takes zero, or the limit nearest to it.', choices=('joint_states', 'rest'))
    max_speed: float = setting(
        _LIMITER.max_speed, 'rad/s of each joint. Below about 5, quick pinches do not close in time.', low=0.01,
        high=100.0)
    start_speed: float = setting(
        _LIMITER.start_speed, 'rad/s of each joint right after engaging, and after LOST; at most max_speed.', low=0.01,
        high=100.0)
    smoothing: bool = setting(True, 'Filter keypoints in the frame of the hand (1 euro filter).')
    smoothing_min_cutoff: float = setting(_HAND.min_cutoff, 'Cut-off at rest, Hz.', low=0.01, high=100.0)
    smoothing_beta: float = setting(_HAND.beta, 'Increase of the cut-off with speed, Hz per m/s.', low=0.0, high=1000.0)

    def hand_config(self) -> HandTeleopConfig:
        """Settings of the fingers. ParameterError if two values contradict each other."""
        limiter = JointLimiterConfig(max_speed=self.max_speed, start_speed=min(self.start_speed, self.max_speed))
        return HandTeleopConfig(self.gate(), limiter, self.smoothing, self.smoothing_min_cutoff, self.smoothing_beta,
                                self.prediction)


@dataclass(frozen=True)
class WristTeleopParameters(DriverParameters):
    """Of the node wrist_teleop."""

    base_frame: str = setting('base_link', 'Frame of ~/pose, ~/twist and current_pose.')
    camera_xyz: tuple[float, float, float] = setting(
        (0.0, 0.0, 0.0), "Position of the camera's optical frame in base_frame, m.", low=-100.0, high=100.0)
    camera_rpy: tuple[float, float, float] = setting(
        (0.0, 0.0, 0.0), "Roll, pitch and yaw of the camera's optical frame in base_frame, rad, as in URDF.", low=-7.0,
        high=7.0)
    start: str = setting(
        'current_pose', "The pose of the robot's wrist at the first engagement: 'current_pose' waits for that topic, "
        "'parameters' takes start_xyz and start_rpy.", choices=('current_pose', 'parameters'))
    start_xyz: tuple[float, float, float] = setting(
        (0.0, 0.0, 0.0), "Position of the robot's wrist in base_frame, m.", low=-100.0, high=100.0)
    start_rpy: tuple[float, float, float] = setting(
        (0.0, 0.0, 0.0), 'Its roll, pitch and yaw, rad.', low=-7.0, high=7.0)
    scale: float = setting(1.0, "Metres of the robot's motion for one metre of the operator's.", low=0.01, high=10.0)
    orientation: bool = setting(True, "Whether the robot's wrist rotates with the operator's.")
    workspace_low: tuple[float, float, float] = setting(
        (-_SPACE,) * 3, 'Lowest corner of the workspace in base_frame, m.', low=-_SPACE, high=_SPACE)
    workspace_high: tuple[float, float, float] = setting(
        (_SPACE,) * 3, 'Highest corner of the workspace in base_frame, m.', low=-_SPACE, high=_SPACE)
    max_speed: float = setting(_POSE_LIMITER.max_speed, 'm/s.', low=0.001, high=10.0)
    max_acceleration: float = setting(_POSE_LIMITER.max_acceleration, 'm/s^2.', low=0.01, high=1000.0)
    max_angular_speed: float = setting(_POSE_LIMITER.max_angular_speed, 'rad/s.', low=0.001, high=100.0)
    max_angular_acceleration: float = setting(
        _POSE_LIMITER.max_angular_acceleration, 'rad/s^2.', low=0.01, high=10000.0)
    publish_twist: bool = setting(False, 'Publish ~/twist as well.')

    def wrist_config(self) -> WristTeleopConfig:
        """Settings of the wrist. ParameterError if two values contradict each other."""
        try:
            limiter = PoseLimiterConfig(self.max_speed, self.max_acceleration, self.max_angular_speed,
                                        self.max_angular_acceleration, self.workspace_low, self.workspace_high)
        except ValueError as error:
            raise ParameterError(f'parameters workspace_low and workspace_high: {error}') from None
        return WristTeleopConfig(self.gate(), self.engagement_config(), limiter, self.scale, self.orientation,
                                 self.prediction)


@dataclass(frozen=True)
class OpenXrParameters(SourceParameters):
    """Of the node openxr."""


@dataclass(frozen=True)
class SimParameters(ParameterTable):
    """Of the node sim_hand."""

    hand: str = setting('capsule', 'The robot hand: allegro, capsule, leap, shadow, or the path of a .yaml file.')
    side: str = setting('right', 'Of the robot hand.', choices=skeleton.SIDES)
    command_type: str = setting('joint_state', 'Type of the commands, as of the node retarget.', choices=COMMAND_TYPES)
    joints: tuple[str, ...] = setting(
        ('',), "Of command_type forward_command: joints in the order of the commands; [''] for the order of the URDF.")
    rate: float = setting(60.0, 'Messages per second on joint_states and ~/tips.', low=1.0, high=500.0)
    image_rate: float = setting(
        5.0, 'Maximum images per second on ~/image, which are drawn only while it has subscribers.', low=0.1, high=60.0)
    image_size: int = setting(480, 'Width and height of the image, pixels.', low=64, high=2000)
    diagnostics_period: float = setting(1.0, 'Seconds between messages on /diagnostics.', low=0.1, high=60.0)


#: Name of the node -> its table.
TABLES = {'retarget': RetargetParameters, 'wrist_teleop': WristTeleopParameters, 'openxr': OpenXrParameters,
          'sim_hand': SimParameters}
