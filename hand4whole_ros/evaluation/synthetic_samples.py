"""Rendered people as samples: a data set without files."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial.transform import Rotation

from .. import keypoints, skeleton
from ..datasets.base_reader import box_around_points
from ..datasets.sample import BodyAnnotation, HandAnnotation, Sample
from ..synthetic import dataset
from ..synthetic.truth import PersonTruth

#: Which of the keypoints of body and hands are joints, and which.
_JOINTS = [(k, joint) for k, joint in enumerate(keypoints.KEYPOINT_JOINTS[:65]) if joint < skeleton.NUM_JOINTS]


def generate_samples(count: int, seed: int) -> Iterator[Sample]:
    """People 0, 1, ... of the set `seed`, as dataset.write_dataset draws them."""
    for k in range(count):
        image, truth = dataset.render_person(seed, k)
        yield make_sample(f'{seed}/{k}', image, truth)


def make_sample(key: str, image: np.ndarray, truth: PersonTruth) -> Sample:
    """A rendered person as a sample; image RGB (H, W, 3) uint8."""
    points, known = np.zeros((keypoints.NUM_KEYPOINTS, 3)), np.zeros(keypoints.NUM_KEYPOINTS, bool)
    for k, joint in _JOINTS:
        points[k], known[k] = truth.joints[joint], True
    hands = {}
    for side in skeleton.SIDES:
        hand, places = truth.hand(side), list(keypoints.HAND_KEYPOINTS[side])
        points[places], known[places] = hand.keypoints_3d, True
        local = Rotation.from_matrix(truth.local_rotations[skeleton.HAND_SLICE[side]]).as_rotvec()
        hands[side] = HandAnnotation(
            hand.keypoints_3d, None, Rotation.from_matrix(hand.wrist_rotation).as_rotvec(), local
        )
    local = Rotation.from_matrix(truth.local_rotations).as_rotvec()
    assert truth.vertices is not None   # of people used in evaluation
    body = BodyAnnotation(truth.joints, points, known, truth.vertices, local)
    box = box_around_points(truth.vertices, truth.intrinsics, within=True)
    return Sample(key, image, truth.intrinsics, box, body, hands['left'], hands['right'])
