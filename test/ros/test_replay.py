"""A bag goes in, a bag with everything in it and the poses of every image comes out."""

import sqlite3
from collections import Counter

import cv2
import numpy as np
import pytest
import video_maker as maker
import yaml
from bag_maker import CHATTER, FRAME, IMAGE, INFO, ODD, PERIOD, START, decoded, files, messages, read, write
from rclpy.serialization import serialize_message
from ros_peer import image_message
from scripted_node import BEHIND, LEFT_LOST, NOT_FINITE, RAISE, picture
from scripted_replay import replay

from hand4whole_ros.msg import HandPose, WholeBodyPose
from hand4whole_ros.ros.bag.reader import Bag
from hand4whole_ros.ros.replay.stamp_order import REORDER_WINDOW

POSES, TF, SKELETON = '/hand4whole/poses', '/tf', '/hand4whole/skeleton'
HANDS = '/hand4whole/hands'
HAND, WRIST = '/hand4whole/operator/left_hand', '/hand4whole/operator/left_wrist'
TIMES = [START + k * PERIOD for k in range(6)]


@pytest.fixture(autouse=True)
def every_line(caplog):
    caplog.set_level('INFO')


def stamp(header):
    return header.stamp.sec * 10**9 + header.stamp.nanosec


@pytest.fixture(scope='module')
def replayed(tmp_path_factory):
    """A bag of six images, the third without anybody, the fifth without the left hand, and what came of it."""
    folder = tmp_path_factory.mktemp('replay')
    people = [picture(2, hands=1), picture(1), picture(0, hands=1), picture(1), picture(1, LEFT_LOST), picture(1)]
    source = write(folder / 'in', messages(people))
    assert replay(source, '--output', folder / 'out') == 0
    return source, folder / 'out'


def test_everything_that_was_in_the_bag_is_in_the_new_one(replayed):
    source, output = map(read, replayed)
    for topic in (IMAGE, INFO, CHATTER, ODD):
        assert output[topic] == source[topic]
    with Bag(replayed[0]) as one, Bag(replayed[1]) as other:
        kinds = [{c.topic: (c.msgtype, c.msgdef) for c in bag.connections} for bag in (one, other)]
    assert all(kinds[1][topic] == kind for topic, kind in kinds[0].items())


def test_every_image_has_its_poses_at_its_own_time(replayed):
    _, output = replayed
    assert [time for time, _ in read(output)[POSES]] == TIMES
    poses = decoded(output, POSES)
    assert [stamp(message.header) for message in poses] == [time - 5_000_000 for time in TIMES]
    assert {message.header.frame_id for message in poses} == {FRAME}
    # Who is not seen any more is HELD for half a second.
    seen = [sum(pose.state == WholeBodyPose.OK for pose in message.poses) for message in poses]
    assert seen == [2, 1, 0, 1, 1, 1] and len(poses[2].poses) == 2
    for time, message in zip(TIMES, poses):
        for pose in message.poses:
            assert (pose.received.sec * 10**9 + pose.received.nanosec, pose.estimation_time) == (time, 0.0)


def test_the_camera_of_the_bag_is_used(replayed):
    hand = decoded(replayed[1], POSES)[0].poses[0].left_hand
    point = hand.keypoints[0]
    projected = (300 * point.x / point.z + 159.5, 300 * point.y / point.z + 119.5)
    np.testing.assert_allclose(hand.keypoints_2d[:2], projected, atol=0.01)


def test_tf_and_the_operator_follow(replayed):
    _, output = replayed
    frames = {t.child_frame_id: t for t in decoded(output, TF)[0].transforms}
    assert frames['body_0'].header.frame_id == FRAME and stamp(frames['l_wrist_1'].header) == TIMES[0] - 5_000_000
    hands = decoded(output, HAND)
    assert len(hands) == 6 and len(decoded(output, WRIST)) == 6
    (skeleton,) = decoded(output, SKELETON)
    assert len(skeleton.names) == 55 and len(skeleton.faces) > 10_000
    assert read(output)[SKELETON][0][0] == TIMES[0]


def test_every_hand_of_every_image_is_there_too(replayed):
    hands = decoded(replayed[1], HANDS)
    assert [stamp(message.header) for message in hands] == [time - 5_000_000 for time in TIMES]
    seen = [Counter((hand.person, hand.side) for hand in message.hands if hand.state == HandPose.OK)
            for message in hands]
    both = {(0, 'left'): 1, (0, 'right'): 1}
    assert seen[:3] == [{**both, (1, 'left'): 1, (1, 'right'): 1, (-1, 'right'): 1}, both, {(-1, 'right'): 1}]
    nobodys = [hand for message in hands for hand in message.hands if hand.person < 0]
    assert len({hand.track_id for hand in nobodys}) == 1
    assert HandPose.HELD in {hand.state for hand in nobodys}
    frames = {t.child_frame_id: t.header.frame_id for message in decoded(replayed[1], TF) for t in message.transforms}
    assert frames[f'r_hand_{nobodys[0].track_id}'] == FRAME


@pytest.mark.parametrize('storage, compression', [
    ('sqlite3', 'plain'), ('sqlite3', 'file'), ('sqlite3', 'message'), ('mcap', 'file'), ('mcap', 'message'),
    ('mcap', 'storage')])
def test_every_kind_of_bag_gives_the_same(tmp_path, storage, compression):
    rows, results = list(messages([picture(1)] * 2)), []
    for kind in (('mcap', 'plain'), (storage, compression)):
        source = write(tmp_path / '-'.join(kind), rows, *kind)
        out = tmp_path / f'{source.name}.out'
        assert replay(source, '--output', out, '--storage', storage) == 0
        results.append(read(out))
    assert results[0] == results[1]


def test_a_bag_of_an_older_ros_without_definitions_of_its_types(tmp_path):
    rows = list(messages([picture(1)] * 2))
    kinds = {IMAGE: 'sensor_msgs/msg/Image', INFO: 'sensor_msgs/msg/CameraInfo', CHATTER: 'std_msgs/msg/String',
             ODD: 'odd_msgs/msg/Odd'}
    source = tmp_path / 'in'
    source.mkdir()
    database = sqlite3.connect(source / 'in_0.db3')
    database.executescript(
        'CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT, '
        'offered_qos_profiles TEXT); '
        'CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data BLOB);')
    names = list(kinds)
    database.executemany('INSERT INTO topics VALUES(?, ?, ?, ?, ?)',
                         [(k, name, kinds[name], 'cdr', '') for k, name in enumerate(names)])
    database.executemany('INSERT INTO messages(topic_id, timestamp, data) VALUES(?, ?, ?)',
                         [(names.index(topic), time, data) for topic, time, data in rows])
    database.commit()
    database.close()
    common = {'serialization_format': 'cdr', 'offered_qos_profiles': ''}
    topics = [{'topic_metadata': {'name': name, 'type': kind, **common}, 'message_count': 2}
              for name, kind in kinds.items()]
    (source / 'metadata.yaml').write_text(yaml.safe_dump({'rosbag2_bagfile_information': {
        'version': 4, 'storage_identifier': 'sqlite3', 'relative_file_paths': ['in_0.db3'],
        'duration': {'nanoseconds': PERIOD}, 'starting_time': {'nanoseconds_since_epoch': START}, 'message_count': 8,
        'topics_with_message_count': topics, 'compression_format': '', 'compression_mode': ''}}))
    assert replay(source, '--output', tmp_path / 'out') == 0
    found = read(tmp_path / 'out')
    assert {topic: found[topic] for topic in kinds} == {
        topic: [row[1:] for row in rows if row[0] == topic] for topic in kinds}
    assert decoded(tmp_path / 'out', CHATTER)[1].data == 'word 1' and len(decoded(tmp_path / 'out', POSES)) == 2


def test_compressed_images_and_a_file_alone(tmp_path):
    jpeg = cv2.imencode('.png', picture(1)[..., ::-1])[1].tobytes()
    source = write(tmp_path / 'in', messages([jpeg] * 2), image_type='sensor_msgs/msg/CompressedImage')
    assert replay(source / 'in.mcap', '--output', tmp_path / 'out') == 0
    assert [len(message.poses) for message in decoded(tmp_path / 'out', POSES)] == [1, 1]


def test_a_recording_without_metadata(tmp_path):
    source = write(tmp_path / 'in')
    (source / 'metadata.yaml').unlink()
    assert replay(source, '--output', tmp_path / 'out') == 0
    assert len(read(tmp_path / 'out')[POSES]) == 3


def test_camera_info_that_comes_seconds_later_holds_for_the_images_before_it(tmp_path, caplog):
    source = write(tmp_path / 'in', messages([picture(1)] * 2, info_delay=3_000_000_000))
    assert replay(source, '--output', tmp_path / 'out') == 0
    assert 'field of view' not in caplog.text
    first = decoded(tmp_path / 'out', POSES)[0].poses[0].left_hand
    assert first.keypoints_2d[0] == pytest.approx(300 * first.keypoints[0].x / first.keypoints[0].z + 159.5, abs=0.01)


def test_without_camera_info_the_assumption_is_said_and_focal_takes_its_place(tmp_path, caplog):
    source = write(tmp_path / 'in', messages([picture(1)] * 2, infos=False))
    assert replay(source, '--output', tmp_path / 'out') == 0
    assert caplog.text.count('no camera_info: a field of view of 60 degrees is assumed') == 1
    caplog.clear()
    assert replay(source, '--output', tmp_path / 'other', '--focal', 500) == 0
    assert 'field of view' not in caplog.text
    hand = decoded(tmp_path / 'other', POSES)[0].poses[0].left_hand
    assert hand.keypoints_2d[0] == pytest.approx(500 * hand.keypoints[0].x / hand.keypoints[0].z + 159.5, abs=0.01)


def test_a_part_of_the_bag_with_what_is_latched(tmp_path):
    rows = [(INFO, *row[1:]) if row[0] == INFO else row for row in messages([picture(1)] * 6)]
    infos = [row for row in rows if row[0] == INFO]
    source = write(tmp_path / 'in', [row for row in rows if row not in infos[1:]], latched=(INFO,))
    assert replay(source, '--output', tmp_path / 'out', '--start', 0.15, '--duration', 0.3) == 0
    found = read(tmp_path / 'out')
    assert [time for time, _ in found[POSES]] == TIMES[2:5] == [time for time, _ in found[IMAGE]]
    assert found[INFO] == [(START + 150_000_000, infos[0][2])]


def test_images_that_overtook_each_other_are_put_in_order(tmp_path):
    stamps = [START + k * PERIOD for k in (0, 2, 1, 3)]
    source = write(tmp_path / 'in', messages([picture(1)] * 4, stamps=stamps))
    assert replay(source, '--output', tmp_path / 'out') == 0
    poses = decoded(tmp_path / 'out', POSES)
    assert [stamp(message.header) for message in poses] == stamps
    assert all(len(message.poses) == 1 and message.poses[0].track_id == 0 for message in poses)


def test_one_overtaken_by_too_many_is_left_alone_and_counted(tmp_path, caplog):
    step = 10_000_000
    stamps = [START + step, *[START + k * step for k in range(2, REORDER_WINDOW + 4)], START]
    source = write(tmp_path / 'in', messages([picture(1)] * len(stamps), stamps=stamps))
    assert replay(source, '--output', tmp_path / 'out') == 0
    assert '1 images came too late' in caplog.text
    assert [stamp(m.header) for m in decoded(tmp_path / 'out', POSES)] == stamps[:-1]


def test_images_of_one_stamp_are_left_alone_and_counted(tmp_path, caplog):
    stamps = [START + k // 2 * PERIOD for k in range(6)]
    source = write(tmp_path / 'in', messages([picture(1)] * 6, stamps=stamps))
    assert replay(source, '--output', tmp_path / 'out') == 0
    assert '3 images bear the stamp of the one before and were left alone' in caplog.text
    assert [stamp(message.header) for message in decoded(tmp_path / 'out', POSES)] == stamps[::2]
    assert len({stamp(t.header) for m in decoded(tmp_path / 'out', TF) for t in m.transforms}) == 3


def test_stamps_that_crawl_do_not_hold_anybody_for_ever(tmp_path):
    stamps = [START + k for k in range(12)]     # a nanosecond an image, which come ten a second
    source = write(tmp_path / 'in', messages([picture(1)] * 4 + [picture(0)] * 8, stamps=stamps))
    assert replay(source, '--output', tmp_path / 'out') == 0
    assert [len(message.poses) for message in decoded(tmp_path / 'out', POSES)] == [1] * 9 + [0] * 3


@pytest.mark.parametrize('missing', [0, 2])
def test_one_image_without_a_stamp_in_a_bag_that_has_them_is_left_out_and_said(tmp_path, caplog, missing):
    stamps = [0 if k == missing else TIMES[k] - 5_000_000 for k in range(4)]
    source = write(tmp_path / 'in', messages([picture(1)] * 4, stamps=stamps))
    assert replay(source, '--output', tmp_path / 'out') == 2
    assert f"1 images could not be used; image {missing}: no stamp, where the camera's other images" in caplog.text
    assert [stamp(m.header) for m in decoded(tmp_path / 'out', POSES)] == [s for s in stamps if s]


def test_a_bag_without_stamps_goes_by_the_times_of_the_bag(tmp_path, caplog):
    source = write(tmp_path / 'in', messages([picture(1)] * 4, stamps=[0] * 4))
    assert replay(source, '--output', tmp_path / 'out') == 0
    assert caplog.text.count('images carry no stamp') == 1
    assert [stamp(m.header) for m in decoded(tmp_path / 'out', POSES)] == TIMES[:4]


@pytest.mark.parametrize('workers', [1, 2])
def test_people_who_are_refused_are_said(tmp_path, caplog, workers):
    source = write(tmp_path / 'in', messages([picture(1), picture(2, BEHIND), picture(1)]))
    assert replay(source, '--output', tmp_path / 'out', '--workers', workers) == 0
    assert caplog.text.count('people refused: 2 behind the camera') == 1


def test_time_that_jumps_back_begins_a_new_run(tmp_path):
    stamps = [START, START + PERIOD, START - 10**10, START - 10**10 + PERIOD]
    source = write(tmp_path / 'in', messages([picture(2), picture(2), picture(1), picture(1)], stamps=stamps))
    assert replay(source, '--output', tmp_path / 'out') == 0
    poses = decoded(tmp_path / 'out', POSES)
    assert [stamp(message.header) for message in poses] == stamps
    assert [[pose.track_id for pose in message.poses] for message in poses] == [[0, 1], [0, 1], [0], [0]]


def test_markers_and_overlay_on_request(tmp_path):
    source = write(tmp_path / 'in', messages([picture(1)] * 2))
    outputs = []
    for name in ('a', 'b'):
        (tmp_path / name).mkdir()
        outputs.append(tmp_path / name / 'out')
        assert replay(source, '--output', outputs[-1], '--markers', '--overlay') == 0
    assert files(outputs[0]) == files(outputs[1])
    overlay = decoded(outputs[0], '/hand4whole/overlay/compressed')[0]
    drawn = cv2.imdecode(np.asarray(overlay.data), cv2.IMREAD_COLOR)[..., ::-1]
    assert drawn.shape == (240, 320, 3) and (np.abs(drawn.astype(int) - picture(1)).sum(axis=2) > 40).mean() > 0.02
    marker = decoded(outputs[0], '/hand4whole/markers')[1].markers[0]
    assert marker.ns == 'body' and len(marker.points) > 10_000 and stamp(marker.header) == TIMES[1] - 5_000_000


def test_what_an_earlier_run_has_said_is_replaced(tmp_path, caplog):
    first = write(tmp_path / 'in', messages([picture(1)] * 3))
    assert replay(first, '--output', tmp_path / 'once') == 0
    assert replay(tmp_path / 'once', '--output', tmp_path / 'twice', '--markers') == 0
    assert ('left out, as the new bag has its own: /hand4whole/hands, /hand4whole/objects, /hand4whole/operator/head, '
            in caplog.text)
    once, twice = read(tmp_path / 'once'), read(tmp_path / 'twice')
    assert len(twice.pop('/hand4whole/markers')) == 3
    assert twice == once


def test_a_video(tmp_path):
    path = tmp_path / 'clip.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 25, (320, 240))
    for people in (1, 1, 1):
        writer.write(np.ascontiguousarray(picture(people)[..., ::-1]))
    writer.release()
    assert replay(path, '--output', tmp_path / 'out', '--focal', 300) == 0
    poses = decoded(tmp_path / 'out', POSES)
    assert [stamp(message.header) - stamp(poses[0].header) for message in poses] == [0, 40_000_000, 80_000_000]
    assert all(len(message.poses) == 1 for message in poses)
    assert len(read(tmp_path / 'out')['/video/image/compressed']) == 3
    # What came out is a bag like any other.
    assert replay(tmp_path / 'out', '--output', tmp_path / 'again') == 0
    assert [len(message.poses) for message in decoded(tmp_path / 'again', POSES)] == [1, 1, 1]


def people_on_film(count):
    """Pictures of one person, each with a number."""
    pictures = maker.numbered(count)
    for image in pictures:
        image[:16, :16] = picture(1)[0, 0]
    return pictures


def test_a_videos_own_times_are_the_stamps(tmp_path):
    times = [0.0, 0.04, 0.3, 1.0, 1.04, 2.5]
    clip = maker.write(tmp_path / 'clip.mkv', people_on_film(6), times=times, first=3.0)
    assert replay(clip, '--output', tmp_path / 'out') == 0
    stamps = [stamp(message.header) for message in decoded(tmp_path / 'out', POSES)]
    assert stamps == [10**9 + round(time * 1000) * 1_000_000 for time in times]
    assert [time for time, _ in read(tmp_path / 'out')['/video/image/compressed']] == stamps
    assert replay(clip, '--output', tmp_path / 'part', '--start', 0.3, '--duration', 1) == 0
    assert [stamp(m.header) for m in decoded(tmp_path / 'part', POSES)] == stamps[2:5]


def test_frames_that_a_video_misses_are_counted_and_the_rest_is_done(tmp_path, caplog):
    clip = maker.write(tmp_path / 'clip.mp4', people_on_film(50), container=maker.FAST)
    clip.write_bytes(maker.damaged(clip.read_bytes(), 'zeros'))
    assert replay(clip, '--output', tmp_path / 'out') == 2
    done = len(decoded(tmp_path / 'out', POSES))
    assert 0 < done < 50 and f'clip.mp4: {50 - done} of 50 frames are missing: it is damaged' in caplog.text
    (tmp_path / 'clip.mp4').write_bytes(b'this is no video')
    with pytest.raises(ValueError, match='no video that can be decoded'):
        replay(clip, '--output', tmp_path / 'other')


def test_bad_images_are_left_out_and_said(tmp_path, caplog):
    rows = list(messages([picture(1), picture(1), picture(1, RAISE), picture(1, NOT_FINITE)]))
    bad = image_message(picture(1), divmod(START + PERIOD, 10**9), FRAME)
    bad.step = 100
    second = IMAGE, START + PERIOD
    rows = [row for row in rows if row[:2] != second] + [(*second, bytes(serialize_message(bad)))]
    source = write(tmp_path / 'in', rows)
    assert replay(source, '--output', tmp_path / 'out') == 1
    assert 'could not be used; image 1: 320 x 240 rgb8: step is 100 bytes' in caplog.text
    assert 'the estimator failed; image 2: RuntimeError: the script says so' in caplog.text
    assert [time for time, _ in read(tmp_path / 'out')[POSES]] == [TIMES[0], TIMES[3]]
    assert len(read(tmp_path / 'out')[IMAGE]) == 4


def test_the_parameters_of_a_node(tmp_path):
    source = write(tmp_path / 'in', messages([picture(1), picture(0)]))
    file = tmp_path / 'node.yaml'
    file.write_text('/**:\n  ros__parameters: {hold_time: 0.0, publish_tf: false, use_sim_time: true}\n')
    assert replay(source, '--output', tmp_path / 'out', '--params-file', file) == 0
    assert [len(message.poses) for message in decoded(tmp_path / 'out', POSES)] == [1, 0]
    assert read(tmp_path / 'out')[TF] == []
    file.write_text('hand4whole:\n  ros__parameters: {smoothing: 3}\n')
    with pytest.raises(ValueError, match='parameter smoothing: expected true or false'):
        replay(source, '--output', tmp_path / 'other', '--params-file', file)


def test_a_folder_of_bags(tmp_path, caplog):
    for name in ('one', 'two'):
        write(tmp_path / 'bags' / name)
    (tmp_path / 'bags' / 'notes.txt').write_text('no bag')
    assert replay(tmp_path / 'bags', '--output', tmp_path / 'out') == 0
    before = {name: files(tmp_path / 'out' / name) for name in ('one', 'two')}
    assert all(len(read(tmp_path / 'out' / name)[POSES]) == 3 for name in before)
    caplog.clear()
    assert replay(tmp_path / 'bags', '--output', tmp_path / 'out') == 0
    assert caplog.text.count('is there already') == 2
    assert before == {name: files(tmp_path / 'out' / name) for name in ('one', 'two')}
