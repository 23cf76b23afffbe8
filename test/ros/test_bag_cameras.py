"""Two cameras on one topic of a bag, and two clocks: said once, and nothing made of it that only seems right."""

import numpy as np
import pytest
from bag_maker import FRAME, IMAGE, INFO, PERIOD, START, decoded, messages, read, write
from fault_figures import note
from rclpy.serialization import serialize_message
from ros_peer import camera_info, image_message
from scripted_node import picture
from scripted_replay import replay

from hand4whole_ros.ros.bag import image_survey
from hand4whole_ros.ros.bag.image_survey import MIN_CLOCK_OFFSET, ImageSurvey
from hand4whole_ros.ros.bag.reader import Bag
from hand4whole_ros.ros.conversions.serialised_header import read_frame_id

POSES = '/hand4whole/poses'
DAY = 86400 * 10**9


def camera(frames, focal=None, people=1, offset=0):
    """Images of these frames, a PERIOD apart, and the camera_info of each; focal: frame -> px."""
    for k, frame in enumerate(frames):
        time = START + k * PERIOD
        image = image_message(picture(people), divmod(time - offset, 10**9), frame)
        if focal is not None:
            info = camera_info()
            info.header = image.header
            info.k[0] = info.k[4] = info.p[0] = info.p[5] = focal[frame]
            yield INFO, time - 1, bytes(serialize_message(info))
        yield IMAGE, time, bytes(serialize_message(image))


def focal_of(message):
    hand = message.poses[0].left_hand
    return (hand.keypoints_2d[0] - 159.5) * hand.keypoints[0].z / hand.keypoints[0].x


@pytest.mark.parametrize('frames, kept', [
    ('ababab', 'a'), ('aaabbb', 'a'), ('baaaaa', 'a'), ('aaaaab', 'a')])
def test_images_of_another_frame_get_no_poses_and_are_counted(tmp_path, caplog, frames, kept):
    source = write(tmp_path / 'in', camera(frames, {'a': 300.0, 'b': 700.0}))
    assert replay(source, '--output', tmp_path / 'out') == 2
    found = decoded(tmp_path / 'out', POSES)
    assert [message.header.frame_id for message in found] == [kept] * frames.count(kept)
    assert {pose.track_id for message in found for pose in message.poses} == {0}
    assert len(read(tmp_path / 'out')[IMAGE]) == len(frames)
    other = 'b' if kept == 'a' else 'a'
    (line,) = [line for line in caplog.messages if 'frame_id' in line]
    assert line.startswith(f'{frames.count(other)} images could not be used') and f'--frame-id {other}' in line
    # Each camera has its own calibration, though they share a topic for that as well.
    assert [focal_of(message) for message in found] == pytest.approx([300.0] * len(found), rel=1e-3)
    if frames == 'ababab':
        note('two cameras on one topic of a bag', 'every other image and camera_info has another frame_id', 1,
             f'{len(found)} of 6 images have poses, with their own camera_info; the others are counted; exit code 2')


def test_a_camera_that_has_another_name_from_some_image_on_is_followed(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(image_survey, '_FRAME_CHANGE_IMAGES', 3)
    source = write(tmp_path / 'in', camera('aaaaaaaabbabbbbbb', {'a': 300.0, 'b': 700.0}))
    assert replay(source, '--output', tmp_path / 'out') == 2
    found = decoded(tmp_path / 'out', POSES)
    assert ''.join(message.header.frame_id for message in found) == 'aaaaaaaaabbb'
    assert caplog.text.count("the camera's frame_id is 'b' from here on, and no longer 'a'") == 1
    assert "5 images could not be used; image 8: its frame_id is 'b'" in caplog.text


def test_the_other_camera_can_be_chosen(tmp_path, capfd):
    source = write(tmp_path / 'in', camera('ababab', {'a': 300.0, 'b': 700.0}))
    assert replay(source, '--output', tmp_path / 'out', '--frame-id', 'b') == 2
    found = decoded(tmp_path / 'out', POSES)
    assert [message.header.frame_id for message in found] == ['b'] * 3
    assert [focal_of(message) for message in found] == pytest.approx([700.0] * 3, rel=1e-3)
    with pytest.raises(ValueError, match="no image on /cam/image_raw has frame_id 'c'; the first have 'a', 'b'"):
        replay(source, '--output', tmp_path / 'other', '--frame-id', 'c')


def test_images_without_a_name_before_the_driver_knew_it(tmp_path, caplog):
    source = write(tmp_path / 'in', camera(['', 'a', '/a', 'a']))
    assert replay(source, '--output', tmp_path / 'out', '--focal', 300) == 2
    assert len(decoded(tmp_path / 'out', POSES)) == 3
    assert "1 images could not be used; image 0: its frame_id is '', not 'a'" in caplog.text


def test_a_damaged_image_is_not_taken_for_another_camera(tmp_path, caplog):
    rows = [*camera('aa'), (IMAGE, START + 5 * PERIOD, b'\0\1\0\0'),
            (IMAGE, START + 6 * PERIOD, b'\0\1' + b'\xee' * 60)]
    source = write(tmp_path / 'in', rows)
    assert replay(source, '--output', tmp_path / 'out', '--focal', 300) == 2
    assert len(decoded(tmp_path / 'out', POSES)) == 2 and 'frame_id' not in caplog.text
    assert '2 images could not be used; image 2: 4 bytes that are no Image message' in caplog.text


def test_calibration_in_another_frame_than_the_images_is_used_all_the_same(tmp_path):
    rows = [row for row in camera('aaa', {'a': 400.0})]
    rows = [(topic, time, data.replace(b'\2\0\0\0a\0', b'\2\0\0\0z\0') if topic == INFO else data)
            for topic, time, data in rows]
    source = write(tmp_path / 'in', rows)
    assert read_frame_id(rows[0][2]) == 'z'
    assert replay(source, '--output', tmp_path / 'out') == 0
    assert focal_of(decoded(tmp_path / 'out', POSES)[0]) == pytest.approx(400.0, rel=1e-3)


@pytest.mark.parametrize('offset, says', [
    (3 * DAY, '3.0 days after their stamps'), (-3 * DAY, '3.0 days before their stamps'),
    (START - 10**9, 'years after their stamps'), (25 * 10**9, '25.0 s after their stamps')],
    ids=['days', 'days before', 'since it was switched on', 'seconds'])
def test_two_clocks_are_named_once_and_no_latency_is_made_of_them(tmp_path, caplog, offset, says):
    source = write(tmp_path / 'in', camera('aaa', offset=offset))
    assert replay(source, '--output', tmp_path / 'out', '--focal', 300) == 0
    (line,) = [line for line in caplog.messages if 'two clocks' in line]
    assert says in line and '/cam/image_raw' in line
    found = decoded(tmp_path / 'out', POSES)
    assert len(found) == 3
    for k, message in enumerate(found):
        stamp = START + k * PERIOD - offset
        assert message.header.stamp.sec * 10**9 + message.header.stamp.nanosec == stamp
        (pose,) = message.poses
        assert (pose.received.sec, pose.received.nanosec, pose.published.sec, pose.published.nanosec) == (0, 0, 0, 0)
    assert [time for time, _ in read(tmp_path / 'out')[POSES]] == [START + k * PERIOD for k in range(3)]
    if offset == 3 * DAY:
        note('a bag of two clocks', 'images are recorded three days after their stamps', 1,
             'said once; poses have the stamps, and 0 for the times that would only seem to be ages')


@pytest.mark.parametrize('offset', [0, 5_000_000, int((MIN_CLOCK_OFFSET - 0.5) * 1e9), START])
def test_one_clock_is_not_spoken_of(tmp_path, caplog, offset):
    """Nor are images that carry no stamp at all."""
    unstamped = [(IMAGE, START + k * PERIOD, bytes(serialize_message(image_message(picture(1), (0, 0), 'a'))))
                 for k in range(3)]
    source = write(tmp_path / 'in', unstamped if offset == START else camera('aaa', offset=offset))
    assert replay(source, '--output', tmp_path / 'out', '--focal', 300) == 0
    assert 'two clocks' not in caplog.text
    for k, message in enumerate(decoded(tmp_path / 'out', POSES)):
        (pose,) = message.poses
        assert pose.received.sec * 10**9 + pose.received.nanosec == START + k * PERIOD


def test_the_survey_reads_few_images(tmp_path):
    source = write(tmp_path / 'in', messages([picture(1)] * 40))
    with Bag(source) as bag:
        (images,) = [c for c in bag.connections if c.topic == IMAGE]
        survey = ImageSurvey(bag, images)
        assert survey.frames == {FRAME: 30} and survey.rejection_reason(FRAME) is None and survey.clock_remark() is None
        np.testing.assert_array_equal(survey.apart, 0.0)
