"""Robot hands and arms that follow an operator's: maths and adapters of libraries, without ROS and without torch."""
