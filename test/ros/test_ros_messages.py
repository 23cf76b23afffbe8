"""Estimates to messages, TF and markers, without a node."""

import time
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, PoseArray, PoseStamped, Vector3
from rclpy.serialization import deserialize_message, serialize_message
from scipy.spatial.transform import Rotation
from scripted_node import grasped_object, loose_hand, person
from std_msgs.msg import ColorRGBA, Header
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import Marker, MarkerArray

from hand4whole_ros import skeleton
from hand4whole_ros.body.posing import repose_estimate
from hand4whole_ros.config import FrameConvention, WristAxes
from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.geometry.wrist_axes import WRIST_AXES
from hand4whole_ros.msg import HandPose, HandPoseArray, WholeBodyPose, WholeBodyPoseArray
from hand4whole_ros.ros import topics
from hand4whole_ros.ros.conversions import markers, messages, tf_messages
from hand4whole_ros.ros.conversions.result_messages import MESSAGE_TYPES, ImageResult, PoseMessageBuilder
from hand4whole_ros.ros.node.operator_choice import OperatorSelector
from hand4whole_ros.ros.node.stamp_guard import StampGuard
from hand4whole_ros.teleop import openxr
from hand4whole_ros.tracking import HandTracker, Tracker, TrackerConfig

HEAD = Header(stamp=Time(sec=5, nanosec=7), frame_id='cam')
TIMING = messages.Timing(Time(sec=6), Time(sec=7), 0.25)


def poses(people):
    return {person.track_id: messages.joint_poses(person) for person in people}


def poses_of(people, operator_id=None, estimator='mediapipe', ids=MappingProxyType({})):
    """What a subscriber receives."""
    data = messages.serialise_pose_array(people, poses(people), HEAD, estimator=estimator, operator_id=operator_id,
                                         timing=TIMING, hand_ids=ids)
    return deserialize_message(data, WholeBodyPoseArray)


def transforms_of(people):
    return deserialize_message(tf_messages.serialise_transforms(people, HEAD), TFMessage).transforms


@pytest.fixture(scope='module')
def one(body):
    return person(body, Intrinsics.from_fov(320, 240))


def test_everything_survives_the_wire(one):
    got = poses_of([replace(one, track_id=4)], 4, ids={(4, 'left'): 12})
    assert got.header == HEAD and got.estimator == 'mediapipe'
    pose = got.poses[0]
    assert (pose.track_id, pose.is_operator, pose.state) == (4, True, WholeBodyPose.OK)
    assert (pose.received.sec, pose.published.sec, pose.estimation_time) == (6, 7, 0.25)
    for name in ('global_orient', 'body_pose', 'jaw_pose', 'leye_pose', 'reye_pose', 'left_hand_pose',
                 'right_hand_pose', 'betas', 'expression', 'transl'):
        np.testing.assert_allclose(getattr(pose, name), getattr(one, name).reshape(-1), atol=1e-6)
    for joint, position, rotation in zip(pose.joints, one.joints.tolist(), one.joint_rotations):
        np.testing.assert_allclose((joint.position.x, joint.position.y, joint.position.z), position)
        q = joint.orientation
        np.testing.assert_allclose(Rotation.from_quat((q.x, q.y, q.z, q.w)).as_matrix(), rotation, atol=1e-6)
    for side, hand in (('left', pose.left_hand), ('right', pose.right_hand)):
        assert (hand.side, hand.state) == (side, HandPose.OK) and hand.confidence == pytest.approx(0.8)
        assert (hand.track_id, hand.person, hand.side_confidence) == (12 if side == 'left' else -1, 4, 1.0)
        np.testing.assert_allclose([(p.x, p.y, p.z) for p in hand.keypoints], one.hand(side).keypoints_3d)
        np.testing.assert_allclose(hand.keypoints_2d, one.hand(side).keypoints_2d.reshape(-1))
        np.testing.assert_allclose(hand.finger_pose, getattr(one, f'{side}_hand_pose').reshape(-1))
        assert hand.wrist == pose.joints[skeleton.WRIST[side]]
        assert (hand.box.x_offset, hand.box.y_offset, hand.box.width, hand.box.height) == (10, 20, 50, 60)
    box = pose.region_of_interest
    assert (box.x_offset, box.y_offset, box.width, box.height) == (100, 50, 200, 350)


def test_nobody_is_an_empty_array():
    assert poses_of([]).poses == []


def test_a_lost_hand_has_no_wrist_topic_and_no_confidence(one, body):
    lost = person(body, Intrinsics.from_fov(320, 240), left_state=skeleton.LOST)
    pose = poses_of([lost], lost.track_id).poses[0]
    assert pose.left_hand.state == HandPose.LOST and pose.left_hand.confidence == 0.0
    assert any(p.z != 0 for p in pose.left_hand.keypoints)
    said = dict(said_about(lost))
    assert topics.WRIST['left'] not in said
    assert said[topics.WRIST['right']].pose == pose.right_hand.wrist
    assert said[topics.HAND['right']] == pose.right_hand and said[topics.HAND['left']] == pose.left_hand


def test_hands_of_an_operator_who_is_gone_are_lost_where_they_were(one):
    said = PoseMessageBuilder('mediapipe')
    assert topics.HAND['left'] in dict(said_about(one, said))
    gone = dict(said_about(None, said))
    assert set(gone) == {topics.POSES, topics.HANDS, *topics.HAND.values(), *topics.HAND_KEYPOINTS.values()}
    assert [gone[topic].poses for topic in topics.HAND_KEYPOINTS.values()] == [[], []]
    for side, topic in topics.HAND.items():
        assert (gone[topic].state, gone[topic].confidence) == (HandPose.LOST, 0.0)
        np.testing.assert_allclose([(p.x, p.y, p.z) for p in gone[topic].keypoints], one.hand(side).keypoints_3d)
    said.reset()
    assert set(dict(said_about(None, said))) == {topics.POSES, topics.HANDS}


def said_about(operator, said=None):
    """(topic, message) of everything said about an image with this person, or nobody, in it."""
    result = ImageResult(HEAD, None, None, [] if operator is None else [operator], operator, TIMING)
    for topic, data in (said or PoseMessageBuilder('mediapipe')).of(result, True):
        yield topic, deserialize_message(data, MESSAGE_TYPES[topic])


def tracked_hands(body, people, *loose):
    """As they are published for one image."""
    people_tracker = Tracker(body, TrackerConfig(smoothing=False))
    people = people_tracker.update(list(people), 5.0)
    return people, HandTracker(body, people_tracker).update(people, loose)


def test_every_hand_of_an_image_survives_the_wire(one, body):
    loose = loose_hand(replace(one.right_hand, keypoints_2d=one.right_hand.keypoints_2d + 500), confidence=0.6,
                       side_confidence=0.9)
    people, hands = tracked_hands(body, [one], loose)
    result = ImageResult(HEAD, None, None, people, people[0], TIMING, hands)
    said = {topic: deserialize_message(data, MESSAGE_TYPES[topic])
            for topic, data in PoseMessageBuilder('mediapipe').of(result, True)}
    got = said[topics.HANDS]
    assert got.header == HEAD and got.estimator == 'mediapipe'
    assert [(hand.track_id, hand.person, hand.side) for hand in got.hands] == [
        (0, 0, 'left'), (1, 0, 'right'), (2, -1, 'right')]
    # One hand is the same in every message.
    person_said = said[topics.POSES].poses[0]
    assert got.hands[:2] == [person_said.left_hand, person_said.right_hand]
    assert said[topics.HAND['left']] == got.hands[0]
    nobodys = got.hands[2]
    assert (nobodys.state, nobodys.header) == (HandPose.OK, HEAD)
    assert (nobodys.confidence, nobodys.side_confidence) == pytest.approx((0.6, 0.9))
    np.testing.assert_allclose([(p.x, p.y, p.z) for p in nobodys.keypoints], one.right_hand.keypoints_3d)
    np.testing.assert_allclose(nobodys.keypoints_2d, loose.keypoints_2d.reshape(-1))
    assert nobodys.wrist.position == nobodys.keypoints[0]
    q = nobodys.wrist.orientation
    assert np.linalg.norm((q.x, q.y, q.z, q.w)) == pytest.approx(1, abs=1e-9)
    bones = np.diff(one.right_hand.keypoints_3d[[0, 9, 10, 11, 12]], axis=0)
    assert nobodys.hand_length == pytest.approx(np.linalg.norm(bones, axis=1).sum(), rel=1e-5)
    assert 0.15 < nobodys.hand_length < 0.25 and 0.15 < got.hands[0].hand_length < 0.25
    assert np.isfinite(nobodys.finger_pose).all() and any(nobodys.finger_pose) and not any(nobodys.betas)


def test_a_hand_of_nobody_is_a_frame_below_the_image(one, body):
    loose = loose_hand(replace(one.right_hand, keypoints_2d=one.right_hand.keypoints_2d + 500))
    _, hands = tracked_hands(body, [], loose)
    (transform,) = deserialize_message(tf_messages.serialise_transforms([], HEAD, hands), TFMessage).transforms
    assert (transform.header.stamp, transform.header.frame_id) == (HEAD.stamp, 'cam')
    assert transform.child_frame_id == 'r_hand_0'
    (sent,) = deserialize_message(messages.serialise_hand_array(hands, HEAD, 'x'), HandPoseArray).hands
    t, p = transform.transform.translation, sent.wrist.position
    assert (t.x, t.y, t.z) == (p.x, p.y, p.z) and transform.transform.rotation == sent.wrist.orientation
    people, hands = tracked_hands(body, [one], loose)
    frames = deserialize_message(tf_messages.serialise_transforms(people, HEAD, [h for h in hands if h.is_loose]),
                                 TFMessage).transforms
    assert len(frames) == 66 and frames[-1].child_frame_id == 'r_hand_2'


def test_a_prefix_keeps_the_frames_of_two_nodes_apart(one, body):
    loose = loose_hand(replace(one.right_hand, keypoints_2d=one.right_hand.keypoints_2d + 500))
    people, hands = tracked_hands(body, [one], loose)
    found = [deserialize_message(tf_messages.serialise_transforms(people, HEAD, hands, prefix), TFMessage).transforms
             for prefix in ('', 'left/')]
    pairs = [[(t.header.frame_id, t.child_frame_id) for t in transforms] for transforms in found]
    assert pairs[1][0] == ('cam', 'left/body_0') and ('cam', 'left/r_hand_2') in pairs[1]
    assert pairs[1] == [(parent if parent == 'cam' else f'left/{parent}', f'left/{child}')
                        for parent, child in pairs[0]]
    assert [t.transform for t in found[0]] == [t.transform for t in found[1]]


def test_finger_tips_are_frames_below_their_last_joints(one):
    places = {}
    for t in transforms_of([one]):
        step, q = t.transform.translation, t.transform.rotation
        own = np.eye(4)
        own[:3, :3], own[:3, 3] = Rotation.from_quat([q.x, q.y, q.z, q.w]).as_matrix(), (step.x, step.y, step.z)
        places[t.child_frame_id] = places.get(t.header.frame_id, np.eye(4)) @ own
    for side, hand in (('l', one.left_hand), ('r', one.right_hand)):
        for k in skeleton.FINGERTIP_KEYPOINTS:
            found = places[f'{side}_{skeleton.HAND_KEYPOINT_NAMES[k]}_{one.track_id}'][:3, 3]
            np.testing.assert_allclose(found, hand.keypoints_3d[k], atol=1e-5)
    lost = transforms_of([replace(one, left_hand=replace(one.left_hand, state=skeleton.LOST))])
    assert not any(t.child_frame_id.startswith('l_') and '_tip_' in t.child_frame_id for t in lost)
    assert sum('_tip_' in t.child_frame_id for t in lost) == 5


@pytest.mark.parametrize('axes', list(WristAxes))
def test_wrists_have_the_axes_that_are_wanted(one, body, axes):
    """OpenXR's are those of the node openxr, which takes them from the keypoints: -Z to the middle knuckle."""
    result = ImageResult(HEAD, np.zeros((4, 4, 3), np.uint8), Intrinsics.from_fov(320, 240), [one], one, TIMING, ())
    said = dict(PoseMessageBuilder('x', wrist_axes=axes).of(result, False))
    for side in skeleton.SIDES:
        pose = deserialize_message(said[topics.WRIST[side]], PoseStamped).pose
        q = pose.orientation
        rotation = Rotation.from_quat([q.x, q.y, q.z, q.w]).as_matrix()
        smplx = one.joint_rotations[skeleton.WRIST[side]]
        np.testing.assert_allclose(rotation, smplx @ WRIST_AXES[axes][side], atol=1e-6)
        assert np.linalg.det(WRIST_AXES[axes][side]) == 1
        if axes == WristAxes.OPENXR:
            points = one.hand(side).keypoints_3d.astype(np.float64)
            exact = openxr.to_openxr(points, side).rotations[0]
            assert np.degrees(Rotation.from_matrix(rotation.T @ exact).magnitude()) < 25


def test_the_operators_keypoints_are_poses_with_the_axes_of_tf(one, body):
    """In the frame of the image, where TF has each of them; a finger tip has the axes of its finger's last joint."""
    frames = {t.child_frame_id: t for t in transforms_of([one])}

    def rotation(frame):
        q = frames[frame].transform.rotation
        own, parent = Rotation.from_quat([q.x, q.y, q.z, q.w]), frames[frame].header.frame_id
        return rotation(parent) * own if parent in frames else own
    said = dict(said_about(one))
    for side in skeleton.SIDES:
        got, hand = said[topics.HAND_KEYPOINTS[side]], said[topics.HAND[side]]
        assert got.header == HEAD and [pose.position for pose in got.poses] == list(hand.keypoints)
        for name, pose in zip(skeleton.HAND_KEYPOINT_NAMES, got.poses):
            q = pose.orientation
            turned = Rotation.from_quat([q.x, q.y, q.z, q.w]).inv() * rotation(
                skeleton.frame_name(f'{side}_{name}', one.track_id))
            assert turned.magnitude() < 1e-3, name
    lost = dict(said_about(person(body, Intrinsics.from_fov(320, 240), left_state=skeleton.LOST)))
    assert lost[topics.HAND_KEYPOINTS['left']] == PoseArray(header=HEAD)
    assert len(lost[topics.HAND_KEYPOINTS['right']].poses) == 21


def test_the_operators_head_is_published_while_there_is_an_operator(one):
    result = ImageResult(HEAD, np.zeros((4, 4, 3), np.uint8), Intrinsics.from_fov(320, 240), [one], one, TIMING, ())
    builder = PoseMessageBuilder('x')
    head = deserialize_message(dict(builder.of(result, False))[topics.HEAD], PoseStamped)
    joint = one.joints[skeleton.JOINT['head']]
    assert head.header == HEAD
    np.testing.assert_allclose([head.pose.position.x, head.pose.position.y, head.pose.position.z], joint, atol=1e-6)
    assert topics.HEAD not in dict(builder.of(result._replace(operator=None), False))


@pytest.mark.parametrize('probability, said', [(None, (False, -1.0)), (0.25, (False, 0.25)), (0.75, (True, 0.75))])
def test_whether_a_hand_grasps(one, body, probability, said):
    loose = loose_hand(replace(one.right_hand, keypoints_2d=one.right_hand.keypoints_2d + 500),
                       grasp_probability=probability)
    people, hands = tracked_hands(body, [one], loose)
    of_person, _, nobodys = deserialize_message(messages.serialise_hand_array(hands, HEAD, 'x'), HandPoseArray).hands
    assert (nobodys.grasping, nobodys.grasp_probability) == said
    assert (of_person.grasping, of_person.grasp_probability) == (False, -1.0)


def test_how_well_hands_agree_and_how_far_they_are_known_to_be_survives_the_wire(one, body):
    assert (HandPose().agreement, HandPose().depth_measured) == (-1.0, False)     # of whoever does not know of them
    seen = replace(one, left_hand=replace(one.left_hand, agreement=0.75, depth_measured=True))
    loose = loose_hand(replace(one.right_hand, keypoints_2d=one.right_hand.keypoints_2d + 500), agreement=0.0)
    people, hands = tracked_hands(body, [seen], loose)
    found = deserialize_message(messages.serialise_hand_array(hands, HEAD, 'x'), HandPoseArray).hands
    expected = [(0.75, True), (-1.0, False), (0.0, False)]
    assert [(hand.agreement, hand.depth_measured) for hand in found] == expected
    pose = poses_of([people[0]], people[0].track_id).poses[0]
    assert [(hand.agreement, hand.depth_measured) for hand in (pose.left_hand, pose.right_hand)] == expected[:2]
    for state in (skeleton.HELD, skeleton.LOST):       # whatever an estimator says of it
        pose = poses_of([replace(seen, left_hand=replace(seen.left_hand, state=state))], 0).poses[0]
        assert pose.left_hand.agreement == -1.0


def test_what_a_hand_grasps_survives_the_wire_as_a_detection(one, body):
    camera = Intrinsics.from_fov(320, 240)
    thing = grasped_object(camera, low=(0.01, 0.02, 0.0))
    loose = loose_hand(replace(one.right_hand, keypoints_2d=one.right_hand.keypoints_2d + 500), object=thing)
    people, hands = tracked_hands(body, [one], loose)
    result = ImageResult(HEAD, None, camera, people, people[0], TIMING, hands)
    assert topics.OBJECTS not in dict(PoseMessageBuilder('x').of(result, False))     # an estimator that gives none
    builder = PoseMessageBuilder('x', objects=True)
    got = deserialize_message(dict(builder.of(result, False))[topics.OBJECTS], MESSAGE_TYPES[topics.OBJECTS])
    detection, = got.detections
    assert got.header == detection.header == HEAD and detection.id == str(hands[-1].track_id)
    hypothesis, = detection.results
    assert hypothesis.hypothesis.class_id == 'object' and hypothesis.hypothesis.score == pytest.approx(0.75)
    for pose, place in ((hypothesis.pose.pose, thing.translation), (detection.bbox.center, thing.center)):
        np.testing.assert_allclose([pose.position.x, pose.position.y, pose.position.z], place, atol=1e-6)
        q = pose.orientation
        np.testing.assert_allclose(Rotation.from_quat([q.x, q.y, q.z, q.w]).as_matrix(), thing.rotation, atol=1e-6)
    size = detection.bbox.size
    np.testing.assert_allclose([size.x, size.y, size.z], thing.size, atol=1e-6)
    assert not any(hypothesis.pose.covariance)
    assert serialize_message(got) == serialize_message(deserialize_message(serialize_message(got), type(got)))
    nothing = deserialize_message(dict(builder.of(result._replace(hands=()), False))[topics.OBJECTS], type(got))
    assert nothing == type(got)(header=HEAD)


def test_the_box_of_what_a_hand_grasps_is_marked_and_deleted(one, body):
    thing = grasped_object(Intrinsics.from_fov(320, 240))
    _, hands = tracked_hands(body, [], loose_hand(one.left_hand, object=thing))
    builder = markers.MarkerBuilder(body)

    def build(*hands):
        return deserialize_message(builder.build([], 'cam', 0, hands), MarkerArray).markers
    found = {marker.ns: marker for marker in build(*hands)}
    edges = np.array([(p.x, p.y, p.z) for p in found['objects'].points]).reshape(-1, 2, 3)
    lengths = np.sort(np.linalg.norm(edges[:, 0] - edges[:, 1], axis=-1))
    np.testing.assert_allclose(lengths, np.sort(np.repeat(thing.size, 4)), atol=1e-6)
    assert found['objects'].id == hands[0].track_id and found['objects'].action == Marker.ADD
    empty = replace(hands[0], hand=replace(hands[0].hand, object=None))
    assert [(m.ns, m.action) for m in build(empty)] == [
        ('objects', Marker.DELETE), ('hands', Marker.ADD), ('hand_keypoints', Marker.ADD)]
    assert 'objects' not in {marker.ns for marker in build(empty)}


def test_no_hand_is_an_empty_array(body):
    got = deserialize_message(messages.serialise_hand_array([], HEAD, 'mediapipe'), HandPoseArray)
    assert got == HandPoseArray(header=HEAD, estimator='mediapipe')


def test_each_joint_says_whether_it_was_seen(one):
    confidence = np.linspace(0, 1, 55, dtype=np.float32)
    assert list(poses_of([one]).poses[0].joint_confidence) == [-1.0] * 55       # the estimator does not say
    sent = poses_of([replace(one, joint_confidence=confidence)]).poses[0]
    np.testing.assert_allclose(sent.joint_confidence, confidence)
    assert 0 < WholeBodyPose.INFERRED < 1


def test_a_held_person_says_so(one):
    assert poses_of([replace(one, held=True)]).poses[0].state == WholeBodyPose.HELD


def test_tf_leads_from_the_image_to_every_joint(one):
    placed = {'cam': np.eye(4)}
    for transform in transforms_of([replace(one, track_id=2), replace(one, track_id=3)]):
        assert transform.header.stamp == HEAD.stamp
        q, t = transform.transform.rotation, transform.transform.translation
        assert np.linalg.norm((q.x, q.y, q.z, q.w)) == pytest.approx(1, abs=1e-9)
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = Rotation.from_quat((q.x, q.y, q.z, q.w)).as_matrix(), (t.x, t.y, t.z)
        placed[transform.child_frame_id] = placed[transform.header.frame_id] @ local
    assert {'body_3', 'torso_3', 'l_wrist_3', 'r_elbow_3', 'l_index_1_3', 'head_3'} < set(placed)
    for joint, name in enumerate(skeleton.JOINT_NAMES):
        there = placed[skeleton.frame_name(name, 3)]
        np.testing.assert_allclose(there[:3, 3], one.joints[joint], atol=1e-5)
        np.testing.assert_allclose(there[:3, :3], one.joint_rotations[joint], atol=1e-5)


def placed_frames(people, hands=(), convention=FrameConvention.REP155):
    """Frame -> (4, 4) of its axes and origin in the frame of the image."""
    placed = {'cam': np.eye(4)}
    data = tf_messages.serialise_transforms(people, HEAD, hands, convention=convention)
    for transform in deserialize_message(data, TFMessage).transforms:
        q, t = transform.transform.rotation, transform.transform.translation
        own = np.eye(4)
        own[:3, :3], own[:3, 3] = Rotation.from_quat((q.x, q.y, q.z, q.w)).as_matrix(), (t.x, t.y, t.z)
        placed[transform.child_frame_id] = placed[transform.header.frame_id] @ own
    return placed


def test_rep_155_has_x_forward_and_z_up_in_every_frame_of_somebody_with_hanging_arms(one, body):
    local = np.zeros((skeleton.NUM_JOINTS, 3), np.float32)
    local[0, 0] = np.pi      # upright before the camera, facing it
    local[skeleton.JOINT['left_shoulder'], 2], local[skeleton.JOINT['right_shoulder'], 2] = -np.pi / 2, np.pi / 2
    hanging = replace(repose_estimate(body, one, local, betas=np.zeros(10, np.float32),
                                      pelvis=np.array([0.0, 0.3, 3], np.float32)), track_id=7)
    loose = [tracked for tracked in tracked_hands(body, [], loose_hand(one.right_hand))[1] if tracked.is_loose]
    placed = placed_frames([hanging], loose)
    forward, left, up = (0, 0, -1), (1, 0, 0), (0, -1, 0)
    axes = np.transpose([forward, left, up])
    names = [skeleton.frame_name(name, 7, 'rep155') for name in skeleton.JOINT_NAMES + skeleton.TIP_NAMES] + ['face_7']
    assert 'waist_7' in names and {*names, 'cam', 'gaze_7', f'r_hand_{loose[0].track_id}'} == set(placed)
    for name in names:
        np.testing.assert_allclose(placed[name][:3, :3], axes, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(placed['gaze_7'][:3, :3], np.transpose([np.negative(left), np.negative(up), forward]),
                               atol=1e-5)
    assert placed['l_ankle_7'][0, 3] > placed['r_ankle_7'][0, 3]


def test_the_gaze_of_rep_155_is_that_of_the_eyes(one, body):
    local = np.zeros((skeleton.NUM_JOINTS, 3), np.float32)
    local[0, 0] = np.pi      # upright before the camera, facing it
    for side, left in (('left', 0.3), ('right', 0.1)):
        local[skeleton.JOINT[f'{side}_eye'], 1] = left
    looking = replace(repose_estimate(body, one, local, betas=np.zeros(10, np.float32),
                                      pelvis=np.array([0.0, 0.3, 3], np.float32)), track_id=7)
    placed = placed_frames([looking])
    np.testing.assert_allclose(placed['gaze_7'][:3, 2], [np.sin(0.2), 0, -np.cos(0.2)], atol=1e-5)
    np.testing.assert_allclose(placed['face_7'][:3, 0], [0, 0, -1], atol=1e-5)


def test_rep_155_moves_no_joint_but_the_pelvis_to_the_middle_of_the_hips(one, body):
    one = replace(one, track_id=3)
    placed = placed_frames([one])
    for joint, name in enumerate(skeleton.JOINT_NAMES[1:], 1):
        np.testing.assert_allclose(placed[skeleton.frame_name(name, 3, 'rep155')][:3, 3], one.joints[joint], atol=1e-5)
    np.testing.assert_allclose(placed['body_3'][:3, 3], one.joints[1:3].mean(axis=0), atol=1e-5)
    for name in ('face_3', 'gaze_3'):
        np.testing.assert_allclose(placed[name][:3, 3], one.joints[23:25].mean(axis=0), atol=1e-5)
    usual = placed_frames([one], convention=FrameConvention.SMPLX)
    for side in skeleton.SIDES:
        for k in skeleton.FINGERTIP_KEYPOINTS:
            tip = skeleton.frame_name(f'{side}_{skeleton.HAND_KEYPOINT_NAMES[k]}', 3)
            np.testing.assert_allclose(placed[tip][:3, 3], usual[tip][:3, 3], atol=1e-5)
    # Nobody's hand is the same hand.
    hands = tracked_hands(body, [], loose_hand(one.right_hand))[1]
    wrist = f'r_hand_{hands[0].track_id}'
    with_rep155, with_smplx = placed_frames([], hands)[wrist], placed_frames([], hands, FrameConvention.SMPLX)[wrist]
    np.testing.assert_allclose(with_rep155[:3, 3], with_smplx[:3, 3])
    np.testing.assert_allclose(with_rep155[:3, :3], np.stack(   # z against the fingers, y against the back of the hand
        [with_smplx[:3, 2], -with_smplx[:3, 1], with_smplx[:3, 0]], axis=1), atol=1e-6)


def test_tf_leaves_out_the_fingers_nobody_saw(body):
    lost = person(body, Intrinsics.from_fov(320, 240), left_state=skeleton.LOST)
    children = [t.child_frame_id for t in transforms_of([replace(lost, track_id=0)])]
    assert len(children) == 45 and 'l_wrist_0' in children and 'r_thumb_3_0' in children
    assert not any(name.startswith(('l_index', 'l_thumb')) for name in children)


def naive_markers(body, estimate, frame, fresh):
    """The same message built from objects, as one would without a writer."""
    def marker(kind, corners, vertices, colour):
        return Marker(
            header=Header(stamp=Time(sec=5, nanosec=7), frame_id=frame), ns=kind.namespace, id=estimate.track_id,
            type=kind.type, scale=Vector3(x=kind.scale[0], y=kind.scale[1], z=kind.scale[2]),
            color=ColorRGBA(r=colour[0], g=colour[1], b=colour[2], a=colour[3]), lifetime=Duration(sec=1),
            points=[Point(x=x, y=y, z=z) for x, y, z in vertices[corners].tolist()])
    vertices, joints = estimate.vertices.astype(np.float64), estimate.joints.astype(np.float64)
    hands = {s: np.isin(body.faces, body.hand_vertices[s]).all(axis=1) for s in skeleton.SIDES}
    bones = [i for joint, parent in enumerate(skeleton.PARENTS) if parent >= 0 for i in (parent, joint)]
    parts = [body.faces[~hands['left'] & ~hands['right']].reshape(-1), body.faces[hands['left']].reshape(-1),
             body.faces[hands['right']].reshape(-1)]
    out = []
    if fresh:
        out.append(Marker(header=Header(stamp=Time(sec=5, nanosec=7), frame_id=frame), ns='body',
                          action=Marker.DELETEALL, type=Marker.TRIANGLE_LIST, scale=Vector3(x=1.0, y=1.0, z=1.0),
                          lifetime=Duration(sec=1)))
    for kind, corners, source in zip(markers._MARKER_KINDS, [*parts, bones, range(55)], [vertices] * 3 + [joints] * 2):
        out.append(marker(kind, list(corners), source, (*kind.colour, 1.0)))
    return MarkerArray(markers=out)


@pytest.mark.parametrize('frame', ['c', 'cam', 'camera_optical', 'äö'])
def test_markers_are_what_rclpy_writes(one, body, frame):
    estimate = replace(one, vertices=body.vertices(one), track_id=2)
    data = markers.MarkerBuilder(body).build([estimate], frame, 5_000_000_007)
    expected = serialize_message(naive_markers(body, estimate, frame, fresh=True))
    assert deserialize_message(data, MarkerArray) == deserialize_message(expected, MarkerArray)
    # rclpy may add padding at the end; the bytes in between fields that only align are not defined.
    assert 0 <= len(expected) - len(data) < 4
    same = np.frombuffer(data, np.uint8) == np.frombuffer(expected, np.uint8, len(data))
    assert same.mean() > 0.9999


def test_inferred_joints_and_their_bones_are_pale(one, body):
    confidence = np.ones(55, np.float32)
    confidence[skeleton.JOINT['left_elbow']] = WholeBodyPose.INFERRED - 0.01
    shown = replace(one, vertices=body.vertices(one), joint_confidence=confidence)

    def colours(estimate):
        got = deserialize_message(markers.MarkerBuilder(body).build([estimate], 'cam', 0), MarkerArray)
        return {m.ns: (m.color, m.colors) for m in got.markers}
    found = colours(shown)
    assert not any(found[name][1] for name in ('body', 'left_hand', 'right_hand'))
    colour, joints = found['joints']
    assert [k for k, c in enumerate(joints) if c != colour] == [skeleton.JOINT['left_elbow']]
    pale = joints[skeleton.JOINT['left_elbow']]
    assert pale.a == colour.a and abs(pale.r - pale.g) < 0.5 * abs(colour.r - colour.g)
    colour, bones = found['skeleton']
    row = skeleton.JOINT['left_elbow'] - 1      # the pelvis has no bone
    assert [k for k, c in enumerate(bones) if c != colour] == [2 * row, 2 * row + 1]
    seen = colours(replace(shown, joint_confidence=np.ones(55, np.float32)))
    assert not any(points for _, points in seen.values())


def test_hands_of_nobody_are_marked_and_deleted(one, body):
    builder = markers.MarkerBuilder(body)
    _, hands = tracked_hands(body, [], loose_hand(one.left_hand))
    held = replace(hands[0], hand=replace(hands[0].hand, state=skeleton.HELD))

    def build(*some):
        return deserialize_message(builder.build([], 'cam', 10**9, some), MarkerArray).markers
    first, bones, keypoints = build(hands[0])
    assert first.action == Marker.DELETEALL
    assert [(m.ns, m.id, m.action, len(m.points)) for m in (bones, keypoints)] == [
        ('hands', 0, Marker.ADD, 40), ('hand_keypoints', 0, Marker.ADD, 21)]
    np.testing.assert_allclose([(p.x, p.y, p.z) for p in keypoints.points], one.left_hand.keypoints_3d)
    assert all(m.color.a < 0.5 < bones.color.a for m in build(held))
    assert [(m.ns, m.id, m.action) for m in build()] == [
        ('hands', 0, Marker.DELETE), ('hand_keypoints', 0, Marker.DELETE)]
    assert build() == []


def test_people_who_left_are_deleted(one, body):
    estimate = replace(one, vertices=body.vertices(one))
    builder = markers.MarkerBuilder(body)

    def actions(*ids):
        people = [replace(estimate, track_id=k) for k in ids]
        got = deserialize_message(builder.build(people, 'cam', 10**9), MarkerArray)
        return [(m.action, m.id) for m in got.markers if m.ns == 'body']

    assert actions(0, 1) == [(Marker.DELETEALL, 0), (Marker.ADD, 0), (Marker.ADD, 1)]
    assert actions(1) == [(Marker.DELETE, 0), (Marker.ADD, 1)]
    assert actions() == [(Marker.DELETE, 1)]
    assert actions() == []
    builder.reset()
    assert actions() == [(Marker.DELETEALL, 0)]


def test_markers_are_much_faster_than_objects(one, body):
    estimate = replace(one, vertices=body.vertices(one))
    builder = markers.MarkerBuilder(body)
    builder.build([estimate], 'cam', 0)

    def cost(function, times):
        spent = []
        for _ in range(times):
            started = time.process_time()
            function()
            spent.append(time.process_time() - started)
        return float(np.median(spent))

    fast = cost(lambda: builder.build([estimate], 'cam', 0), 9)
    slow = cost(lambda: serialize_message(naive_markers(body, estimate, 'cam', False)), 1)
    assert fast < slow / 15, f'{fast * 1e3:.1f} ms against {slow * 1e3:.1f} ms'


def test_a_lost_hand_is_grey_and_a_held_person_pale(one, body):
    lost = person(body, Intrinsics.from_fov(320, 240), left_state=skeleton.LOST)
    lost = replace(lost, vertices=body.vertices(lost), held=True)
    got = deserialize_message(markers.MarkerBuilder(body).build([lost], 'cam', 0), MarkerArray)
    colours = {m.ns: m.color for m in got.markers}
    left, right = colours['left_hand'], colours['right_hand']
    assert left.r == left.g == left.b and not right.r == right.g == right.b and left.a < 0.5


def test_skeleton_message(body):
    msg = messages.make_skeleton_message(body.name, body.faces, body.num_vertices)
    assert msg.names == list(skeleton.JOINT_NAMES) and list(msg.parents) == list(skeleton.PARENTS)
    assert msg.num_vertices == body.num_vertices and len(msg.faces) == 3 * len(body.faces)
    np.testing.assert_array_equal(np.array(msg.faces[:3]), body.faces[0])


def test_the_operator_stays_while_followed(one):
    def somebody(track_id, distance):
        return replace(one, track_id=track_id, joints=np.full((55, 3), distance, np.float32),
                       bbox_xyxy=np.array([0.0, 0.0, 100 / distance, 100.0], np.float32))

    choice = OperatorSelector()
    assert choice.update([], 'nearest') is None
    assert choice.update([somebody(0, 3.0), somebody(1, 2.0)], 'nearest').track_id == 1
    assert choice.update([somebody(0, 1.0), somebody(1, 2.0)], 'nearest').track_id == 1
    assert choice.update([somebody(0, 3.0)], 'nearest').track_id == 0
    choice.reset()
    assert choice.update([somebody(5, 1.0), somebody(2, 9.0)], 'first').track_id == 2
    choice.reset()
    assert choice.update([somebody(5, 1.0), somebody(2, 9.0)], 'largest').track_id == 5


def test_stamps_never_go_back_within_a_run():
    guard = StampGuard()
    second = 1_000_000_000
    assert [guard.classify(t) for t in (10 * second, 11 * second, 11 * second, 10.9 * second)] == [
        'next', 'next', 'duplicate', 'late']
    assert guard.classify(3 * second) == 'jump'
    assert guard.classify(4 * second) == 'next'
