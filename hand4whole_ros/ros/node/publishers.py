"""The node's publishers. Poses are published at once; mesh and overlay are drawn on a thread of their own.

Drawing takes as long as estimating the pose. On its own thread it never delays the next pose: if the
machine is too slow for both, meshes and overlays are skipped.
"""

from __future__ import annotations

import threading

from ...body.model import BodyModel
from ...config import FrameConvention
from ...msg import OperatorStatus
from .. import topics
from ..compat import load_hri_msgs
from ..conversions.result_messages import (
    MESSAGE_TYPES,
    ImageResult,
    PoseMessageBuilder,
    VisualizationMessageBuilder,
    make_body_skeleton_message,
)
from . import qos
from .diagnostics import Health
from .humans_publishers import HumansPublishers
from .latest_worker import LatestWorker
from .parameters import NodeParameters

#: Topic -> quality of service.
_QOS_PROFILES = {topics.TF: qos.TF, topics.MARKERS: qos.VISUALIZATIONS, topics.OVERLAY: qos.VISUALIZATIONS,
             topics.SKELETON: qos.SKELETON}

#: Topics that are not about one image, and therefore not in MESSAGE_TYPES.
_STATUS_TYPES = {topics.OPERATOR_STATUS: OperatorStatus}


class NodePublishers:
    """Publishers that are active while the node is."""

    def __init__(self, node, body: BodyModel, estimator_name: str, *, health: Health,
                 parameters: NodeParameters, objects: bool = False):
        """objects: whether the estimator gives grasped objects."""
        self._node, self._body, self._health = node, body, health
        self._publishers = {topic: self._create(kind, topic, _QOS_PROFILES.get(topic, qos.POSES))
                            for topic, kind in (MESSAGE_TYPES | _STATUS_TYPES).items()}
        self._poses = PoseMessageBuilder(estimator_name, parameters.frame_prefix, parameters.wrist_axes,
                                         parameters.frames, objects=objects)
        self._humans = None
        if parameters.frames == FrameConvention.REP155:
            self._humans = self._create_humans(parameters.frame_prefix)
        self._visualizations = VisualizationMessageBuilder(body)
        self._markers_reset = threading.Event()
        self._drawing_worker = LatestWorker(self._draw, self._handle_drawing_error)

    def _create(self, message_type, topic, profile):
        return self._node.create_lifecycle_publisher(
            message_type, topic, profile,
            event_callbacks=qos.publisher_events(topic, self._node.get_logger().warning))

    def _create_humans(self, frame_prefix):
        hri_msgs = load_hri_msgs()
        if hri_msgs is None:
            self._node.get_logger().info('frames are those of REP-155; its topics below /humans are left out, as '
                                         'hri_msgs is not installed (ros-$ROS_DISTRO-hri-msgs)')
            return None
        return HumansPublishers(self._node, hri_msgs, frame_prefix)

    def destroy(self) -> None:
        """Remove the publishers."""
        if self._humans is not None:
            self._humans.destroy()
            self._humans = None
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)
        self._publishers = {}

    def start(self) -> None:
        """The node becomes active: publish the constant message, latched, and start the drawing thread."""
        self._publishers[topics.SKELETON].publish(make_body_skeleton_message(self._body))
        self._drawing_worker.start()

    def stop(self, timeout: float) -> bool:
        """Stop drawing. False if the present drawing was not finished within `timeout` seconds."""
        return self._drawing_worker.stop(timeout)

    def reset(self) -> None:
        """Start a new run: everything shown so far is invalid."""
        self._markers_reset.set()
        self._poses.reset()

    def publish_poses(self, result: ImageResult, publish_tf: bool) -> None:
        """Publish poses, operator and TF of one image."""
        for topic, message in self._poses.of(result, publish_tf):
            self._publishers[topic].publish(message)
        if self._humans is not None:
            self._humans.publish(result, publish_tf)

    def publish_operator_status(self, status: OperatorStatus) -> None:
        """Publish the state of the operator, at any time."""
        self._publishers[topics.OPERATOR_STATUS].publish(status)

    def publish_pictures(self, result: ImageResult) -> None:
        """Draw and publish markers and overlay, each only while it has subscribers."""
        markers, overlay = self._subscribed_visualizations()
        if not markers:
            self._markers_reset.set()
        if markers or overlay:
            self._drawing_worker.submit(result)

    def _subscribed_visualizations(self):
        return tuple(self._publishers[topic].get_subscription_count() > 0 for topic in (topics.MARKERS, topics.OVERLAY))

    def _draw(self, result):
        """On the drawing thread; the mesh is computed once for both."""
        markers, overlay = self._subscribed_visualizations()
        with self._health.stage('mesh'):
            result = self._visualizations.add_meshes(result)
        if markers:
            with self._health.stage('markers'):
                if self._markers_reset.is_set():
                    self._markers_reset.clear()
                    self._visualizations.reset_markers()
                self._publishers[topics.MARKERS].publish(self._visualizations.markers(result))
        if overlay:
            with self._health.stage('overlay'):
                self._publishers[topics.OVERLAY].publish(self._visualizations.build_overlay(result))

    def _handle_drawing_error(self, error):
        if self._node.context.ok():     # else a signal ended the context while publishing
            self._node.get_logger().error(f'nothing drawn: {type(error).__name__}: {error}', throttle_duration_sec=5.0)
