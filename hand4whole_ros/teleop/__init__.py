"""Teleoperation of robot hands and arms: maths and adapters of libraries, without ROS and without torch."""
