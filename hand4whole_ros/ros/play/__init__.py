"""`hand4whole play`: a bag as a running ROS system sees it."""
