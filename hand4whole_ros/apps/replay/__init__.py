"""What a replay needs that is no ROS: a work folder, results that outlive a stop, and who does the work."""
