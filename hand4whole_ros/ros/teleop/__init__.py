"""Teleoperation on ROS topics: retargeting to a robot hand, and control of a robot's wrist by the operator's."""
