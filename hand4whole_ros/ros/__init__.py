"""The ROS 2 side: the node and all code that uses ROS types, which no other package does."""
