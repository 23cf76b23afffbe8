"""The node in one process, a camera and a listener in another: the ROS contract, over the wire."""

import time
from collections import Counter

import numpy as np
import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_peer import BEST_EFFORT, LATCHED, TYPES, NodeProcess, Peer, camera_info, namespace
from scripted_node import LEFT_LOST, SLOW, SLOW_SECONDS, picture
from sensor_msgs.msg import CameraInfo, Image
from visualization_msgs.msg import Marker

from hand4whole_ros import skeleton
from hand4whole_ros.msg import HandPose, WholeBodyPose, WholeBodyPoseArray

IMAGE = 'cam/image_raw'


@pytest.fixture(scope='module')
def node(tmp_path_factory):
    process = NodeProcess(tmp_path_factory.mktemp('node'), namespace(), '-r', f'image:={IMAGE}',
                          diagnostics_period=0.2, camera_info_timeout=30.0, hold_time=0.0)
    yield process
    code, seconds = process.stop()
    assert code == 0 and seconds < 2.0, (code, seconds, process.log())


@pytest.fixture(scope='module')
def camera(node):
    """A listener to poses whose camera_info is latched and sent once, before the node is up."""
    peer = Peer(node.namespace, tf=True, diagnostics=True)
    peer.publisher(CameraInfo, 'cam/camera_info', LATCHED).publish(camera_info(focal=300.0))
    assert node.says('waiting for images'), node.log()
    peer.show(picture(), IMAGE)
    yield peer
    peer.close()


def answer(camera, *arguments, **keywords):
    return camera.answer(picture(*arguments), topic=IMAGE, **keywords)


def test_a_latched_camera_info_beside_the_remapped_image_is_used(camera):
    pose = answer(camera, 1).poses[0]
    point = pose.left_hand.keypoints[0]
    projected = (300 * point.x / point.z + 159.5, 300 * point.y / point.z + 119.5)
    np.testing.assert_allclose(pose.left_hand.keypoints_2d[:2], projected, atol=0.01)
    assert camera.fresh_value('camera') == 'calibrated'


def test_nothing_is_drawn_while_nobody_listens(camera):
    answer(camera, 1)
    camera.fresh_value('state')
    for stage in ('mesh', 'markers', 'overlay'):
        assert camera.value(f'{stage}: median, max (ms)') is None
    assert camera.value('decode: median, max (ms)') is not None


def test_poses_say_everything(camera):
    got = answer(camera, 2)
    assert got.estimator == 'scripted' and got.header.frame_id == camera.frame and len(got.poses) == 2
    assert len({p.track_id for p in got.poses}) == 2
    for pose in got.poses:
        assert pose.header == got.header and pose.state == WholeBodyPose.OK
        assert pose.left_hand.state == pose.right_hand.state == HandPose.OK
        assert pose.received.sec >= got.header.stamp.sec and 0 < pose.estimation_time < 5
        for joint in pose.joints:
            q = joint.orientation
            assert np.linalg.norm((q.x, q.y, q.z, q.w)) == pytest.approx(1, abs=1e-6)
    assert sum(p.is_operator for p in got.poses) == 1


def test_tf_carries_the_image_stamp_and_rep_155_names(camera):
    answer(camera, 0)       # nobody: whoever was there is gone
    got = answer(camera, 1)
    transforms = camera.tf_of(got.header.stamp).transforms
    frames = {t.child_frame_id: t.header.frame_id for t in transforms}
    track = got.poses[0].track_id
    assert len(frames) == 65 and frames[f'body_{track}'] == camera.frame
    assert frames[f'l_wrist_{track}'] == f'l_elbow_{track}'
    assert frames[f'r_index_2_{track}'] == f'r_index_1_{track}'
    assert frames[f'r_index_tip_{track}'] == f'r_index_3_{track}'


def test_tf_has_the_frames_of_rep_155_where_they_are_wanted(tmp_path):
    process = NodeProcess(tmp_path, namespace(), camera_info_timeout=0.0, frames='rep155')
    peer = Peer(process.namespace, tf=True)
    try:
        assert process.says('waiting for images', 60), process.log()
        got = peer.answer(picture())
        frames = {t.child_frame_id: t.header.frame_id for t in peer.tf_of(got.header.stamp).transforms}
        track = got.poses[0].track_id
        assert frames[f'body_{track}'] == frames[f'face_{track}'] == peer.frame
        assert frames[f'waist_{track}'] == f'body_{track}' and frames[f'gaze_{track}'] == f'face_{track}'
        assert frames[f'l_wrist_{track}'] == f'l_elbow_{track}' and len(frames) == 67
    finally:
        peer.close()
        process.stop()


def test_markers_and_overlay_while_somebody_listens(node, camera):
    viewer = Peer(node.namespace, topics=('markers', 'overlay', 'skeleton'))
    try:
        assert viewer.until(lambda: viewer.got['skeleton'])
        end = time.monotonic() + 30     # the first overlay compiles its kernels
        while not (viewer.got['markers'] and viewer.got['overlay']):
            assert time.monotonic() < end, node.log()
            answer(camera, 1)
            viewer.spin(0.1)
        overlay, shown = viewer.got['overlay'][-1], viewer.got['markers'][-1].markers
        skeleton_message = viewer.got['skeleton'][0]
    finally:
        viewer.close()
    assert (overlay.width, overlay.height, overlay.encoding, overlay.header.frame_id) == (
        320, 240, 'rgb8', camera.frame)
    drawn = np.frombuffer(overlay.data, np.uint8).reshape(240, 320, 3)
    assert (np.abs(drawn.astype(int) - picture(1)).sum(axis=2) > 30).mean() > 0.02
    kinds = {m.ns: m for m in shown if m.action == Marker.ADD}
    assert set(kinds) == {'body', 'left_hand', 'right_hand', 'skeleton', 'joints'}
    corners = sum(len(kinds[name].points) for name in ('body', 'left_hand', 'right_hand'))
    assert corners == len(skeleton_message.faces) and len(kinds['joints'].points) == 55
    depth = np.array([p.z for p in kinds['left_hand'].points])
    assert np.isfinite(depth).all() and 2 < depth.mean() < 4
    assert skeleton_message.names == list(skeleton.JOINT_NAMES)
    camera.spin(0.5)
    done = len(camera.got['poses'])
    answer(camera, 1)
    assert len(camera.got['poses']) > done


def test_the_operator_topics_tell_the_truth(node, camera):
    names = [name for name in TYPES if name.startswith('operator')]
    robot = Peer(node.namespace, topics=names)
    try:
        end = time.monotonic() + 15
        while not all(robot.got[name] for name in names):
            assert time.monotonic() < end
            answer(camera, 1)
            robot.spin(0.05)
        assert 2 < robot.got['operator/left_wrist'][-1].pose.position.z < 4
        robot.spin(0.3)
        for got in robot.got.values():
            got.clear()
        for _ in range(3):
            answer(camera, 1, LEFT_LOST)
            robot.spin(0.05)        # only the newest of a topic is kept
        assert robot.until(lambda: len(robot.got['operator/left_hand']) >= 3 and robot.got['operator/right_wrist'])
        assert not robot.got['operator/left_wrist']
        lost = robot.got['operator/left_hand'][-1]
        assert (lost.state, lost.confidence) == (HandPose.LOST, 0.0) and all(p.z > 1 for p in lost.keypoints)
        assert robot.got['operator/right_hand'][-1].state == HandPose.OK
        assert robot.until(lambda: robot.got['operator/right_hand/keypoints'])
        assert robot.got['operator/left_hand/keypoints'][-1].poses == []
        points = robot.got['operator/right_hand/keypoints'][-1]
        assert points.header.frame_id == camera.frame and len(points.poses) == 21
        assert all(2 < pose.position.z < 4 for pose in points.poses)
        nobody = answer(camera, 0)
        assert nobody.poses == []
        assert robot.until(lambda: robot.got['operator/right_hand'][-1].header == nobody.header)
        assert robot.got['operator/right_hand'][-1].state == HandPose.LOST
        robot.spin(0.1)
        assert all(wrist.header != nobody.header for wrist in robot.got['operator/right_wrist'])
    finally:
        robot.close()


def test_hands_are_there_with_and_without_people(node, camera):
    watcher = Peer(node.namespace, topics=('hands', 'markers'), tf=True)
    watcher.frame = camera.frame

    def hands_of(people, **keywords):
        return watcher.answer(picture(people, **keywords), key='hands', topic=IMAGE)
    try:
        assert hands_of(0).hands == []
        alone = hands_of(0, hands=2)
        assert [(hand.person, hand.side, hand.state) for hand in alone.hands] == [(-1, 'right', HandPose.OK)] * 2
        assert len({hand.track_id for hand in alone.hands}) == 2 and alone.estimator == 'scripted'
        assert all(0.15 < hand.hand_length < 0.25 and hand.header == alone.header for hand in alone.hands)
        transforms = watcher.tf_of(alone.header.stamp).transforms
        assert {t.child_frame_id: t.header.frame_id for t in transforms} == {
            f'r_hand_{hand.track_id}': camera.frame for hand in alone.hands}
        beside = hands_of(1, hands=1)
        assert Counter(hand.person < 0 for hand in beside.hands) == {False: 2, True: 1}
        assert watcher.until(lambda: any(m.ns == 'hands' for got in watcher.got['markers'] for m in got.markers))
        assert camera.until(lambda: int(camera.fresh_value('hands')) == 3, 10)
    finally:
        watcher.close()


def test_what_a_hand_grasps_is_a_detection_a_marker_and_counted(node, camera):
    watcher = Peer(node.namespace, topics=('hands', 'objects', 'markers'))
    watcher.frame = camera.frame

    def said(topic, stamp):
        found = []
        assert watcher.until(lambda: found.extend(m for m in watcher.got[topic] if m.header.stamp == stamp) or found)
        return found[0]
    try:
        assert watcher.answer(picture(0, hands=1), key='objects', topic=IMAGE).detections == []
        got = watcher.answer(picture(0, hands=2), key='objects', topic=IMAGE)
        (detection,) = got.detections
        hands = {str(hand.track_id): hand for hand in said('hands', got.header.stamp).hands}
        assert hands[detection.id].grasping and len(hands) == 2 and detection.bbox.size.y == pytest.approx(0.1)
        assert watcher.until(lambda: any(m.ns == 'objects' and m.action == Marker.ADD
                                         for array in watcher.got['markers'] for m in array.markers))
        assert camera.until(lambda: camera.fresh_value('objects') == '1', 10)
    finally:
        watcher.close()


def test_nobody_is_an_empty_array_and_no_tf(camera):
    answer(camera, 0)
    camera.got['tf'].clear()
    assert answer(camera, 0).poses == []
    camera.spin(0.1)
    assert not camera.got['tf']


def test_a_late_subscriber_gets_the_skeleton(node):
    late = Peer(node.namespace, topics=('skeleton',))
    try:
        assert late.until(lambda: late.got['skeleton'])
        assert late.got['skeleton'][0].num_vertices > 10_000
    finally:
        late.close()


def test_overload_drops_frames_and_latency_stays_flat(camera):
    before = int(camera.fresh_value('frames dropped: overload'))
    end, sent = time.monotonic() + 3.0, 0
    camera.got['poses'].clear()
    ages = []
    while time.monotonic() < end:
        camera.show(picture(1, SLOW), IMAGE)
        sent += 1
        known = len(camera.got['poses'])
        camera.spin(0.03)
        for pose in camera.got['poses'][known:]:
            ages.append(time.time() - pose.header.stamp.sec - pose.header.stamp.nanosec * 1e-9)
    assert 3 <= len(ages) <= 11
    assert max(ages) < 2 * SLOW_SECONDS + 0.5
    camera.spin(0.8)
    assert int(camera.fresh_value('frames dropped: overload')) - before > sent / 2


def test_the_node_costs_little(camera, record_property):
    costs = []
    for _ in range(60):
        pose = answer(camera, 1).poses[0]
        seconds = pose.published.sec - pose.received.sec
        costs.append(seconds * 1e3 + (pose.published.nanosec - pose.received.nanosec) * 1e-6)
    median, high = np.percentile(costs, [50, 95])
    record_property('received_to_published_ms', f'p50 {median:.1f}, p95 {high:.1f}')
    assert median < 60


def test_parameters_change_while_running(camera):
    try:
        assert camera.set_parameter('publish_tf', False) == (True, '')
        answer(camera, 1)
        camera.spin(0.1)
        camera.got['tf'].clear()
        answer(camera, 1)
        camera.spin(0.1)
        assert not camera.got['tf']
    finally:
        assert camera.set_parameter('publish_tf', True)[0]
    assert camera.set_parameter('max_rate', 5) == (True, '')    # an integer is welcome as a float
    before = len(camera.got['poses'])
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        camera.show(picture(1), IMAGE)
        camera.spin(0.03)
    assert 3 <= len(camera.got['poses']) - before <= 7
    assert camera.set_parameter('max_rate', 0.0)[0]


@pytest.mark.parametrize('name, value, reason', [
    ('estimator', 'mediapipe', 'parameter estimator is read at configure'),
    ('operator', 'loudest', 'parameter operator: expected one of nearest, largest, first'),
    ('smoothing', 'yes', "parameter smoothing: expected true or false, found 'yes' (str)"),
    ('min_confidence', 3.0, 'min_confidence out of range'),
    ('max_rate', float('nan'), 'max_rate out of range')])
def test_wrong_parameters_are_refused_by_name(camera, name, value, reason):
    successful, why = camera.set_parameter(name, value)
    assert not successful and reason in why
    answer(camera, 1)


def test_every_kind_of_publisher_matches(camera):
    for qos in (BEST_EFFORT, QoSProfile(depth=1), LATCHED):
        publisher = camera.node.create_publisher(Image, IMAGE, qos)
        camera.publishers[(IMAGE, Image)], usual = publisher, camera.publishers[(IMAGE, Image)]
        answer(camera, 1)
        camera.publishers[(IMAGE, Image)] = usual
        camera.node.destroy_publisher(publisher)


def test_a_subscriber_that_asks_too_much_is_named(node, camera):
    greedy = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL, reliability=ReliabilityPolicy.RELIABLE)
    subscription = camera.node.create_subscription(WholeBodyPoseArray, 'hand4whole/poses', print, greedy)
    assert node.says('a subscriber on ~/poses requests an incompatible DURABILITY')
    camera.node.destroy_subscription(subscription)
