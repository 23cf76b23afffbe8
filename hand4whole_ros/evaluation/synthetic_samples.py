"""People that this package draws, as samples: a set that everybody has."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial.transform import Rotation

from .. import keypoints, skeleton
from ..datasets.base_reader import box_around
from ..datasets.sample import Sample, TrueBody, TrueHand
from ..synthetic import dataset, people
from ..synthetic.truth import Truth

#: Which of the keypoints of body and hands are joints, and which.
_JOINTS = [(k, joint) for k, joint in enumerate(keypoints.KEYPOINT_JOINTS[:65]) if joint < skeleton.NUM_JOINTS]


def samples(count: int, seed: int) -> Iterator[Sample]:
    """People 0, 1, ... of the set `seed`, as dataset.write draws them."""
    for k in range(count):
        image, truth = people.render(people.sample(dataset.people_seed(seed, k)))
        yield sample_of(f'{seed}/{k}', image, truth)


def sample_of(key: str, image: np.ndarray, truth: Truth) -> Sample:
    """A rendered person as a sample; image RGB (H, W, 3) uint8."""
    points, known = np.zeros((keypoints.NUM_KEYPOINTS, 3)), np.zeros(keypoints.NUM_KEYPOINTS, bool)
    for k, joint in _JOINTS:
        points[k], known[k] = truth.joints[joint], True
    hands = {}
    for side in skeleton.SIDES:
        hand, places = truth.hand(side), list(keypoints.HAND_KEYPOINTS[side])
        points[places], known[places] = hand.keypoints_3d, True
        local = Rotation.from_matrix(truth.local_rotations[skeleton.HAND_SLICE[side]]).as_rotvec()
        hands[side] = TrueHand(hand.keypoints_3d, None, Rotation.from_matrix(hand.wrist_rotation).as_rotvec(), local)
    local = Rotation.from_matrix(truth.local_rotations).as_rotvec()
    body = TrueBody(truth.joints, points, known, truth.vertices, local)
    box = box_around(truth.vertices, truth.intrinsics, within=True)
    return Sample(key, image, truth.intrinsics, box, body, hands['left'], hands['right'])
