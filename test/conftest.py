"""What several tests share: one body, one domain of their own for ROS."""

import os

import pytest

# Tests talk to each other, not to the robot next door.
os.environ.setdefault('ROS_DOMAIN_ID', '87')
os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')


@pytest.fixture(scope='session')
def body():
    """The open body, built on the first use on this machine."""
    from hand4whole_ros.body.model import BodyModel
    return BodyModel.load()
