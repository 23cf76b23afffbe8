"""Measurements of the node and of its messages, with real ROS messages and processes."""
