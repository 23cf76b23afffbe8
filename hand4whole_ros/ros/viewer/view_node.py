"""The node hand4whole_viewer: subscribes to the results of the node hand4whole, and shows them on a page."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from sensor_msgs.msg import Image

from ...config import ViewerConfig
from ...msg import HandPoseArray, Skeleton, WholeBodyPoseArray
from ...viewer.body_mesh import BodyMeshes
from ...viewer.panel import NodeStatus, Panel
from ...viewer.people import ViewedImage
from ...viewer.scene import Scene
from ...viewer.server import create_server, page_address
from .. import topics
from ..conversions import images
from ..node import given_parameters, qos
from ..node.latest_worker import LatestWorker
from ..node.parameter_table import ParameterTable
from ..node.program import one_line
from . import received

#: Seconds after which shown results are outdated, as the node may have stopped; if poses come slowly, so many
#: intervals between them, if that is longer.
MAX_SILENCE, MAX_SILENT_INTERVALS = 3.0, 2.5

#: The same for its diagnostics, which come every second by default.
MAX_DIAGNOSTICS_SILENCE = 5.0

#: Seconds between two checks for outdated results and for clients.
_CHECK_PERIOD = 0.25

#: Maximum seconds to finish the mesh being computed when the node stops.
_STOP_TIMEOUT = 2.0


@dataclass(frozen=True)
class ViewerParameters(ViewerConfig, ParameterTable):
    """The parameters of the node hand4whole_viewer."""


class ViewNode(Node):
    """The page and its subscriptions. Raises ParameterError or ViewerError if it cannot start."""

    def __init__(self, arguments: list[str] | None = None, **node_arguments):
        """arguments: what rclpy.init was given, to name parameters that the node does not have; None: sys.argv."""
        super().__init__(topics.VIEWER_NODE_NAME, **node_arguments)
        self.parameters = given_parameters.declare_given_parameters(
            self, ViewerParameters, sys.argv if arguments is None else arguments)
        self._server = create_server(self.parameters.viewer_host, self.parameters.viewer_port)
        self._scene = Scene(self._server)
        self._panel = Panel(self._server, picture=self.parameters.picture_rate > 0, mesh=self.parameters.mesh_rate > 0)
        self._meshes, self._body_name = BodyMeshes(self._server), ''
        self._mesh_worker = LatestWorker(lambda people: self._meshes.show(people, self._body_name), self._refuse_mesh)
        self._mesh_worker.min_period = 1 / self.parameters.mesh_rate if self.parameters.mesh_rate else 0.0
        self._shows_mesh = False
        self._mesh_worker.start()
        self._hands: HandPoseArray | None = None
        self._status, self._last_poses, self._last_status = NodeStatus(), 0.0, time.monotonic()
        self._last_picture, self._max_silence = 0.0, MAX_SILENCE
        self._overlay = None
        namespace = self.get_namespace().rstrip('/')
        #: Full name of the node that is shown.
        self.source = f'{namespace}/{topics.NODE_NAME}'
        self.create_subscription(WholeBodyPoseArray, self._topic(topics.POSES), self._show_poses, qos.VISUALIZATIONS)
        self.create_subscription(HandPoseArray, self._topic(topics.HANDS), self._keep_hands, qos.VISUALIZATIONS)
        self.create_subscription(Skeleton, self._topic(topics.SKELETON), self._keep_body_name, qos.SKELETON)
        self.create_subscription(DiagnosticArray, topics.DIAGNOSTICS, self._show_diagnostics, qos.DIAGNOSTICS)
        self.create_timer(_CHECK_PERIOD, self._check, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.address = page_address(self.parameters.viewer_host, self._server.get_port())
        self.get_logger().info(f'open {self.address} in a browser: it shows the node {self.source}')

    def stop(self) -> None:
        """Close the page."""
        self._mesh_worker.stop(_STOP_TIMEOUT)
        self._server.stop()

    def _topic(self, topic):
        """A topic of the node that is shown, which may be remapped."""
        return topics.absolute_topic(topic)[1:]

    def _keep_hands(self, message):
        self._hands = message

    def _show_poses(self, message):
        now = time.monotonic()
        if self._last_poses:
            self._max_silence = max(MAX_SILENCE, MAX_SILENT_INTERVALS * (now - self._last_poses))
        self._last_poses = now
        image = received.viewed_image(message, self._hands)
        self._scene.show(image)
        self._panel.show_people(image)
        self._show_mesh(message)

    def _keep_body_name(self, message):
        self._body_name = message.model

    def _show_mesh(self, poses=None):
        """Show the mesh of these poses if it is requested; else none."""
        people = received.body_parameters(poses) if poses is not None and self._panel.wants_mesh else None
        if people is not None or self._shows_mesh:
            self._mesh_worker.submit(people or {})
        self._shows_mesh = people is not None

    def _refuse_mesh(self, error):
        self.get_logger().warning(f'no meshes: {one_line(error)}')
        self._panel.refuse_mesh()

    def _show_diagnostics(self, message):
        status = received.node_status(message, self.source)
        if status is not None:
            self._last_status, self._status = time.monotonic(), status
            self._panel.show_status(status)

    def _show_picture(self, message):
        now = time.monotonic()
        if now - self._last_picture < 1 / self.parameters.picture_rate:
            return
        try:
            rgb = images.decode_image(message)
        except images.ImageMessageError as error:
            self.get_logger().warning(f'{message.header.frame_id}: {error}', throttle_duration_sec=5.0)
            return
        self._last_picture = now
        self._panel.show_picture(rgb)

    def _check(self):
        """Remove outdated results, and subscribe to images only while a client shows them: the node draws only then."""
        now = time.monotonic()
        if self._last_poses and now - self._last_poses > self._max_silence:
            self._last_poses, self._hands = 0.0, None
            self._scene.show(ViewedImage())
            self._panel.show_silence()
            self._show_mesh()
        if now - self._last_status > MAX_DIAGNOSTICS_SILENCE:
            self._last_status = now
            self._status = replace(NodeStatus(), message=f'no word from the node {self.source}: does it run?')
            self._panel.show_status(self._status)
        wanted = self._panel.wants_picture
        if wanted and self._overlay is None:
            self._overlay = self.create_subscription(
                Image, self._topic(topics.OVERLAY), self._show_picture, qos.VISUALIZATIONS)
        elif not wanted and self._overlay is not None:
            self.destroy_subscription(self._overlay)
            self._overlay = None
