"""`hand4whole play`: a bag, played to a running ROS system."""
