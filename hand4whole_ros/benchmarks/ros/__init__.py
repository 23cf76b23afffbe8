"""Measurements of the node and of what it publishes, with real ROS messages and processes."""
