"""Estimates to messages: pure builders without node, clock or publisher.

Messages about every image are written directly to CDR. One person is some 250 Python objects otherwise, and
creating and converting them takes longer than all other steps from an image to its poses.
"""

from __future__ import annotations

import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from ... import skeleton
from ...estimate import MIN_GRASP_PROBABILITY, HandEstimate, WholeBodyEstimate
from ...geometry import kinematics
from ...msg import HandPose, Skeleton, WholeBodyPose
from ...tracking import TrackedHand
from .cdr import CdrWriter
from .hand_reader import UNKNOWN

_HAND_STATES = {skeleton.LOST: HandPose.LOST, skeleton.HELD: HandPose.HELD, skeleton.OK: HandPose.OK}
_PARAMETERS = (*skeleton.POSE_SLICES, 'betas', 'expression', 'transl')
_NO_BETAS = np.zeros(10, np.float32)

#: WholeBodyPose.joint_confidence where the estimator does not report it.
_UNKNOWN_CONFIDENCE = np.full(skeleton.NUM_JOINTS, -1, np.float32)

#: ObjectHypothesis.class_id of a grasped object: the estimator gives its box and not its class.
OBJECT_CLASS = 'object'
_NO_COVARIANCE = np.zeros(36)

#: (track id of a person, side) -> track id of the hand; LOST hands have none.
HandIds = Mapping[tuple[int, str], int]


@dataclass(frozen=True)
class Timing:
    """When an image arrived and how long its estimation took, for WholeBodyPose."""

    received: Time
    published: Time
    estimation_time: float      # s


def make_header(stamp: Time, frame_id: str) -> Header:
    """Header of all messages about one image."""
    return Header(stamp=stamp, frame_id=frame_id)


def to_time_message(nanoseconds: int) -> Time:
    """builtin_interfaces/Time of nanoseconds since the epoch."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return Time(sec=seconds, nanosec=rest)


def to_nanoseconds(stamp: Time) -> int:
    """Nanoseconds since the epoch."""
    return stamp.sec * 1_000_000_000 + stamp.nanosec


def joint_poses(estimate: WholeBodyEstimate) -> np.ndarray:
    """(55, 7) float64: x, y, z and a unit quaternion x, y, z, w of every joint, as Pose holds them."""
    return kinematics.joint_poses(estimate.joints, estimate.joint_rotations)


def serialise_pose_array(
    estimates: list[WholeBodyEstimate],
    poses: Mapping[int, np.ndarray],
    head: Header,
    *, estimator: str,
    operator_id: int | None,
    timing: Timing,
    hand_ids: HandIds,
) -> bytes:
    """A serialised WholeBodyPoseArray of all people in one image; empty without people.

    poses: track id -> joint_poses.
    """
    out = CdrWriter()
    _write_header(out, head)
    out.string(estimator)
    out.numbers('I', len(estimates))
    for estimate in estimates:
        is_operator = estimate.track_id == operator_id
        _write_person(out, estimate, poses[estimate.track_id], head, is_operator=is_operator, timing=timing,
                      hand_ids=hand_ids)
    return out.getvalue()


def serialise_object_array(hands: Sequence[TrackedHand], head: Header) -> bytes:
    """A serialised vision_msgs/Detection3DArray of the objects that hands grasp; empty without any.

    The pose is that of the object's own frame, the box is around the object; the id is that of the hand.
    """
    held = [(tracked.track_id, tracked.hand.object) for tracked in hands if tracked.hand.object is not None]
    out = CdrWriter()
    _write_header(out, head)
    out.numbers('I', len(held))
    for track_id, thing in held:
        rotations = np.broadcast_to(thing.rotation, (2, 3, 3))
        pose, center = kinematics.joint_poses(np.stack([thing.translation, thing.center]), rotations)
        _write_header(out, head)
        out.numbers('I', 1)                 # ObjectHypothesisWithPose[]
        out.string(OBJECT_CLASS)
        out.numbers('d', thing.confidence)
        out.array(np.concatenate([pose, _NO_COVARIANCE]))
        out.array(np.concatenate([center, thing.size.astype(np.float64)]))    # BoundingBox3D
        out.string(str(track_id))
    return out.getvalue()


def serialise_hand_array(hands: Sequence[TrackedHand], head: Header, estimator: str) -> bytes:
    """A serialised HandPoseArray of every hand in one image; empty without hands."""
    out = CdrWriter()
    _write_header(out, head)
    out.string(estimator)
    out.numbers('I', len(hands))
    for tracked, wrist in zip(hands, hand_wrist_poses(hands)):
        _write_hand(out, head, tracked, wrist)
    return out.getvalue()


def hand_wrist_poses(hands: Sequence[TrackedHand]) -> np.ndarray:
    """(N, 7) float64: the wrists of hands, as joint_poses has them."""
    if not hands:
        return np.zeros((0, 7))
    positions = np.stack([tracked.hand.keypoints_3d[0] for tracked in hands])
    return kinematics.joint_poses(positions, np.stack([tracked.wrist_rotation for tracked in hands]))


def serialise_hand_pose(estimate: WholeBodyEstimate, side: str, head: Header, wrist: np.ndarray,
                        *, hand_ids: HandIds) -> bytes:
    """A serialised HandPose, whatever the hand's state; `wrist` is its row of joint_poses."""
    out = CdrWriter()
    _write_hand(out, head, _hand_of_person(estimate, side, hand_ids), wrist)
    return out.getvalue()


def serialise_pose_stamped(head: Header, pose: np.ndarray) -> bytes:
    """A serialised PoseStamped; `pose` is a row of joint_poses."""
    out = CdrWriter()
    _write_header(out, head)
    out.array(pose)
    return out.getvalue()


def serialise_hand_keypoints(hand: HandEstimate, head: Header, poses: np.ndarray) -> bytes:
    """A serialised PoseArray of the 21 keypoints of a person's hand; empty if it is LOST.

    poses (55, 7): joint_poses of the person. A keypoint has the axes of the joint that it moves with.
    """
    out = CdrWriter()
    _write_header(out, head)
    if hand.state == skeleton.LOST:
        out.numbers('I', 0)
    else:
        turned = poses[list(skeleton.HAND_KEYPOINT_BEARERS[hand.side]), 3:]
        out.sequence(np.concatenate([hand.keypoints_3d.astype(np.float64), turned], axis=1))
    return out.getvalue()


def make_skeleton_message(model: str, faces: np.ndarray, num_vertices: int) -> Skeleton:
    """Names, parents and triangles that the numbers refer to. `faces` (F, 3) are the mesh's triangles."""
    return Skeleton(
        model=model, names=list(skeleton.JOINT_NAMES), parents=list(skeleton.PARENTS),
        hand_keypoints=list(skeleton.HAND_KEYPOINT_NAMES), num_vertices=num_vertices,
        faces=array.array('I', np.ascontiguousarray(faces, np.uint32).tobytes()))


# Field by field, in the order of the message definitions. Fields of one type that follow each other are one array.

def _write_header(out, head):
    _write_time(out, head.stamp)
    out.string(head.frame_id)


def _write_time(out, stamp):
    out.numbers('i', stamp.sec)
    out.numbers('I', stamp.nanosec)


def _write_person(out, estimate, poses, head, *, is_operator, timing, hand_ids):
    """WholeBodyPose."""
    _write_header(out, head)
    out.numbers('i', estimate.track_id)
    out.numbers('B', WholeBodyPose.HELD if estimate.held else WholeBodyPose.OK)
    out.numbers('f', estimate.confidence)
    out.numbers('?', is_operator)
    out.array(np.concatenate([getattr(estimate, name).ravel() for name in _PARAMETERS]))
    out.array(poses)
    confidence = estimate.joint_confidence
    out.array(_UNKNOWN_CONFIDENCE if confidence is None else confidence)
    for side in skeleton.SIDES:
        _write_hand(out, head, _hand_of_person(estimate, side, hand_ids), poses[skeleton.WRIST[side]])
    _write_region_of_interest(out, estimate.bbox_xyxy)
    _write_time(out, timing.received)
    _write_time(out, timing.published)
    out.numbers('f', timing.estimation_time)


def _hand_of_person(estimate, side, hand_ids):
    """A hand in any state as TrackedHand; LOST ones have no id."""
    return TrackedHand(
        hand_ids.get((estimate.track_id, side), -1), estimate.track_id, estimate.hand(side), 1.0,
        estimate.joint_rotations[skeleton.WRIST[side]], getattr(estimate, f'{side}_hand_pose'))


def _write_hand(out, head, tracked, wrist):
    """HandPose."""
    hand = tracked.hand
    _write_header(out, head)
    out.numbers('i', tracked.track_id, tracked.person)
    out.string(hand.side)
    out.numbers('f', tracked.side_confidence)
    out.numbers('B', _HAND_STATES[hand.state])
    out.numbers('f', 0.0 if hand.state == skeleton.LOST else hand.confidence)
    grasp = hand.grasp_probability
    out.numbers('?', grasp is not None and grasp > MIN_GRASP_PROBABILITY)
    out.numbers('f', UNKNOWN if grasp is None else grasp)
    out.array(wrist)
    keypoints = hand.keypoints_3d.astype(np.float64)
    out.array(keypoints)
    bones = np.diff(keypoints[list(skeleton.MIDDLE_FINGER_KEYPOINTS)], axis=0)
    out.numbers('f', np.linalg.norm(bones, axis=1).sum())
    betas = hand.betas if hand.betas is not None and hand.has_own_shape else _NO_BETAS
    out.array(np.concatenate([hand.keypoints_2d.ravel(), np.float32(tracked.finger_pose).ravel(), betas]))
    _write_region_of_interest(out, hand.bbox_xyxy)
    known = hand.agreement is not None and hand.state == skeleton.OK
    out.numbers('f', hand.agreement if known else UNKNOWN)
    out.numbers('?', hand.depth_measured)


def _write_region_of_interest(out, box):
    """x0 y0 x1 y1 in pixels -> RegionOfInterest; clipped at the image's left and upper edges."""
    x0, y0, x1, y1 = (max(int(round(v)), 0) for v in box.tolist())
    out.numbers('I', x0, y0, max(y1 - y0, 0), max(x1 - x0, 0))
    out.numbers('?', False)     # do_rectify
