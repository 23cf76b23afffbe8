"""Content of the viewer, read from the node's messages: pure functions without node or clock."""

from __future__ import annotations

import array
from collections.abc import Iterable
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

from ... import skeleton
from ...msg import HandPose, HandPoseArray, WholeBodyPose, WholeBodyPoseArray
from ...viewer.body_mesh import BodyParameters
from ...viewer.panel import NodeStatus
from ...viewer.people import ViewedHand, ViewedImage, ViewedPerson
from ..node.diagnostics import AGE_KEY, DROPPED_KEY, NODE_KEY, RATE_KEY

_STATES = {HandPose.LOST: skeleton.LOST, HandPose.HELD: skeleton.HELD, HandPose.OK: skeleton.OK}
_LEVELS = {DiagnosticStatus.OK: 'ok', DiagnosticStatus.WARN: 'warning', DiagnosticStatus.ERROR: 'error',
           DiagnosticStatus.STALE: 'waiting'}


def viewed_image(poses: WholeBodyPoseArray, hands: HandPoseArray | None) -> ViewedImage:
    """All people in an image. hands: of the same image or one near it; None: none has come."""
    loose = () if hands is None else [hand for hand in hands.hands if hand.person < 0]
    people = [_viewed_person(pose) for pose in poses.poses]
    return ViewedImage([person for person in people if _is_finite(person.joints)],
                       [hand for hand in map(_viewed_hand, loose) if _is_finite(hand.keypoints)])


def body_parameters(poses: WholeBodyPoseArray) -> dict[int, BodyParameters]:
    """Track id -> parameters of all people in an image."""
    found = {pose.track_id: BodyParameters(
        np.concatenate([np.asarray(getattr(pose, name), np.float32).reshape(-1, 3) for name in skeleton.POSE_SLICES]),
        *(np.array(getattr(pose, name), np.float32) for name in ('betas', 'expression', 'transl')))
        for pose in poses.poses}
    return {track_id: one for track_id, one in found.items()
            if all(_is_finite(numbers) for numbers in vars(one).values())}


def node_status(message: DiagnosticArray, node: str) -> NodeStatus | None:
    """Status of the node of this full name; None if this message has none."""
    for status in message.status:
        values = {value.key: value.value for value in status.values}
        if values.get(NODE_KEY) == node:
            return NodeStatus(
                _LEVELS.get(_level(status), 'error'), status.message, values.get('estimator', '-'),
                values.get('device', '-'), _number(values.get(RATE_KEY)), _number(values.get(AGE_KEY)),
                values.get(DROPPED_KEY, '-'))
    return None


def _level(status):
    return status.level if isinstance(status.level, bytes) else bytes([status.level])


def _number(text):
    try:
        return float(text)
    except (TypeError, ValueError):     # 'none yet'
        return None


def _viewed_person(pose: WholeBodyPose):
    confidence = np.asarray(pose.joint_confidence)
    return ViewedPerson(
        pose.track_id, pose.state == WholeBodyPose.HELD, pose.confidence, pose.is_operator,
        _points([joint.position for joint in pose.joints]),
        (confidence >= 0) & (confidence < WholeBodyPose.INFERRED),
        (_viewed_hand(pose.left_hand), _viewed_hand(pose.right_hand)))


def _viewed_hand(hand: HandPose):
    side = hand.side if hand.side in skeleton.SIDES else skeleton.SIDES[0]
    return ViewedHand(hand.track_id, side, _STATES.get(hand.state, skeleton.LOST), hand.confidence,
                      _points(hand.keypoints))


def _points(points: Iterable[Any]):
    """geometry_msgs/Point -> (N, 3)."""
    return np.array(array.array('d', [value for point in points for value in (point.x, point.y, point.z)])
                    ).reshape(-1, 3)


def _is_finite(points):
    return bool(np.isfinite(points).all())
