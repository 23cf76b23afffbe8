"""What is said about one image, as (topic, message) pairs, whoever takes them: publishers or a bag."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from .. import skeleton
from ..body.model import BodyModel
from ..estimate import WholeBodyEstimate
from ..geometry.camera import Intrinsics
from ..msg import HandPose, Skeleton, WholeBodyPoseArray
from . import images, messages, topics
from .frames import tf_message
from .markers import MarkerBuilder

#: Topic -> type of everything that is said about images.
TYPES = {
    topics.POSES: WholeBodyPoseArray, topics.TF: TFMessage,
    **{topics.WRIST[side]: PoseStamped for side in skeleton.SIDES},
    **{topics.HAND[side]: HandPose for side in skeleton.SIDES},
    topics.MARKERS: MarkerArray, topics.OVERLAY: Image, topics.SKELETON: Skeleton}


class Result(NamedTuple):
    """What is known of one image."""

    header: Header
    image: np.ndarray                       # (H, W, 3) uint8 RGB
    intrinsics: Intrinsics
    people: list[WholeBodyEstimate]
    operator: WholeBodyEstimate | None
    timing: messages.Timing


def skeleton_message(body: BodyModel) -> Skeleton:
    """What does not change from image to image."""
    return messages.skeleton_message(body.name, np.asarray(body.faces), body.num_vertices)


class PoseMessages:
    """Poses, operator and TF; remembers the operator's hands, to call them LOST when the operator is gone."""

    def __init__(self, estimator_name: str):
        self._estimator_name = estimator_name
        self._last_hands: dict[str, HandPose] = {}

    def reset(self) -> None:
        """A new run: nothing said so far holds any more."""
        self._last_hands.clear()

    def of(self, result: Result, publish_tf: bool) -> Iterator[tuple[str, Any]]:
        """Everything but pictures of one image, the poses first."""
        operator_id = None if result.operator is None else result.operator.track_id
        poses = messages.pose_array(result.people, result.header, self._estimator_name, operator_id, result.timing)
        yield topics.POSES, poses
        yield from self._operator(next((pose for pose in poses.poses if pose.is_operator), None), result.header)
        if publish_tf and result.people:
            yield topics.TF, tf_message(result.people, result.header)

    def _operator(self, operator, header):
        """Hands always with their state, wrists only while known; without an operator the hands are LOST."""
        if operator is not None:
            self._last_hands = {'left': operator.left_hand, 'right': operator.right_hand}
        else:
            self._last_hands = {side: messages.lost_hand(last, header) for side, last in self._last_hands.items()}
        for side, hand in self._last_hands.items():
            wrist = messages.wrist_stamped(hand)
            if wrist is not None:
                yield topics.WRIST[side], wrist
            yield topics.HAND[side], hand


class PictureMessages:
    """Markers and overlay, which cost as much as the pose itself. Not thread-safe."""

    def __init__(self, body: BodyModel):
        self._body = body
        self._markers = MarkerBuilder(body)
        self._painter = None

    def reset_markers(self) -> None:
        """The next markers replace whatever a viewer shows."""
        self._markers.reset()

    def meshes(self, result: Result) -> Result:
        """The result with everybody's mesh; both pictures need it."""
        return result._replace(people=[
            dataclasses.replace(person, vertices=self._body.vertices(person)) for person in result.people])

    def markers(self, result: Result) -> bytes:
        """A serialised MarkerArray of a result with meshes."""
        return self._markers.build(result.people, result.header.frame_id,
                                   messages.nanoseconds(result.header.stamp))

    def overlay(self, result: Result) -> np.ndarray:
        """The picture (H, W, 3) uint8 RGB with people drawn over it; the result has meshes."""
        if self._painter is None:
            from ..view.overlay import Overlay  # it brings warp, which takes a second to load
            self._painter = Overlay(self._body)
        return self._painter.draw(result.image, result.people, result.intrinsics)

    def overlay_message(self, result: Result) -> Image:
        """The same as a message."""
        return images.image_message(self.overlay(result), result.header)
