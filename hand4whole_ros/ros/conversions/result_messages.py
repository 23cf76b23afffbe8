"""The messages about one image, as (topic, serialised message) pairs, for publishers or a bag."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from geometry_msgs.msg import PoseArray, PoseStamped
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from ... import skeleton
from ...body.model import BodyModel
from ...config import FrameConvention, WristAxes
from ...estimate import LooseHandEstimate, WholeBodyEstimate
from ...geometry.camera import Intrinsics
from ...geometry.wrist_axes import convert_wrist
from ...msg import HandPose, HandPoseArray, Skeleton, WholeBodyPoseArray
from ...tracking import TrackedHand
from .. import topics
from ..compat import Detection3DArray
from . import images, messages
from .markers import MarkerBuilder
from .tf_messages import serialise_transforms

#: Topic -> type of all messages about images.
MESSAGE_TYPES = {
    topics.POSES: WholeBodyPoseArray, topics.HANDS: HandPoseArray, topics.TF: TFMessage,
    **{topics.WRIST[side]: PoseStamped for side in skeleton.SIDES},
    **{topics.HAND[side]: HandPose for side in skeleton.SIDES},
    **{topics.HAND_KEYPOINTS[side]: PoseArray for side in skeleton.SIDES}, topics.HEAD: PoseStamped,
    topics.MARKERS: MarkerArray, topics.OVERLAY: Image, topics.SKELETON: Skeleton,
    **({} if Detection3DArray is None else {topics.OBJECTS: Detection3DArray})}


class ImageResult(NamedTuple):
    """Results of one image."""

    header: Header
    image: np.ndarray                       # (H, W, 3) uint8 RGB
    intrinsics: Intrinsics
    people: list[WholeBodyEstimate]
    operator: WholeBodyEstimate | None
    timing: messages.Timing
    hands: Sequence[TrackedHand] = ()       # of people, and loose ones

    @property
    def loose_hands(self) -> list[TrackedHand]:
        """The loose hands."""
        return [hand for hand in self.hands if hand.is_loose]

    @property
    def hand_ids(self) -> dict[tuple[int, str], int]:
        """(track id of a person, side) -> track id of the hand."""
        return {(tracked.person, tracked.hand.side): tracked.track_id for tracked in self.hands if not tracked.is_loose}


def make_body_skeleton_message(body: BodyModel) -> Skeleton:
    """The message that is the same for all images."""
    return messages.make_skeleton_message(body.name, np.asarray(body.faces), body.num_vertices)


class PoseMessageBuilder:
    """Poses, hands, operator and TF; keeps the operator, to publish both hands as LOST when the operator has left."""

    def __init__(self, estimator_name: str, frame_prefix: str = '', wrist_axes: WristAxes = WristAxes.SMPLX,
                 frames: FrameConvention = FrameConvention.SMPLX, *, objects: bool = False):
        """objects: whether grasped objects are published, where vision_msgs is installed."""
        self._objects = objects and topics.OBJECTS in MESSAGE_TYPES
        self._estimator_name, self._frame_prefix, self._wrist_axes = estimator_name, frame_prefix, wrist_axes
        self._frames = frames
        self._operator: tuple[WholeBodyEstimate, np.ndarray] | None = None  # last visible one, and joint_poses

    def reset(self) -> None:
        """Start a new run: earlier messages are invalid."""
        self._operator = None

    def of(self, result: ImageResult, publish_tf: bool) -> Iterator[tuple[str, bytes]]:
        """All messages of one image but markers and overlay, serialised, the poses first."""
        poses = {person.track_id: messages.joint_poses(person) for person in result.people}
        operator_id = None if result.operator is None else result.operator.track_id
        yield (
            topics.POSES,
            messages.serialise_pose_array(
                result.people, poses, result.header, estimator=self._estimator_name, operator_id=operator_id,
                timing=result.timing, hand_ids=result.hand_ids
            ),
        )
        yield topics.HANDS, messages.serialise_hand_array(result.hands, result.header, self._estimator_name)
        if self._objects:
            yield topics.OBJECTS, messages.serialise_object_array(result.hands, result.header)
        if result.operator is not None:
            self._operator = result.operator, poses[result.operator.track_id]
        elif self._operator is not None:
            self._operator = _mark_hands_lost(self._operator[0]), self._operator[1]
        if result.operator is not None:
            head = poses[result.operator.track_id][skeleton.JOINT['head']]
            yield topics.HEAD, messages.serialise_pose_stamped(result.header, head)
        if self._operator is not None:
            yield from _operator_messages(*self._operator, result.header, hand_ids=result.hand_ids,
                                          axes=self._wrist_axes)
        loose = result.loose_hands
        if publish_tf and (result.people or loose):
            yield topics.TF, serialise_transforms(result.people, result.header, loose, self._frame_prefix,
                                                  convention=self._frames)


def _operator_messages(operator, poses, header, *, hand_ids, axes):
    """Hands always, with their state; wrists only while known."""
    for hand in operator.hands:
        wrist = poses[skeleton.WRIST[hand.side]]
        if hand.state != skeleton.LOST:
            chosen = convert_wrist(wrist, axes, hand.side)
            yield topics.WRIST[hand.side], messages.serialise_pose_stamped(header, chosen)
        message = messages.serialise_hand_pose(operator, hand.side, header, wrist, hand_ids=hand_ids)
        yield topics.HAND[hand.side], message
        yield topics.HAND_KEYPOINTS[hand.side], messages.serialise_hand_keypoints(hand, header, poses)


def _mark_hands_lost(operator):
    """The same, both hands LOST."""
    return dataclasses.replace(operator, **{
        f'{hand.side}_hand': dataclasses.replace(hand, state=skeleton.LOST) for hand in operator.hands})


class VisualizationMessageBuilder:
    """Markers and overlay, which take as long as the pose itself. Not thread-safe."""

    def __init__(self, body: BodyModel):
        self._body = body
        self._markers = MarkerBuilder(body)
        self._overlay = None

    def reset_markers(self) -> None:
        """The next markers replace all that a viewer shows."""
        self._markers.reset()

    def add_meshes(self, result: ImageResult) -> ImageResult:
        """The result with the meshes of all people, which markers and overlay need."""
        return result._replace(people=[
            dataclasses.replace(person, vertices=self._body.vertices(person)) for person in result.people])

    def markers(self, result: ImageResult) -> bytes:
        """A serialised MarkerArray of a result with meshes."""
        return self._markers.build(result.people, result.header.frame_id,
                                   messages.to_nanoseconds(result.header.stamp), result.loose_hands)

    def overlay(self, result: ImageResult) -> np.ndarray:
        """The image (H, W, 3) uint8 RGB with people drawn over it; the result has meshes."""
        if self._overlay is None:
            from ...rendering.overlay import Overlay
            self._overlay = Overlay(self._body)
        loose = [tracked.hand for tracked in result.loose_hands if isinstance(tracked.hand, LooseHandEstimate)]
        return self._overlay.draw(result.image, result.people, result.intrinsics, loose)

    def build_overlay(self, result: ImageResult) -> Image:
        """The same as a message."""
        return images.image_message(self.overlay(result), result.header)
