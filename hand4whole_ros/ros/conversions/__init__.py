"""ROS messages to arrays and estimates, and back."""
