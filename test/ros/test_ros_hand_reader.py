"""Hands read from bytes are those of the messages, field by field, and damaged bytes are refused."""

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, Quaternion
from rclpy.serialization import serialize_message
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header

from hand4whole_ros.msg import HandPose, HandPoseArray, WholeBodyPose, WholeBodyPoseArray
from hand4whole_ros.ros.bag.types import load_type_store
from hand4whole_ros.ros.compat import share_directory
from hand4whole_ros.ros.conversions.cdr import CdrReader
from hand4whole_ros.ros.conversions.hand_reader import read_hand, read_hands, read_people

RNG = np.random.default_rng(0)


def numbers(count):
    return RNG.normal(size=count).astype(np.float32).tolist()


def header(frame='camera'):
    return Header(stamp=Time(sec=int(RNG.integers(1, 2**31)), nanosec=int(RNG.integers(10**9))), frame_id=frame)


def pose():
    x, y, z, a, b, c, d = RNG.normal(size=7).tolist()
    return Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(x=a, y=b, z=c, w=d))


def region():
    x, y, height, width = (int(value) for value in RNG.integers(0, 2000, 4))
    return RegionOfInterest(x_offset=x, y_offset=y, height=height, width=width, do_rectify=True)


def hand(side='right', frame='camera'):
    """Every field is something else than nothing."""
    return HandPose(header=header(frame), track_id=int(RNG.integers(-1, 99)), person=3, side=side, side_confidence=0.7,
                    state=HandPose.HELD, confidence=0.625, grasping=True, grasp_probability=0.9, wrist=pose(),
                    keypoints=[pose().position for _ in range(21)], hand_length=0.2, keypoints_2d=numbers(42),
                    finger_pose=numbers(45), betas=numbers(10), box=region(),
                    agreement=0.875, depth_measured=True)


def person(track_id, frame='camera'):
    return WholeBodyPose(
        header=header(frame), track_id=track_id, state=WholeBodyPose.OK, confidence=0.9, is_operator=track_id % 2 == 1,
        global_orient=numbers(3), body_pose=numbers(63), jaw_pose=numbers(3), leye_pose=numbers(3),
        reye_pose=numbers(3), left_hand_pose=numbers(45), right_hand_pose=numbers(45), betas=numbers(10),
        expression=numbers(10),
        transl=numbers(3), joints=[pose() for _ in range(55)], joint_confidence=numbers(55),
        left_hand=hand('left', frame), right_hand=hand('right', frame), region_of_interest=region(),
        received=header().stamp, published=header().stamp, estimation_time=0.1)


def same_hand(found, message):
    assert (found.header, found.track_id, found.side, found.state) == (
        message.header, message.track_id, message.side, message.state)
    assert found.confidence == message.confidence
    assert (found.agreement, found.depth_measured) == (message.agreement, message.depth_measured)
    p, q = message.wrist.position, message.wrist.orientation
    np.testing.assert_array_equal(found.wrist, [p.x, p.y, p.z, q.x, q.y, q.z, q.w])
    np.testing.assert_array_equal(found.keypoints, [(point.x, point.y, point.z) for point in message.keypoints])


# The length of a text decides where everything after it lies.
@pytest.mark.parametrize('frame', ['', 'c', 'ca', 'cam', 'came', 'kamera_\u00fc', 'x' * 200])
def test_people_and_their_hands(frame):
    message = WholeBodyPoseArray(header=header(frame), estimator='mediapipe'[:len(frame) % 9],
                                 poses=[person(4, frame), person(7, frame)])
    found_header, people = read_people(bytes(serialize_message(message)))
    assert found_header == message.header and len(people) == 2
    for found, one in zip(people, message.poses):
        assert (found.track_id, found.state, found.is_operator) == (one.track_id, one.state, one.is_operator)
        assert found.published == one.published.sec * 10**9 + one.published.nanosec
        np.testing.assert_array_equal(found.joints, [(joint.position.x, joint.position.y, joint.position.z)
                                                     for joint in one.joints])
        same_hand(found.hands['left'], one.left_hand)
        same_hand(found.hands['right'], one.right_hand)
    assert read_people(bytes(serialize_message(WholeBodyPoseArray()))) == (Header(), [])


def test_hands_alone_and_one_hand():
    message = HandPoseArray(header=header(), estimator='open', hands=[hand('left'), hand('right'), hand('right', 'ab')])
    found_header, hands = read_hands(bytes(serialize_message(message)))
    assert found_header == message.header and len(hands) == 3
    for found, one in zip(hands, message.hands):
        same_hand(found, one)
    same_hand(read_hand(bytes(serialize_message(message.hands[2]))), message.hands[2])


def test_bytes_that_end_too_early_or_lie_about_a_length_are_refused():
    data = bytes(serialize_message(WholeBodyPoseArray(header=header(), poses=[person(1)])))
    for length in (*range(0, 40), *range(40, len(data) - 8, 97)):
        with pytest.raises(ValueError, match='a message ends after|bytes are no message'):
            read_people(data[:length])
    lying = bytearray(data)
    lying[12:16] = b'\xff\xff\xff\x7f'      # the length of frame_id
    with pytest.raises(ValueError, match='a message ends after'):
        read_people(bytes(lying))


@pytest.fixture(scope='module')
def earlier():
    """(message of this version) -> bytes of the same by a version whose HandPose ends with its box."""
    folder = share_directory('hand4whole_ros') / 'msg'
    store = get_typestore(Stores.ROS2_KILTED)
    for name in ('HandPose', 'HandPoseArray', 'WholeBodyPose', 'WholeBodyPoseArray'):
        text = (folder / f'{name}.msg').read_text()
        if name == 'HandPose':
            added = 'float32 agreement', 'bool depth_measured'
            text = ''.join(line for line in text.splitlines(True) if not line.startswith(added))
        store.register(get_types_from_msg(text, f'hand4whole_ros/msg/{name}'))

    def convert(message):
        name = f'hand4whole_ros/msg/{type(message).__name__}'
        read = load_type_store().deserialize_cdr(bytes(serialize_message(message)), name)
        return bytes(store.serialize_cdr(read, name))
    return convert


@pytest.mark.parametrize('frame', ['', 'c', 'ca', 'cam', 'came', 'a_camera'])
def test_hands_of_an_earlier_version_are_refused_and_not_misread(earlier, frame):
    words = 'another version of hand4whole_ros'
    with pytest.raises(ValueError, match=words):
        read_hand(earlier(hand(frame=frame)))
    for count in (1, 2, 5):
        hands = [hand('left' if k % 2 else 'right', frame) for k in range(count)]
        with pytest.raises(ValueError, match=words):
            read_hands(earlier(HandPoseArray(header=header(frame), hands=hands)))
        people = [person(k, frame) for k in range(count)]
        with pytest.raises(ValueError, match=words):
            read_people(earlier(WholeBodyPoseArray(header=header(frame), poses=people)))
        for one in hands:       # simulated time that has just begun
            one.header.stamp = Time(sec=3, nanosec=0)
        with pytest.raises(ValueError, match=words):
            read_hands(earlier(HandPoseArray(header=header(frame), hands=hands)))
    assert read_hands(earlier(HandPoseArray(header=header(frame))))[1] == []


def test_an_agreement_that_cannot_be_is_refused():
    for agreement in (-0.5, 1.5, float('nan')):
        message = hand()
        message.agreement = agreement
        with pytest.raises(ValueError, match='agreement of a hand is .*, expected 0 to 1 or -1'):
            read_hand(bytes(serialize_message(message)))
    message.agreement = -1.0
    assert read_hand(bytes(serialize_message(message))).agreement is None


def test_numbers_of_the_other_byte_order():
    data = b'\0\0\0\0' + np.array([1.5, -2.5], '>f8').tobytes() + np.array([7], '>i4').tobytes()
    reader = CdrReader(data)
    np.testing.assert_array_equal(reader.array('f8', 2), [1.5, -2.5])
    assert reader.number('i') == 7
