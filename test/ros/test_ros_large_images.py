"""config/fastdds_large_images.xml: with it where the camera runs, best effort loses no large image."""

import os
import subprocess
import sys

import pytest
import rclpy
from locations import ROOT
from ros_peer import BEST_EFFORT, Peer, namespace
from sensor_msgs.msg import Image

PROFILE = ROOT / 'config' / 'fastdds_large_images.xml'
COUNT = 15

CAMERA = f'''
import array, sys, time, rclpy
from sensor_msgs.msg import Image
rclpy.init()
publisher = rclpy.create_node('camera', namespace=sys.argv[1]).create_publisher(Image, 'image', 2)
while not publisher.get_subscription_count():
    time.sleep(0.05)
time.sleep(0.5)
msg = Image(width=1280, height=720, encoding='rgb8', step=3840, data=array.array('B', bytes(1280 * 720 * 3)))
for _ in range({COUNT}):
    publisher.publish(msg)
    time.sleep(0.1)
time.sleep(0.5)
'''


@pytest.mark.skipif(rclpy.get_rmw_implementation_identifier() != 'rmw_fastrtps_cpp', reason='for Fast DDS')
def test_the_profile_brings_every_image_through():
    peer, got = Peer(namespace(), topics=()), []
    peer.node.create_subscription(Image, 'image', got.append, BEST_EFFORT, raw=True)
    camera = subprocess.Popen([sys.executable, '-c', CAMERA, peer.node.get_namespace()],
                              env={**os.environ, 'FASTDDS_DEFAULT_PROFILES_FILE': str(PROFILE)})
    try:
        peer.until(lambda: camera.poll() is not None, 40)
        assert camera.returncode == 0 and len(got) >= COUNT - 3
    finally:
        camera.kill()
        peer.close()
