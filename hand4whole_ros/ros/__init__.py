"""The ROS 2 side: the node and everything that knows a ROS type. Nothing below this folder does."""
