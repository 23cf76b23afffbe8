"""Hands of an image and of its mirror image, estimated alone."""

import numpy as np

from hand4whole_ros.estimators.hand_crops import MIRROR_POINTS, MIRROR_TURNS


def check_mirrored(left, right, width):
    """A left hand in the mirror image of an image `width` px wide is the right one of the image."""
    points = np.float32(MIRROR_POINTS)
    np.testing.assert_allclose(left.keypoints_3d, right.keypoints_3d * points, atol=1e-4)
    np.testing.assert_allclose(left.keypoints_2d[:, 0], width - 1 - right.keypoints_2d[:, 0], atol=1e-2)
    mirror = np.diag(points)
    np.testing.assert_allclose(left.wrist_rotation, mirror @ right.wrist_rotation @ mirror, atol=1e-4)
    turns = np.float32(MIRROR_TURNS)
    np.testing.assert_allclose(left.finger_pose, right.finger_pose * turns, atol=1e-4)
