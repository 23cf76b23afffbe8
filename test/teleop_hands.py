"""Hands for tests of teleoperation: exact, of no person, without any library."""

import numpy as np

from hand4whole_ros.teleop.hand_gate import HandObservation

#: A right hand's finger roots and lengths of their bones in the frame of the hand, mm: thumb to pinky.
_ROOTS = np.array([(8, 22, 28), (0, 26, 95), (0, 0, 97), (1, -21, 92), (6, -39, 82)], float)
_BONES = np.array([(46, 33, 27), (40, 25, 22), (44, 28, 23), (40, 26, 23), (32, 20, 20)], float)
_THUMB_DIRECTION = np.array([0.5, 0.56, 0.66])
_TO_INDEX = np.array([0.35, -0.2, 0.91])


def right_hand(flexion=0.2, thumb=0.0):
    """(21, 3) m in the hand's own frame. flexion: rad, of every finger joint; thumb: 0 open, 1 across the palm."""
    points = [np.zeros(3)]
    for finger in range(5):
        place, angle = _ROOTS[finger], 0.0
        points.append(place)
        for length in _BONES[finger]:
            if finger == 0:
                direction = (1 - thumb) * _THUMB_DIRECTION + thumb * _TO_INDEX
                direction = direction / np.linalg.norm(direction)
            else:
                angle += flexion
                direction = np.array([np.sin(angle), 0.0, np.cos(angle)])
            place = place + length * direction
            points.append(place)
    return np.array(points) / 1000


def placed(hand, position=(0.1, -0.05, 0.7), rotation=None):
    """The hand in the camera's optical frame: (21, 3) m."""
    rotation = np.diag([-1.0, 1.0, -1.0]) if rotation is None else rotation    # the palm to the camera
    return hand @ rotation.T + position


def mirrored(keypoints):
    """The same in a mirror, as a camera would see the other hand do it."""
    return keypoints * (-1.0, 1.0, 1.0)


def seen(stamp, hand=None, position=(0.1, -0.05, 0.7), **fields):
    """An observation of a hand at `stamp` s."""
    return HandObservation(stamp, placed(right_hand() if hand is None else hand, position), **fields)
