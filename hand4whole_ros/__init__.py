"""A person in front of an ordinary camera becomes a whole-body SMPL-X pose, on ROS 2 topics."""

__version__ = '0.1.0'
