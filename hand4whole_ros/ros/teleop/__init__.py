"""Teleoperation on ROS topics: a robot hand and a robot's wrist follow the operator's hand."""
