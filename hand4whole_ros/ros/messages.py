"""Estimates to messages: pure builders without node, clock or publisher."""

from __future__ import annotations

import array
from dataclasses import dataclass

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, PoseStamped
from sensor_msgs.msg import RegionOfInterest
from scipy.spatial.transform import Rotation
from std_msgs.msg import Header

from .. import skeleton
from ..estimate import WholeBodyEstimate
from ..msg import HandPose, Skeleton, WholeBodyPose, WholeBodyPoseArray

_STATES = {skeleton.LOST: HandPose.LOST, skeleton.HELD: HandPose.HELD, skeleton.OK: HandPose.OK}
_POSES = ('global_orient', 'body_pose', 'jaw_pose', 'leye_pose', 'reye_pose', 'left_hand_pose',
          'right_hand_pose', 'betas', 'expression', 'transl')
_NO_BETAS = np.zeros(10, np.float32)


@dataclass(frozen=True)
class Timing:
    """When an image arrived and for how long it was worked on, for WholeBodyPose."""

    received: Time
    published: Time
    estimation_time: float      # s


def header(stamp: Time, frame_id: str) -> Header:
    """Header of everything that is said about one image."""
    return Header(stamp=stamp, frame_id=frame_id)


def time(nanoseconds: int) -> Time:
    """builtin_interfaces/Time of nanoseconds since the epoch."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return Time(sec=seconds, nanosec=rest)


def nanoseconds(stamp: Time) -> int:
    """Nanoseconds since the epoch."""
    return stamp.sec * 1_000_000_000 + stamp.nanosec


def pose_array(estimates: list[WholeBodyEstimate], head: Header, estimator: str, operator_id: int | None,
               timing: Timing) -> WholeBodyPoseArray:
    """Everybody in one image; empty where nobody is."""
    return WholeBodyPoseArray(header=head, estimator=estimator, poses=[
        whole_body_pose(e, head, e.track_id == operator_id, timing) for e in estimates])


def whole_body_pose(estimate: WholeBodyEstimate, head: Header, is_operator: bool, timing: Timing) -> WholeBodyPose:
    """One person."""
    joints = _poses(estimate.joints, estimate.joint_rotations)
    msg = WholeBodyPose(
        header=head, track_id=estimate.track_id,
        state=WholeBodyPose.HELD if estimate.held else WholeBodyPose.OK,
        confidence=float(estimate.confidence), is_operator=is_operator, joints=joints,
        left_hand=hand_pose(estimate, 'left', head, joints[skeleton.WRIST['left']]),
        right_hand=hand_pose(estimate, 'right', head, joints[skeleton.WRIST['right']]),
        region_of_interest=_region(estimate.bbox_xyxy), received=timing.received, published=timing.published,
        estimation_time=timing.estimation_time)
    for name in _POSES:
        setattr(msg, name, getattr(estimate, name).reshape(-1).numpy())
    return msg


def hand_pose(estimate: WholeBodyEstimate, side: str, head: Header, wrist: Pose) -> HandPose:
    """One hand, whatever its state; `wrist` is the pose of its wrist joint."""
    hand = estimate.hand(side)
    return HandPose(
        header=head, side=side, state=_STATES[hand.state],
        confidence=0.0 if hand.state == skeleton.LOST else float(hand.confidence),
        wrist=wrist,
        keypoints=[Point(x=x, y=y, z=z) for x, y, z in hand.keypoints_3d.tolist()],
        keypoints_2d=hand.keypoints_2d.reshape(-1).numpy(),
        finger_pose=getattr(estimate, f'{side}_hand_pose').reshape(-1).numpy(),
        betas=hand.betas.numpy() if hand.has_own_shape else _NO_BETAS, box=_region(hand.bbox_xyxy))


def lost_hand(last: HandPose, head: Header) -> HandPose:
    """The hand of an operator who is gone: where it was last, marked LOST."""
    return HandPose(header=head, side=last.side, state=HandPose.LOST, confidence=0.0, wrist=last.wrist,
                    keypoints=last.keypoints, keypoints_2d=last.keypoints_2d, finger_pose=last.finger_pose,
                    betas=last.betas, box=last.box)


def wrist_stamped(hand: HandPose) -> PoseStamped | None:
    """The wrist where it is known; None where the hand is LOST."""
    return None if hand.state == HandPose.LOST else PoseStamped(header=hand.header, pose=hand.wrist)


def skeleton_message(model: str, faces: np.ndarray, num_vertices: int) -> Skeleton:
    """What the numbers refer to. `faces` (F, 3) are the mesh's triangles."""
    return Skeleton(
        model=model, names=list(skeleton.JOINT_NAMES), parents=list(skeleton.PARENTS),
        hand_keypoints=list(skeleton.HAND_KEYPOINT_NAMES), num_vertices=num_vertices,
        faces=array.array('I', np.ascontiguousarray(faces, np.uint32).tobytes()))


def _poses(positions, rotations):
    """(N, 3) and (N, 3, 3) -> N Pose messages with unit quaternions."""
    quaternions = Rotation.from_matrix(rotations.numpy()).as_quat(canonical=True)
    poses = []
    for (x, y, z), (qx, qy, qz, qw) in zip(positions.tolist(), quaternions.tolist()):
        pose = Pose()   # Filling the parts is half again as fast as passing new ones.
        pose.position.x, pose.position.y, pose.position.z = x, y, z
        pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w = qx, qy, qz, qw
        poses.append(pose)
    return poses


def _region(box):
    """x0 y0 x1 y1 in pixels -> RegionOfInterest; the part left of or above the image is cut off."""
    x0, y0, x1, y1 = (max(int(round(v)), 0) for v in box.tolist())
    return RegionOfInterest(x_offset=x0, y_offset=y0, width=max(x1 - x0, 0), height=max(y1 - y0, 0))
