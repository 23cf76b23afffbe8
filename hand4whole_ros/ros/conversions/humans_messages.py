"""People as the messages of REP-155, hri_msgs: pure builders, where that package is installed (compat.load_hri_msgs).

An id of REP-155 is part of a topic's name, which may not begin with a digit: the id of a body is p and its track id.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from geometry_msgs.msg import TransformStamped
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from ... import skeleton
from ...config import FrameConvention
from ...estimate import WholeBodyEstimate
from ...geometry.boxes import inside
from ...geometry.camera import Intrinsics

#: Constant of hri_msgs/Skeleton2D -> the joint at that point. Nose and ears are no joints: they have confidence 0.
_JOINT_OF_POINT = {
    'NECK': 'neck',
    **{f'{side.upper()}_{name.upper()}': f'{side}_{name}' for side in skeleton.SIDES
       for name in ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle', 'eye')}}


def body_id(person: WholeBodyEstimate) -> str:
    """Id of a person's body in topics and messages."""
    return f'p{person.track_id}'


def make_frames(people: Iterable[WholeBodyEstimate], header: Header, prefix: str) -> TFMessage:
    """The frames body_<id> of REP-155, each the same as that of the person's pelvis. prefix: of both."""
    return TFMessage(transforms=[
        TransformStamped(header=Header(stamp=header.stamp, frame_id=prefix + _pelvis_frame(person.track_id)),
                         child_frame_id=f'{prefix}body_{body_id(person)}') for person in people])


def _pelvis_frame(track_id):
    return skeleton.frame_name('pelvis', track_id, FrameConvention.REP155)


def make_ids(hri_msgs: Any, people: Iterable[WholeBodyEstimate], header: Header) -> Any:
    """IdsList of all people in one image."""
    return hri_msgs.IdsList(header=header, ids=[body_id(person) for person in people])


def make_region(hri_msgs: Any, person: WholeBodyEstimate, header: Header, intrinsics: Intrinsics) -> Any:
    """NormalizedRegionOfInterest2D: the person's box as shares of the image, clipped to it."""
    size = (intrinsics.width, intrinsics.height) * 2
    low_x, low_y, high_x, high_y = np.clip(person.bbox_xyxy.astype(np.float64) / size, 0.0, 1.0).tolist()
    return hri_msgs.NormalizedRegionOfInterest2D(
        header=header, xmin=low_x, ymin=low_y, xmax=high_x, ymax=high_y, c=float(np.clip(person.confidence, 0, 1)))


def make_skeleton(hri_msgs: Any, person: WholeBodyEstimate, header: Header, intrinsics: Intrinsics) -> Any:
    """Skeleton2D: joints as shares of the image; joints outside it, or unknown, are at 0 with confidence 0.

    Confidence is the joint's own, or the person's if the estimator gives none for joints.
    """
    message = hri_msgs.Skeleton2D(header=header)
    sure = person.joint_confidence
    rows = [skeleton.JOINT[joint] for joint in _JOINT_OF_POINT.values()]
    pixels = intrinsics.project(person.joints[rows])
    shown = inside(pixels, intrinsics.width, intrinsics.height)
    # From pixels, whose centres are at whole numbers, to shares of the image, which begin at its edge.
    shares = (np.where(shown[:, None], pixels, -0.5) + 0.5) / (intrinsics.width, intrinsics.height)
    for name, row, seen, (x, y) in zip(_JOINT_OF_POINT, rows, shown.tolist(), shares.tolist()):
        point = message.skeleton[getattr(hri_msgs.Skeleton2D, name)]
        confidence = person.confidence if sure is None else float(sure[row])
        point.x, point.y, point.c = x, y, min(max(confidence, 0.0), 1.0) if seen else 0.0
    return message
