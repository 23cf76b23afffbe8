"""The node's publishers. Poses go out at once; mesh and overlay are drawn on a thread of their own.

Drawing costs as much as finding the pose. On its own thread it never delays the next pose: where the
machine is too slow for both, pictures are left out.
"""

from __future__ import annotations

import dataclasses
import threading
from typing import NamedTuple

import numpy as np
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from .. import skeleton
from ..estimate import WholeBodyEstimate
from ..geometry.camera import Intrinsics
from ..msg import HandPose, Skeleton, WholeBodyPoseArray
from . import images, messages, qos, topics
from .diagnostics import Health
from .frames import tf_message
from .inference import LatestWorker
from .markers import MarkerBuilder


class Result(NamedTuple):
    """What is known of one image."""

    header: Header
    image: np.ndarray                       # (H, W, 3) uint8 RGB
    intrinsics: Intrinsics
    people: list[WholeBodyEstimate]
    operator: WholeBodyEstimate | None
    timing: messages.Timing


class Outputs:
    """Publishers that speak while the node is active."""

    def __init__(self, node, body, estimator_name: str, health: Health):
        self._node, self._body, self._estimator_name, self._health = node, body, estimator_name, health
        self._publishers = []
        self._poses = self._create(WholeBodyPoseArray, topics.POSES, qos.POSES)
        self._tf = self._create(TFMessage, topics.TF, qos.TF)
        self._wrists = {side: self._create(PoseStamped, topics.WRIST[side], qos.POSES) for side in skeleton.SIDES}
        self._hands = {side: self._create(HandPose, topics.HAND[side], qos.POSES) for side in skeleton.SIDES}
        self._markers = self._create(MarkerArray, topics.MARKERS, qos.PICTURES)
        self._overlay = self._create(Image, topics.OVERLAY, qos.PICTURES)
        self._skeleton = self._create(Skeleton, topics.SKELETON, qos.SKELETON)
        self._marker_builder = MarkerBuilder(body)
        self._markers_anew = threading.Event()
        self._painter = None
        self._pictures = LatestWorker(self._draw, self._drawing_failed)
        self._last_hands: dict[str, HandPose] = {}

    def _create(self, message_type, topic, profile):
        publisher = self._node.create_lifecycle_publisher(
            message_type, topic, profile,
            event_callbacks=qos.publisher_events(topic, self._node.get_logger().warning))
        self._publishers.append(publisher)
        return publisher

    def destroy(self) -> None:
        """Remove the publishers."""
        for publisher in self._publishers:
            self._node.destroy_lifecycle_publisher(publisher)
        self._publishers = []

    def start(self) -> None:
        """The node becomes active: publish what does not change, latched, and be ready to draw."""
        self._skeleton.publish(messages.skeleton_message(
            self._body.name, np.asarray(self._body.faces), self._body.num_vertices))
        self._pictures.start()

    def stop(self, timeout: float) -> bool:
        """Draw no more. False where the picture in hand was not finished within `timeout` seconds."""
        return self._pictures.stop(timeout)

    def reset(self) -> None:
        """A new run: nothing shown so far holds any more."""
        self._markers_anew.set()
        self._last_hands.clear()

    def publish_poses(self, result: Result, publish_tf: bool) -> None:
        """Poses, operator and TF of one image."""
        operator_id = None if result.operator is None else result.operator.track_id
        poses = messages.pose_array(result.people, result.header, self._estimator_name, operator_id, result.timing)
        self._poses.publish(poses)
        self._publish_operator(next((pose for pose in poses.poses if pose.is_operator), None), result.header)
        if publish_tf and result.people:
            self._tf.publish(tf_message(result.people, result.header))

    def _publish_operator(self, operator, header):
        """Hands always with their state, wrists only while known; without an operator the hands are LOST."""
        if operator is not None:
            self._last_hands = {'left': operator.left_hand, 'right': operator.right_hand}
        else:
            self._last_hands = {side: messages.lost_hand(last, header) for side, last in self._last_hands.items()}
        for side, hand in self._last_hands.items():
            wrist = messages.wrist_stamped(hand)
            if wrist is not None:
                self._wrists[side].publish(wrist)
            self._hands[side].publish(hand)

    def publish_pictures(self, result: Result) -> None:
        """Have markers and overlay drawn and published, each only while somebody listens."""
        markers, overlay = self._wanted()
        if not markers:
            self._markers_anew.set()
        if markers or overlay:
            self._pictures.submit(result)

    def _wanted(self):
        return self._markers.get_subscription_count() > 0, self._overlay.get_subscription_count() > 0

    def _draw(self, result):
        """On the drawing thread; the mesh is computed once for both."""
        markers, overlay = self._wanted()
        with self._health.stage('mesh'):
            people = [dataclasses.replace(p, vertices=self._body.vertices(p)) for p in result.people]
        if markers:
            with self._health.stage('markers'):
                if self._markers_anew.is_set():
                    self._markers_anew.clear()
                    self._marker_builder.reset()
                self._markers.publish(self._marker_builder.build(
                    people, result.header.frame_id, messages.nanoseconds(result.header.stamp)))
        if overlay:
            with self._health.stage('overlay'):
                if self._painter is None:
                    from ..view.overlay import Overlay  # it brings warp, which takes a second to load
                    self._painter = Overlay(self._body)
                picture = self._painter.draw(result.image, people, result.intrinsics)
                self._overlay.publish(images.image_message(picture, result.header))

    def _drawing_failed(self, error):
        self._node.get_logger().error(f'nothing drawn: {type(error).__name__}: {error}', throttle_duration_sec=5.0)
