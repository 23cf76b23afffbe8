"""Joints as TF frames: the image's frame -> body_<id> -> ... with REP-155 names extended to the fingers."""

from __future__ import annotations

import functools

from geometry_msgs.msg import TransformStamped
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from .. import skeleton
from ..estimate import WholeBodyEstimate
from ..geometry.kinematics import relative_transforms


@functools.lru_cache(maxsize=64)
def _names(track_id):
    """(parent frame, child frame) of every joint; the pelvis has the image's frame as its parent."""
    names = [skeleton.frame_name(joint, track_id) for joint in skeleton.JOINT_NAMES]
    return [(None if parent < 0 else names[parent], name) for parent, name in zip(skeleton.PARENTS, names)]


def tf_message(estimates: list[WholeBodyEstimate], head: Header) -> TFMessage:
    """Transforms of everybody's joints, stamped with the image's time.

    The fingers of a LOST hand are left out: nobody has seen them.
    """
    return TFMessage(transforms=[t for estimate in estimates for t in _transforms(estimate, head)])


def _transforms(estimate, head):
    translations, quaternions = relative_transforms(estimate.joints.numpy(), estimate.joint_rotations.numpy())
    unseen = {joint for side in skeleton.SIDES if estimate.hand(side).state == skeleton.LOST
              for joint in range(skeleton.HAND_SLICE[side].start, skeleton.HAND_SLICE[side].stop)}
    rows = zip(_names(estimate.track_id), translations.tolist(), quaternions.tolist())
    for joint, ((parent, child), (x, y, z), (qx, qy, qz, qw)) in enumerate(rows):
        if joint in unseen:
            continue
        transform = TransformStamped(header=head if parent is None else Header(stamp=head.stamp, frame_id=parent),
                                     child_frame_id=child)
        at, turn = transform.transform.translation, transform.transform.rotation
        at.x, at.y, at.z = x, y, z
        turn.x, turn.y, turn.z, turn.w = qx, qy, qz, qw
        yield transform
