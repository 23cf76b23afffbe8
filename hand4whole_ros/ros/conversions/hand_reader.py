"""Hands and their persons, read from serialised messages of this package, as teleoperation needs them.

A WholeBodyPose is some 250 Python objects, and creating them takes longer than all other steps from a pose to the
command of a robot.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from ... import skeleton
from .cdr import CdrReader


class HandFields(NamedTuple):
    """Part of a HandPose."""

    header: Header
    track_id: int
    side: str
    state: int
    confidence: float
    wrist: np.ndarray           # (7,) x, y, z m and quaternion x, y, z, w
    keypoints: np.ndarray       # (21, 3) m
    agreement: float | None     # 0 to 1; None: unknown
    depth_measured: bool


class PersonFields(NamedTuple):
    """Part of a WholeBodyPose."""

    track_id: int
    state: int
    is_operator: bool
    joints: np.ndarray          # (55, 3) m
    hands: dict[str, HandFields]
    published: int              # ns


#: Numbers of a WholeBodyPose from global_orient to transl, and of a HandPose from keypoints_2d to betas.
_NUM_PARAMETERS, _NUM_HAND_NUMBERS = 3 * skeleton.NUM_JOINTS + 10 + 10 + 3, 42 + 45 + 10

#: HandPose.agreement and grasp_probability where they are unknown.
UNKNOWN = -1.0

_OTHER_VERSION = 'the publisher, or the bag that is played, is of another version of hand4whole_ros'


def read_people(data: bytes) -> tuple[Header, list[PersonFields]]:
    """Read a serialised WholeBodyPoseArray. ValueError for other bytes, such as those of another version."""
    return _read_array(data, _read_person)


def read_hands(data: bytes) -> tuple[Header, list[HandFields]]:
    """Read a serialised HandPoseArray. ValueError for other bytes, such as those of another version."""
    return _read_array(data, _read_hand)


def read_hand(data: bytes) -> HandFields:
    """Read a serialised HandPose. ValueError for other bytes, such as those of another version."""
    return _read_hand(_Source(data))


class _Source(CdrReader):
    """Bytes of this version's messages; other versions may have other fields."""

    def _take(self, size, alignment):
        try:
            return super()._take(size, alignment)
        except ValueError as error:
            raise ValueError(f'{error}; {_OTHER_VERSION}') from None


def _read_array(data, read_one):
    source = _Source(data)
    header = _read_header(source)
    source.string()
    return header, [read_one(source) for _ in range(source.number('I'))]


# Field by field, in the order of the message definitions.

def _read_header(source):
    seconds, nanoseconds = source.number('i'), source.number('I')
    return Header(stamp=Time(sec=seconds, nanosec=nanoseconds), frame_id=source.string())


def _read_person(source):
    """WholeBodyPose."""
    _read_header(source)
    track_id, state = source.number('i'), source.number('B')
    source.skip('f', 1)     # confidence
    is_operator = source.number('?')
    source.skip('f', _NUM_PARAMETERS)
    joints = source.array('f8', skeleton.NUM_JOINTS, 7)[:, :3]
    source.skip('f', skeleton.NUM_JOINTS)       # joint_confidence
    hands = {side: _read_hand(source) for side in skeleton.SIDES}
    _skip_region(source)
    source.skip('I', 2)     # received
    seconds, nanoseconds = source.numbers('I', 2)
    source.skip('f', 1)     # estimation_time
    return PersonFields(track_id, state, is_operator, joints, hands, seconds * 10**9 + nanoseconds)


def _read_hand(source):
    """HandPose."""
    header = _read_header(source)
    track_id, _ = source.numbers('i', 2)
    side = source.string()
    source.skip('f', 1)     # side_confidence
    state, confidence = source.number('B'), source.number('f')
    source.skip('?', 1)     # grasping
    source.skip('f', 1)     # grasp_probability
    wrist = source.array('f8', 7)
    keypoints = source.array('f8', skeleton.NUM_HAND_KEYPOINTS, 3)
    source.skip('f', 1 + _NUM_HAND_NUMBERS)     # hand_length to betas
    _skip_region(source)
    agreement, depth_measured = source.number('f'), source.number('?')
    if not (agreement == UNKNOWN or 0 <= agreement <= 1):  # bytes of the next hand, if the message has no such field
        raise ValueError(f'agreement of a hand is {agreement:g}, expected 0 to 1 or {UNKNOWN:g}; {_OTHER_VERSION}')
    return HandFields(header, track_id, side, state, confidence, wrist, keypoints,
                      None if agreement == UNKNOWN else agreement, depth_measured)


def _skip_region(source):
    """RegionOfInterest."""
    source.skip('I', 4)
    source.skip('?', 1)
