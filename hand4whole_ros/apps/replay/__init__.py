"""Parts of a replay without ROS: a work folder, results that survive a stop, and executors."""
