"""RViz in the frame of the images, which is known with the first image: waits for it, then executes RViz.

    python -m hand4whole_ros.ros.node.rviz POSES_TOPIC RVIZ [ARGUMENT ...]
"""

from __future__ import annotations

import os
import sys

import rclpy
from rclpy.executors import ExternalShutdownException

from ...msg import WholeBodyPoseArray
from . import qos


def main(arguments: list[str] | None = None) -> int:
    """Wait for a message on the first argument, and execute the others with `-f FRAME` behind them."""
    topic, *command = sys.argv[1:] if arguments is None else arguments
    try:
        frame = wait_for_frame(topic)
    except (KeyboardInterrupt, ExternalShutdownException):
        frame = None
    if frame is None:
        return 0
    os.execv(command[0], [*command, '-f', frame])


def wait_for_frame(topic: str) -> str | None:
    """frame_id of the first message; None if ROS was shut down before."""
    # Remappings in sys.argv are RViz's.
    rclpy.init(args=[])
    try:
        node = rclpy.create_node(f'rviz_frame_{os.getpid()}')
        found: list[str] = []
        node.create_subscription(WholeBodyPoseArray, topic, lambda message: found.append(message.header.frame_id),
                                 qos.VISUALIZATIONS)
        node.get_logger().info('RViz opens with the first image: its fixed frame is that of the images')
        while rclpy.ok() and not found:
            rclpy.spin_once(node)
        return found[0] if found else None
    finally:
        rclpy.try_shutdown()


if __name__ == '__main__':
    sys.exit(main())
