"""Joints as TF frames: the image's frame -> body_<id> -> ... with REP-155 names extended to the fingers.

Finger tips are below the last joints of their fingers. Loose hands: the image's frame -> l_hand_<id>,
r_hand_<id>. All but the image's frame may have a prefix. With the convention rep155: the image's frame -> face_<id> ->
gaze_<id>, too.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from std_msgs.msg import Header

from ... import skeleton
from ...config import FrameConvention
from ...estimate import WholeBodyEstimate
from ...geometry import rep155_frames
from ...geometry.kinematics import relative_poses
from ...tracking import TrackedHand
from .cdr import CdrWriter
from .messages import hand_wrist_poses


class _TransformTemplate(NamedTuple):
    """A serialised TFMessage with empty numbers: visible people change rarely, and names are most of the message."""

    data: bytes             # without the header of CDR
    stamps: np.ndarray      # (N, 2) where the stamps are, in words of 4 bytes
    transforms: np.ndarray  # (N, 7) where the numbers are, in words of 8 bytes


def serialise_transforms(estimates: list[WholeBodyEstimate], head: Header, hands: Sequence[TrackedHand] = (),
                         prefix: str = '', *, convention: FrameConvention = FrameConvention.SMPLX) -> bytes:
    """A serialised TFMessage of the joints of people and of loose hands, one at least, stamped with the image's time.

    The fingers of a LOST hand are omitted: they are not measured. prefix: of the names of all frames but the image's.
    """
    seen = [tuple(side for side in skeleton.SIDES if estimate.hand(side).state != skeleton.LOST)
            for estimate in estimates]
    form = _make_template(head.frame_id, tuple((estimate.track_id, sides) for estimate, sides in zip(estimates, seen)),
                          tuple((tracked.hand.side, tracked.track_id) for tracked in hands), prefix=prefix,
                          convention=convention)
    values: list[np.ndarray] = []
    for estimate, sides in zip(estimates, seen):
        values += _person_poses(estimate, sides, convention)
    wrists = hand_wrist_poses(hands)
    if convention == FrameConvention.REP155:
        for row, tracked in enumerate(hands):
            wrists[row] = rep155_frames.convert_wrist_pose(wrists[row], tracked.hand.side)
    values.append(wrists)
    data = np.frombuffer(form.data, np.uint8).copy()
    data.view('<u4')[form.stamps] = head.stamp.sec, head.stamp.nanosec
    data.view('<f8')[form.transforms] = np.concatenate(values)
    return _HEADER + data.tobytes()


def _person_poses(estimate, sides, convention):
    """(N, 7) arrays: the visible joints in their parents' frames, the tips of each hand, then face and gaze."""
    joints, rotations = estimate.joints, estimate.joint_rotations
    poses = relative_poses(joints, rotations, estimate.local_rotations)
    tips = {side: _tip_poses(estimate, side) for side in sides}
    visible = list(_visible_joints(sides))
    if convention == FrameConvention.SMPLX:
        return [poses[visible], *tips.values()]
    return [rep155_frames.convert_relative_poses(poses)[visible],
            *(rep155_frames.convert_tips(rows, side) for side, rows in tips.items()),
            rep155_frames.face_and_gaze(joints, rotations)]


@functools.lru_cache(maxsize=64)
def _make_template(frame_id, people, hands, *, prefix, convention):
    """people: (track id, sides whose hands are visible) of each; hands: (side, track id) of loose ones."""
    out, stamps, transforms = CdrWriter(), [], []
    tips = len(skeleton.FINGERTIP_KEYPOINTS)
    faces = skeleton.FACE_FRAME_NAMES if convention == FrameConvention.REP155 else ()
    out.numbers('I', sum(len(_visible_joints(sides)) + tips * len(sides) + len(faces) for _, sides in people)
                + len(hands))

    def add(parent, child):
        out.numbers('I', 0, 0)
        stamps.append(out.position - 8)
        out.string(parent)
        out.string(child)
        out.numbers('d', *[0.0] * 7)
        transforms.append(out.position - 56)
    for track_id, sides in people:
        names = [prefix + skeleton.frame_name(joint, track_id, convention) for joint in skeleton.JOINT_NAMES]
        for joint in _visible_joints(sides):
            add(frame_id if joint == 0 else names[skeleton.PARENTS[joint]], names[joint])
        for tip, joint in zip(skeleton.TIP_NAMES, skeleton.TIP_JOINTS):
            if tip.startswith(sides):
                add(names[joint], prefix + skeleton.frame_name(tip, track_id, convention))
        parent = frame_id
        for name in faces:
            add(parent, f'{prefix}{name}_{track_id}')
            parent = f'{prefix}{name}_{track_id}'
    for side, track_id in hands:
        add(frame_id, prefix + skeleton.hand_frame_name(side, track_id))
    return _TransformTemplate(out.getvalue()[len(_HEADER):], np.array(stamps)[:, None] // 4 + np.arange(2),
                 np.array(transforms)[:, None] // 8 + np.arange(7))


_HEADER = CdrWriter().getvalue()


def _tip_poses(estimate, side):
    """(5, 7): the finger tips of one hand in the frames of their last joints, as joint_poses has them."""
    number = len(skeleton.FINGERTIP_KEYPOINTS) * skeleton.SIDES.index(side)
    joints = list(skeleton.TIP_JOINTS[number:number + len(skeleton.FINGERTIP_KEYPOINTS)])
    tips = estimate.hand(side).keypoints_3d[list(skeleton.FINGERTIP_KEYPOINTS)]
    steps = tips - estimate.joints[joints]
    places = (steps[:, None] @ estimate.joint_rotations[joints])[:, 0]
    return np.concatenate([places, np.tile(_NO_ROTATION, (len(joints), 1))], axis=1)


#: Unit quaternion x, y, z, w.
_NO_ROTATION = (0.0, 0.0, 0.0, 1.0)


@functools.lru_cache(maxsize=4)
def _visible_joints(sides):
    """Joints of a person whose hands on these sides are visible."""
    unseen = {joint for side in skeleton.SIDES if side not in sides
              for joint in range(skeleton.HAND_SLICE[side].start, skeleton.HAND_SLICE[side].stop)}
    return tuple(joint for joint in range(skeleton.NUM_JOINTS) if joint not in unseen)
