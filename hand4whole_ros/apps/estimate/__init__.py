"""`hand4whole estimate`: images, folders and videos to JSON and overlays, without ROS."""
