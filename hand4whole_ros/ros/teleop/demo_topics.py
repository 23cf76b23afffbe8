"""The topics that the teleoperation demo records."""

from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray, PoseStamped
from sensor_msgs.msg import Image, JointState

from ...msg import TeleopState, WholeBodyPoseArray

IMAGE, TRUTH, POSES = '/demo_camera/image', '/demo_camera/truth', '/hand4whole/poses'
COMMAND, FINGERS, WRIST = '/retarget/command', '/retarget/state', '/wrist_teleop/state'
WRIST_POSE, JOINTS, TIPS = '/wrist_teleop/pose', '/joint_states', '/sim_hand/tips'
DIAGNOSTICS = '/diagnostics'

#: Topic -> its type.
TOPICS = {IMAGE: Image, TRUTH: PoseArray, POSES: WholeBodyPoseArray, COMMAND: JointState, FINGERS: TeleopState,
          WRIST: TeleopState, WRIST_POSE: PoseStamped, JOINTS: JointState, TIPS: PoseArray,
          DIAGNOSTICS: DiagnosticArray}
