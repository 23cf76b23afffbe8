"""What lies within an image: one rule, pixel centres at integers."""

import numpy as np

from hand4whole_ros.geometry.boxes import inside


def test_the_image_reaches_half_a_pixel_beyond_the_centres_of_its_edge():
    points = [(-0.5, -0.5), (-0.51, 0), (639.49, 479.49), (639.5, 0), (0, 479.5), (320, 240)]
    assert inside(points, 640, 480).tolist() == [True, False, True, False, False, True]


def test_what_is_no_number_is_outside_and_any_shape_is_kept():
    points = np.zeros((2, 3, 2))
    points[0, 1], points[1, 2, 0] = np.nan, np.inf
    assert inside(points, 10, 10).tolist() == [[True, False, True], [True, True, False]]
    assert bool(inside((3.0, 4.0), 5, 5)) is True
