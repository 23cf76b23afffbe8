"""Sources of hands: one entry for each type of serialised message, all converted to HandObservation.

A source with another message is one more entry of SOURCES. HandObservation.person is the track id of
the hand's person; for source hands, where a hand may belong to no person, that of the hand itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from std_msgs.msg import Header

from ... import skeleton
from ...msg import HandPose, HandPoseArray, WholeBodyPose, WholeBodyPoseArray
from ...teleop.hand_gate import HandObservation
from ...teleop.poses import Pose
from .. import topics
from ..conversions.hand_reader import HandFields, PersonFields, read_hand, read_hands, read_people

_NO_KEYPOINTS = np.zeros((skeleton.NUM_HAND_KEYPOINTS, 3))


@dataclass(frozen=True)
class HandMeasurement:
    """One hand in one message."""

    header: Header
    observation: HandObservation    # with a fault if there is no hand, or it is not measured
    published: int | None           # ns, when the message was passed to the middleware; None: not in the message
    joints: np.ndarray | None = None    # (55, 3) m, of the person, if the message has them


@dataclass(frozen=True)
class HandSource:
    """One type of message with hands."""

    message_type: type
    topic: Callable[[str], str]     # side -> name of the topic, relative
    #: Bytes of a message -> its content; ValueError if they are no such message.
    read: Callable[[bytes], Any]
    #: (content, side, wanted track id or None, track id of the last hand or None) -> the hand.
    measure: Callable[[Any, str, int | None, int | None], HandMeasurement]
    both_sides: bool                # whether one message contains both hands


def _seconds(stamp):
    return stamp.sec + 1e-9 * stamp.nanosec


def _without(stamp, fault, person=None):
    return HandObservation(stamp, _NO_KEYPOINTS, 0.0, person=person, fault=fault)


def _observation(hand: HandFields, person: int | None) -> HandObservation:
    """A measured hand; held and lost ones are not."""
    stamp = _seconds(hand.header.stamp)
    if hand.state != HandPose.OK:
        return _without(stamp, 'the hand is not seen in the image', person)
    try:
        rotation = Pose.from_quaternion(hand.wrist[:3], hand.wrist[3:]).rotation
    except ValueError:
        return _without(stamp, 'the pose of the wrist is not finite, or its quaternion is not of unit length', person)
    return HandObservation(stamp, hand.keypoints, hand.confidence, hand.agreement, hand.depth_measured,
                           wrist_rotation=rotation, person=person)


def _of_operator(hand: HandFields, side: str, wanted: int | None, last: int | None) -> HandMeasurement:
    return HandMeasurement(hand.header, _observation(hand, None), None)


def _of_hands(found: tuple[Header, list[HandFields]], side: str, wanted: int | None, last: int | None
              ) -> HandMeasurement:
    """The selected hand; else the last one while it is tracked, else the nearest one."""
    header, hands = found[0], {hand.track_id: hand for hand in found[1] if hand.side == side}
    if wanted is None:
        wanted = last if last in hands else min(hands, key=lambda name: hands[name].wrist[2], default=None)
    if wanted in hands:
        return HandMeasurement(header, _observation(hands[wanted], wanted), None)
    fault = f'no {side} hand is in the image' if wanted is None else f'{side} hand {wanted} is not in the image'
    return HandMeasurement(header, _without(_seconds(header.stamp), fault), None)


def _of_people(found: tuple[Header, list[PersonFields]], side: str, wanted: int | None, last: int | None
               ) -> HandMeasurement:
    """The hand of the selected person, else of the operator of the node hand4whole."""
    header, people = found
    stamp = _seconds(header.stamp)
    for person in people:
        if person.track_id == wanted if wanted is not None else person.is_operator:
            if person.state != WholeBodyPose.OK:
                observation = _without(stamp, 'the person is not seen in the image', person.track_id)
            else:
                observation = _observation(person.hands[side], person.track_id)
            return HandMeasurement(header, observation, person.published or None, person.joints)
    fault = 'no person is in the image' if not people else \
        f'person {wanted} is not in the image' if wanted is not None else 'the operator is not in the image'
    return HandMeasurement(header, _without(stamp, fault), None)


def _of_node(topic):
    """'~/poses' -> 'hand4whole/poses': of the node in the same namespace."""
    return topics.absolute_topic(topic)[1:]


#: Value of the parameter `source` -> the source.
SOURCES = {
    'poses': HandSource(WholeBodyPoseArray, lambda side: _of_node(topics.POSES), read_people, _of_people, True),
    'operator': HandSource(HandPose, lambda side: _of_node(topics.HAND[side]), read_hand, _of_operator, False),
    'hands': HandSource(HandPoseArray, lambda side: _of_node(topics.HANDS), read_hands, _of_hands, True)}
