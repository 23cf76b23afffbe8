"""`hand4whole estimate`: pictures, folders and videos to JSON and overlays, without ROS."""
