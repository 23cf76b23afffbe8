"""Pictures that stand alone: what is seen in one does not depend on those before it."""

import numpy as np
import pytest

pytest.importorskip('mediapipe')

from hand4whole_ros.detection.mediapipe_holistic import MediaPipeHolistic
from hand4whole_ros.synthetic.motion import PersonMotion


def test_the_order_of_pictures_changes_nothing():
    motion = PersonMotion()
    pictures = [motion.frame(seconds) for seconds in (0.0, 0.1, 0.2)]
    detector = MediaPipeHolistic(static_images=True)
    try:
        there = [detector.detect(picture) for picture in pictures]
        back = [detector.detect(picture) for picture in reversed(pictures)][::-1]
    finally:
        detector.close()
    assert all(seen.left_hand is not None and seen.right_hand is not None for seen in there)
    for one, other in zip(there, back):
        for name in ('pose', 'world', 'visibility', 'left_hand', 'right_hand'):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
