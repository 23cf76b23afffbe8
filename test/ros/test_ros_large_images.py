"""config/fastdds_large_images.xml: with it where the camera runs, best effort loses no large image."""

import os
import random
import subprocess
import sys
import time

import pytest
import rclpy
from locations import ROOT
from ros_peer import BEST_EFFORT, NodeProcess, Peer, namespace
from scripted_node import picture
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


def test_images_that_do_not_arrive_are_named_with_the_cure(tmp_path):
    """The camera's stamps go on, and two of three images are not sent."""
    process = NodeProcess(tmp_path, namespace(), diagnostics_period=0.2)
    peer = Peer(process.namespace, diagnostics=True)
    try:
        assert process.says('waiting for images', 60), process.log()
        numbers, start = iter(range(10**6)), time.time_ns()
        chance = random.Random(0)

        def said():
            return [status.message for _, status in peer.reports()[:1]]

        def named():
            number = next(numbers)
            if chance.random() < 1 / 3:
                peer.show(picture(1), stamp=divmod(start + number * 33_333_333, 10**9))
                peer.spin(0.01)
            return (any('Hz camera do not arrive: set image_transport to compressed' in line for line in said())
                    and int(peer.value('frames lost on the way in')) > 0)
        assert peer.until(named, 60), said()
    finally:
        peer.close()
        process.stop()
