"""People and hands in a browser, in 3D, beside the camera's picture: a scene and a panel on viser, without ROS."""
