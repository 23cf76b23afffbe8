"""Time of a full mesh as markers: written as bytes, and from one object a corner. For `hand4whole bench`."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Vector3
from rclpy.node import Node
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from ... import skeleton
from ...config import EstimatorConfig
from ...geometry.camera import Intrinsics
from ...ros.conversions.markers import MarkerBuilder
from ...ros.node import qos
from ...system.memory import configure_malloc
from ..prepared_estimator import PreparedEstimator
from ..timing import time_interleaved

_TOPIC = 'hand4whole/markers'
_BONES = [(parent, joint) for joint, parent in enumerate(skeleton.PARENTS) if parent >= 0]


def measure(publisher) -> dict[str, float]:
    """markers_ms and markers_naive_ms."""
    estimator = PreparedEstimator(EstimatorConfig())
    person = estimator.estimate(np.zeros((480, 640, 3), np.uint8), Intrinsics.from_fov(640, 480))[0]
    person = replace(person, vertices=estimator.body.vertices(person))
    builder = MarkerBuilder(estimator.body)
    return time_interleaved({
        'markers_ms': lambda: publisher.publish(builder.build([person], 'camera', 0)),
        'markers_naive_ms': lambda: publisher.publish(build_naive_markers(person, estimator.body.faces))}, seconds=5.0)


def build_naive_markers(person, faces) -> MarkerArray:
    """Mesh, bones and joints of a person, by the straightforward method."""
    def marker(kind, number, points):
        return Marker(header=Header(stamp=Time(), frame_id='camera'), id=number, type=kind,
                      scale=Vector3(x=1.0, y=1.0, z=1.0), color=ColorRGBA(r=0.6, g=0.7, b=0.8, a=1.0),
                      points=[Point(x=x, y=y, z=z) for x, y, z in points.tolist()])
    joints = person.joints.astype(np.float64)
    return MarkerArray(markers=[
        marker(Marker.TRIANGLE_LIST, 0, person.vertices.astype(np.float64)[faces.reshape(-1)]),
        marker(Marker.LINE_LIST, 1, joints[np.array(_BONES).reshape(-1)]), marker(Marker.SPHERE_LIST, 2, joints)])


def main() -> None:
    """Wait for a subscriber, measure, and write the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--out', type=Path, required=True)
    args, _ = parser.parse_known_args()  # the rest is ROS's
    configure_malloc()  # as in the node
    rclpy.init()
    try:
        publisher = Node('bench_markers').create_publisher(MarkerArray, _TOPIC, qos.VISUALIZATIONS)
        while not publisher.get_subscription_count():
            time.sleep(0.05)
        args.out.write_text(json.dumps(measure(publisher)))
    finally:
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
