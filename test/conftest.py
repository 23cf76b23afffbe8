"""What several tests share: one body, one domain of their own for ROS."""

import os

# Tests talk to each other, not to the robot next door.
os.environ.setdefault('ROS_DOMAIN_ID', '87')
os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
