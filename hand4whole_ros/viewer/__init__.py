"""People and hands in a browser, in 3D, with the camera's image: a scene and a panel on viser, without ROS."""
