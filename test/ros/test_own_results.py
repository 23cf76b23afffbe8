"""What an earlier run left in a bag is told from what belongs to others, whatever its node was called."""

import numpy as np
import pytest
from bag_maker import FRAME, IMAGE, PERIOD, START, decoded, messages, read, write
from fault_figures import note
from geometry_msgs.msg import TransformStamped
from rclpy.serialization import serialize_message
from scripted_node import picture
from scripted_replay import replay
from tf2_msgs.msg import TFMessage

from hand4whole_ros import skeleton
from hand4whole_ros.ros.bag.reader import Bag

TF, TF_STATIC = '/tf', '/tf_static'
TF_TYPES = {TF: 'tf2_msgs/msg/TFMessage', TF_STATIC: 'tf2_msgs/msg/TFMessage',
            '/robot1/tf': 'tf2_msgs/msg/TFMessage'}
OWN_TYPES = {'poses': 'WholeBodyPoseArray', 'skeleton': 'Skeleton', 'operator/left_hand': 'HandPose',
             'hands': 'HandPoseArray', 'operator/status': 'OperatorStatus'}
OTHER_TYPES = {'operator/left_wrist': 'geometry_msgs/msg/PoseStamped',
               'operator/left_hand/keypoints': 'geometry_msgs/msg/PoseArray', 'overlay': 'sensor_msgs/msg/Image',
               'overlay/compressed': 'sensor_msgs/msg/CompressedImage', 'markers': 'visualization_msgs/msg/MarkerArray'}


def transform(parent, child, k=0):
    made = TransformStamped()
    made.header.frame_id, made.child_frame_id = parent, child
    made.header.stamp.sec, made.header.stamp.nanosec = divmod(START + k * PERIOD - 5_000_000, 10**9)
    made.transform.translation.x = 1.25
    return made


def tf(*transforms):
    return bytes(serialize_message(TFMessage(transforms=list(transforms))))


def person(number, k=0, frame=FRAME):
    """The transforms of somebody whom an earlier run found."""
    names = [skeleton.frame_name(joint, number) for joint in skeleton.JOINT_NAMES]
    return [transform(frame if parent < 0 else names[parent], name, k) for name, parent in
            zip(names, skeleton.PARENTS)]


def pairs(path, topic=TF):
    """(parent, child) of every transform in the messages of a bag, a list for each time."""
    found = {}
    for (time, _), message in zip(read(path)[topic], decoded(path, topic)):
        found.setdefault(time, []).extend((t.header.frame_id, t.child_frame_id) for t in message.transforms)
    return list(found.values())


def replayed(tmp_path, rows, count=2, **options):
    source = write(tmp_path / 'in', [*messages([picture(1)] * count), *rows],
                   kinds={**TF_TYPES, **options.pop('kinds', {})}, **options)
    assert replay(source, '--output', tmp_path / 'out') == 0
    return tmp_path / 'out'


@pytest.mark.parametrize('mixed', ['alone', 'before', 'after', 'between'])
def test_tf_of_an_earlier_run_gives_way_although_nothing_else_of_it_was_recorded(tmp_path, mixed):
    odom, arm = [transform('odom', 'base_link', k) for k in range(2)], [transform('base_link', 'arm') for _ in '12']
    rows = []
    for k in range(2):
        own = person(0, k) + person(3, k)
        parts = {'alone': own, 'before': [odom[k], *own], 'after': [*own, odom[k], arm[k]],
                 'between': [*own[:9], odom[k], *own[9:], arm[k]]}[mixed]
        rows.append((TF, START + k * PERIOD + 5, tf(*parts)))
    out = replayed(tmp_path, rows)
    found = [pair for pairs_ in pairs(out) for pair in pairs_]
    others = {'alone': [], 'before': [('odom', 'base_link')],
              'after': [('odom', 'base_link'), ('base_link', 'arm')],
              'between': [('odom', 'base_link'), ('base_link', 'arm')]}[mixed]
    assert found.count((FRAME, 'body_0')) == 2 and not any(child.endswith('_3') for _, child in found
                                                           if child.partition('_')[0] == 'body')
    assert [pair for pair in found if pair in (('odom', 'base_link'), ('base_link', 'arm'))] == others * 2
    kept = [t for message in decoded(out, TF) for t in message.transforms if t.child_frame_id == 'base_link']
    assert all(t.transform.translation.x == 1.25 and t.transform.rotation.w == 1.0 for t in kept)


def test_each_transform_in_a_message_of_its_own(tmp_path):
    """As something that passes TF on may have them."""
    rows = [(TF, START + 5 + k, tf(part)) for k, part in enumerate([*person(0), transform('odom', 'base_link')])]
    found = [pair for pairs_ in pairs(replayed(tmp_path, rows)) for pair in pairs_]
    assert found.count((FRAME, 'body_0')) == 2 and found.count(('odom', 'base_link')) == 1
    assert len(found) == 2 * 65 + 1


def test_tf_with_a_name_of_its_own_and_of_another_camera(tmp_path):
    rows = [('/robot1/tf', START + 5, tf(*person(0, frame='other_camera'), transform('odom', 'base_link')))]
    assert pairs(replayed(tmp_path, rows), '/robot1/tf') == [[('odom', 'base_link')]]


@pytest.mark.parametrize('robot', [
    [('world', 'body_0'), ('body_0', 'sensor')], [('base', 'l_wrist_0'), ('l_wrist_0', 'l_hand')],
    [('r_shoulder_1', 'r_elbow_2')], [('world', 'head_0'), ('world', 'torso')], [('body_x', 'l_hip_x')], []])
def test_a_robot_with_frames_of_such_names_keeps_them(tmp_path, robot):
    data = tf(*(transform(*pair) for pair in robot))
    out = replayed(tmp_path, [(TF, START + 5, data)])
    assert (START + 5, data) in read(out)[TF]


def test_a_message_that_is_damaged_stays_as_it_is(tmp_path):
    data = tf(*person(0))[:-30]
    out = replayed(tmp_path, [(TF, START + 5, data)])
    assert (START + 5, data) in read(out)[TF]


def test_hands_of_nobody_below_the_camera_go_and_those_of_a_robot_stay(tmp_path):
    robot = transform('r_arm', 'r_hand_1')
    out = replayed(tmp_path, [(TF, START + 5, tf(transform(FRAME, 'l_hand_0'), robot, transform(FRAME, 'r_hand_12')))])
    (left,) = [message for time, message in zip([time for time, _ in read(out)[TF]], decoded(out, TF))
               if time == START + 5]
    assert [t.child_frame_id for t in left.transforms] == ['r_hand_1']


@pytest.mark.parametrize('node', ['/hand4whole', '/robot1/hand4whole', '/people', '/a/b/watcher'])
def test_topics_of_a_node_of_any_name(tmp_path, caplog, node):
    caplog.set_level('INFO')
    kinds = {f'{node}/{name}': f'hand4whole_ros/msg/{kind}' for name, kind in OWN_TYPES.items()}
    kinds |= {f'{node}/{name}': kind for name, kind in OTHER_TYPES.items()}
    rows = [(topic, START + 7, b'\0\1\0\0' + bytes(8)) for topic in kinds]
    out = replayed(tmp_path, rows, kinds={**kinds, '/operator/left_wrist': 'geometry_msgs/msg/PoseStamped'})
    mine = {topic for topic in read(out) if topic.startswith(node + '/')}
    assert all(topic.startswith('/hand4whole/') for topic in mine)
    assert len(decoded(out, '/hand4whole/poses')) == 2
    (line,) = [line for line in caplog.messages if line.startswith('left out, as the new bag has its own')]
    assert all(topic in line for topic in kinds)


def test_frames_of_rep_155_give_way_to_those_of_a_new_run_and_faces_of_others_stay(tmp_path):
    (tmp_path / 'rep155.yaml').write_text('/**:\n  ros__parameters:\n    frames: rep155\n')
    first = write(tmp_path / 'in', messages([picture(2)] * 2))
    assert replay(first, '--output', tmp_path / 'once', '--params-file', tmp_path / 'rep155.yaml') == 0
    for found in pairs(tmp_path / 'once'):
        assert {(FRAME, 'body_0'), ('body_0', 'waist_0'), (FRAME, 'face_1'), ('face_1', 'gaze_1')} < set(found)
    times = [time for time, _ in read(tmp_path / 'once')[TF]]
    rows = [(topic, time, data) for topic, sent in read(tmp_path / 'once').items() for time, data in sent]
    rows.append((TF, times[0] + 3, tf(transform(FRAME, 'face_9'), transform('face_9', 'gaze_9'))))
    with Bag(tmp_path / 'once') as bag:
        kinds = {c.topic: c.msgtype for c in bag.connections}
    second = write(tmp_path / 'more', sorted(rows, key=lambda row: row[1]), kinds=kinds)
    assert replay(second, '--output', tmp_path / 'twice') == 0
    found = [pair for pairs_ in pairs(tmp_path / 'twice') for pair in pairs_]
    assert [pair for pair in found if pair[1].startswith(('face', 'gaze', 'waist'))] == [
        (FRAME, 'face_9'), ('face_9', 'gaze_9')]
    assert found.count((FRAME, 'body_0')) == found.count(('body_0', 'spine1_0')) == 2


def test_topics_of_others_with_the_same_last_names_stay(tmp_path):
    kinds = {'/planner/markers': 'visualization_msgs/msg/MarkerArray', '/poses': 'geometry_msgs/msg/PoseArray',
             '/markers': 'visualization_msgs/msg/MarkerArray', '/my_hand4whole/poses': 'geometry_msgs/msg/PoseArray'}
    out = replayed(tmp_path, [(topic, START + 7, b'\0\1\0\0' + bytes(8)) for topic in kinds], kinds=kinds)
    assert all(len(read(out)[topic]) == 1 for topic in kinds)


def test_a_replay_of_a_replay_of_a_node_with_another_name_has_one_body_a_stamp(tmp_path):
    first = write(tmp_path / 'in', messages([picture(2)] * 3))
    assert replay(first, '--output', tmp_path / 'once') == 0
    # As if the node had been called otherwise, in a bag that names no quality of service.
    rows = [(topic.replace('/hand4whole', '/robot1/people'), time, data)
            for topic, messages_ in read(tmp_path / 'once').items() for time, data in messages_]
    with Bag(tmp_path / 'once') as bag:
        kinds = {c.topic.replace('/hand4whole', '/robot1/people'): c.msgtype for c in bag.connections}
    second = write(tmp_path / 'renamed', rows, kinds=kinds)
    assert replay(second, '--output', tmp_path / 'twice') == 0
    once, twice = read(tmp_path / 'once'), read(tmp_path / 'twice')
    assert twice == once
    for found in pairs(tmp_path / 'twice'):
        assert len(found) == len(set(found)) == 2 * 65
    note('a bag holds what an earlier run found', 'a replay of a replay, whose node had another name and namespace', 1,
         'the new bag is that of one replay, byte for byte of every message: one body_0 a stamp')


def test_the_camera_looks_at_what_an_earlier_run_drew_where_that_is_asked_for(tmp_path):
    rows = [('/hand4whole/overlay', *row[1:]) for row in messages([picture(1)] * 2) if row[0] == IMAGE]
    source = write(tmp_path / 'in', [*messages([picture(1)] * 2), *rows])
    assert replay(source, '--output', tmp_path / 'out', '--image-topic', '/hand4whole/overlay', '--focal', 300) == 0
    assert len(read(tmp_path / 'out')['/hand4whole/overlay']) == 2
    np.testing.assert_array_equal([len(m.poses) for m in decoded(tmp_path / 'out', '/hand4whole/poses')], [1, 1])


@pytest.mark.parametrize('prefix', ['left/', 'cam1_', 'no'])
def test_frames_with_a_prefix_are_known_by_their_joints(tmp_path, prefix):
    """And a robot's frame that ends like one of a person's stays."""
    people = person(0)
    for one in people:
        one.child_frame_id = prefix + one.child_frame_id
        if one.header.frame_id != FRAME:
            one.header.frame_id = prefix + one.header.frame_id
    robot = [transform(FRAME, 'robot/body_7'), transform('robot/body_7', 'robot/arm_7')]
    out = replayed(tmp_path, [(TF, START + 5, tf(*people, *robot))])
    left = [(t.header.frame_id, t.child_frame_id) for message in decoded(out, TF) for t in message.transforms]
    assert not any(child.startswith(f'{prefix}body') or child.startswith(f'{prefix}l_') for _, child in left)
    assert [pair for pair in left if pair[1].startswith('robot')] == [
        (FRAME, 'robot/body_7'), ('robot/body_7', 'robot/arm_7')]
