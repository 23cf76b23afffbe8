"""Pictures that stand alone: what is seen in one does not depend on those before it."""

import numpy as np
import pytest

pytest.importorskip('ai_edge_litert')

from hand4whole_ros.detection.landmark_people import LandmarkPeople
from hand4whole_ros.synthetic.motion import PersonMotion


def test_the_order_of_pictures_changes_nothing():
    motion = PersonMotion()
    pictures = [motion.frame(seconds) for seconds in (0.0, 0.2)]
    detector = LandmarkPeople(static_images=True)
    try:
        there = [detector.detect(picture) for picture in pictures]
        back = [detector.detect(picture) for picture in reversed(pictures)][::-1]
    finally:
        detector.close()
    for (one,), (other,) in zip(there, back):
        assert one.left_hand is not None and one.right_hand is not None
        for name in ('pose', 'world', 'visibility', 'left_hand', 'right_hand'):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
