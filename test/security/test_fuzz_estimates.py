"""Whatever an estimator says, every number that the node publishes is finite and every message can be read."""

import dataclasses
import time

import numpy as np
import pytest
from fault_figures import note
from faulty_node import adversarial
from rclpy.serialization import deserialize_message
from scripted_node import loose_hand, person

from hand4whole_ros import skeleton
from hand4whole_ros.estimate import HandEstimate
from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.ros import topics
from hand4whole_ros.ros.conversions import messages
from hand4whole_ros.ros.conversions.result_messages import (
    MESSAGE_TYPES,
    ImageResult,
    PoseMessageBuilder,
    VisualizationMessageBuilder,
)
from hand4whole_ros.ros.node.parameters import NodeParameters
from hand4whole_ros.ros.node.person_tracking import PersonTracking
from hand4whole_ros.tracking import Tracker
from hand4whole_ros.tracking.validation import rejection_reason

CAMERA = Intrinsics.from_fov(320, 240)
IMAGE = np.full((240, 320, 3), 90, np.uint8)
SECOND = 1_000_000_000
PEOPLE = 300
#: Meshes and overlays cost a hundred times what poses cost: one image in so many has them.
DRAWN = 12


def numbers(message):
    """Every number in a message, however deep."""
    if isinstance(message, (bool, str, bytes)):
        return
    if isinstance(message, (int, float, np.number)):
        yield float(message)
    elif hasattr(message, 'get_fields_and_field_types'):
        for name in message.get_fields_and_field_types():
            yield from numbers(getattr(message, name))
    else:
        for part in message:
            yield from numbers(part)


def check(message):
    """Finite, and quaternions of length one."""
    values = np.array(list(numbers(message)))
    assert np.isfinite(values).all(), message
    for pose in getattr(message, 'poses', []):
        turns = np.array([(j.orientation.x, j.orientation.y, j.orientation.z, j.orientation.w)
                          for j in getattr(pose, 'joints', [pose])])     # of a person, or of one keypoint
        assert np.allclose(np.linalg.norm(turns, axis=1), 1, atol=1e-3)
    return len(values)


def markers_are_finite(data):
    """The points of a MarkerArray are most of its bytes; as float64 all of them are finite, texts included."""
    numbers_of = np.frombuffer(data[4:4 + len(data[4:]) // 8 * 8], '<f8')
    assert np.isfinite(numbers_of).all()
    return len(numbers_of)


@pytest.mark.parametrize('seed', [1])
def test_nothing_but_finite_numbers_leaves_whatever_the_estimator_says(body, seed):
    rng = np.random.default_rng(seed)
    parameters = NodeParameters()
    following, poses, pictures = (
        PersonTracking(body, parameters),
        PoseMessageBuilder('fuzz'),
        VisualizationMessageBuilder(body),
    )
    good = [person(body, CAMERA, (x, 0.3, 3.0)) for x in (-0.5, 0.5)]
    checked, shown, loose_shown, started = 0, 0, 0, time.perf_counter()
    for k in range(PEOPLE // 2):
        # Every third image is as it should be: what was wrong before must not linger in filters or in what is held.
        people = good if k % 3 == 0 else [adversarial(one, rng) for one in good]
        stamp = 100 * SECOND + k * SECOND // 30
        assert following.classify(stamp, 'camera', stamp * 1e-9) == 'next'
        loose = [loose_hand(one.right_hand) for one in people if isinstance(one.right_hand, HandEstimate)]
        people, operator, hands = following.update(people, stamp, stamp * 1e-9, parameters, loose_hands=loose)
        assert k % 3 or len(people) >= 2, f'seed {seed}, image {k}: good people are lost'
        result = ImageResult(
            messages.make_header(messages.to_time_message(stamp), 'camera'),
            IMAGE,
            CAMERA,
            people,
            operator,
            messages.Timing(messages.to_time_message(stamp), messages.to_time_message(stamp), 0.01),
            hands,
        )
        for topic, said in poses.of(result, True):
            message = deserialize_message(said, MESSAGE_TYPES[topic]) if isinstance(said, bytes) else said
            checked += check(message)
        shown += len(people)
        loose_shown += len(result.loose_hands)
        if k % DRAWN == 1:
            result = pictures.add_meshes(result)
            checked += markers_are_finite(bytes(pictures.markers(result)))
            assert pictures.overlay(result).shape == IMAGE.shape
    seconds = time.perf_counter() - started
    assert shown > PEOPLE / 3 and loose_shown > PEOPLE / 3 and following.refused_hands
    assert MESSAGE_TYPES.keys() >= {topics.POSES, topics.TF}
    note('the estimator says nonsense', f'NaN, infinity, 3e38, zeros, missing and misshapen parts, in '
         f'{PEOPLE * 2 // 3} of {PEOPLE} people (seed {seed})', PEOPLE, f'{checked:,} published numbers, '
         f'all finite; good people are shown in the very next image; {seconds:.0f} s in all')


def test_who_cannot_be_is_named_once(body, caplog):
    tracker, good = Tracker(body), person(body, CAMERA)
    for k in range(20):
        assert tracker.update([dataclasses.replace(good, betas=np.full((10,), float('nan'), np.float32))], k / 30) == []
    assert [record.getMessage() for record in caplog.records] == [
        'a person is rejected as impossible: betas is not finite']


@pytest.mark.parametrize('change, said', [
    ({'joints': np.full((55, 3), 1001.0, np.float32)}, 'joints is 1001, at most 1000'),
    ({'betas': np.zeros(9, np.float32)}, 'betas is (9,) float32, expected (10,) float32'),
    ({'body_pose': np.zeros((21, 3), np.float32).astype(np.float64)}, 'body_pose is (21, 3) float64'),
    ({'transl': None}, 'transl is NoneType'), ({'left_hand': None}, 'left hand: missing'),
    ({'confidence': 1.5}, 'confidence is 1.5, expected 0 to 1'),
    ({'bbox_xyxy': np.full(4, 1e10, np.float32)}, 'bbox_xyxy'),
    ({'confidence': float('nan')}, 'confidence is nan')])
def test_what_is_wrong_is_said(body, change, said):
    good = person(body, CAMERA)
    assert rejection_reason(good) == '' and rejection_reason(dataclasses.replace(good, **change)).startswith(said)


def test_a_hand_of_the_bodys_own_shape_is_no_objection(body):
    good = person(body, CAMERA, left_state=skeleton.LOST)
    assert rejection_reason(dataclasses.replace(good, left_hand=dataclasses.replace(good.left_hand, betas=None))) == ''
