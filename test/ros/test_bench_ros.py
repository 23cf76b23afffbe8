"""The stages of `hand4whole bench` that start the real node: short runs, real middleware."""

import numpy as np
import pytest
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image

from hand4whole_ros.benchmarks.prepared_estimator import PreparedEstimator
from hand4whole_ros.benchmarks.ros import camera_peer, node_stages
from hand4whole_ros.config import EstimatorConfig
from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.synthetic.motion import PersonMotion


@pytest.mark.parametrize('own_hands', [False, True])
def test_the_prepared_person_is_a_person_who_moves(own_hands):
    estimator = PreparedEstimator(EstimatorConfig(), own_hands=own_hands)
    (first,), (second,) = (estimator.estimate(np.zeros((480, 640, 3), np.uint8), Intrinsics.from_fov(640, 480))
                           for _ in range(2))
    assert first.is_finite() and all(hand.visible and hand.has_own_shape == own_hands for hand in first.hands)
    assert 0 < np.linalg.norm(first.joints - second.joints, axis=-1).max() < 0.2
    assert (first.joints[:, 2] > 0).all()


def test_only_the_stamp_of_a_picture_changes():
    picture = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    message = deserialize_message(camera_peer._SerialisedImage(picture).stamped(5_000_000_007), Image)
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (5, 7)
    np.testing.assert_array_equal(np.frombuffer(message.data, np.uint8).reshape(4, 6, 3), picture)


def test_overhead_is_what_the_node_adds(monkeypatch):
    monkeypatch.setattr(node_stages, '_WARM_UP', 15)
    spent, remark = node_stages._node_overhead(30, (), 'test')
    assert 8 <= len(spent) <= 31 and 0 < np.median(spent) < 200
    assert 'decode' in remark and 'publish' in remark
    # An estimator's time is no overhead of the node's: it is said, and has to be taken off.
    slow, _ = node_stages._node_overhead(30, ('--seconds', '0.15'), 'test')
    assert np.median(slow) - np.median(spent) > 60  # far from what a busy machine adds to either


def test_overload_ages_are_of_the_images(monkeypatch):
    found = node_stages.overload(4.0)
    # 100 ms of estimator, and at most the wait for it before: nothing queues.
    assert 100 < found['figures']['overload_age_ms_p99'] < 1000
    assert np.isfinite(found['figures']['overload_rss_mb_per_minute'])


def test_markers_as_bytes_are_faster_than_as_objects():
    figures = node_stages.markers()['figures']
    assert 0 < figures['markers_ms'] < figures['markers_naive_ms'] / 5


def test_the_first_pose_is_the_named_estimators(monkeypatch):
    motion = PersonMotion()
    seconds, megabytes = node_stages._first_pose(motion, [motion.frame(0.0)], 'mediapipe')
    assert 0 < seconds < 300 and megabytes > 100
    monkeypatch.setattr(node_stages, '_NODE', node_stages._PREPARED_NODE)
    with pytest.raises(RuntimeError, match='poses come from estimator prepared, not mediapipe'):
        node_stages._first_pose(motion, [motion.frame(0.0)], 'mediapipe')
