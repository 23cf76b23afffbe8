"""Depth at points of an image, and how far points are from where depth sees them."""

import numpy as np
import pytest

from hand4whole_ros.geometry.depth_image import MIN_POINTS, DepthImage, depth_offset

WALL, LIMB = 4.0, 2.0


def scene(dtype=np.uint16, unit=0.001):
    """A limb 9 px wide before a wall, (60, 80)."""
    metres = np.full((60, 80), WALL)
    metres[:, 30:39] = LIMB
    return DepthImage((metres / unit).astype(dtype), unit)


@pytest.mark.parametrize('image', [scene(), scene(np.float32, 1.0)], ids=['16UC1', '32FC1'])
def test_depth_is_in_metres_on_a_limb_at_its_edge_and_beside_it(image):
    np.testing.assert_allclose(image.at(np.array([[34, 20.0], [30, 20], [10, 20], [0, 0], [79, 59]])),
                               [LIMB, LIMB, WALL, WALL, WALL], atol=1e-6)


@pytest.mark.parametrize('hole', [0, np.nan, np.inf, -np.inf, -1.0, 0.01, 65.535, 1e9])
def test_what_was_not_measured_is_no_depth(hole):
    values = scene(np.float32, 1.0).values.copy()
    values[10:20, 30:39] = hole
    values[40, 34] = hole           # one pixel of many
    found = DepthImage(values, 1.0).at(np.array([[34, 15.0], [34, 40]]))
    assert np.isnan(found[0]) and found[1] == pytest.approx(LIMB)


def test_points_outside_the_image_and_points_that_are_none_have_no_depth():
    outside = np.array([[-1, 5.0], [80, 5], [5, 60], [np.nan, 5], [np.inf, -np.inf], [1e12, 3]])
    assert np.isnan(scene().at(outside)).all()
    assert scene().at(np.zeros((0, 2))).shape == (0,)


def test_points_agree_on_an_offset_in_spite_of_those_that_see_past_the_body():
    points = np.stack([np.zeros(9), np.zeros(9), np.linspace(1.9, 2.1, 9)], axis=1)
    skin = np.full(9, 0.05)
    surface = points[:, 2] - skin + 0.3
    surface[:2], surface[2], surface[3] = WALL, np.nan, 0.7
    assert depth_offset(points, surface, skin, 0.1) == pytest.approx(0.3)


def test_too_few_points_or_too_little_agreement_say_nothing():
    points = np.tile([0.0, 0.0, 2.0], (10, 1))
    few = np.full(10, np.nan)
    few[:MIN_POINTS - 1] = 2.5
    assert depth_offset(points, few, np.zeros(10), 0.1) is None
    scattered = np.linspace(1.0, 4.0, 10)
    assert depth_offset(points, scattered, np.zeros(10), 0.1) is None
    assert depth_offset(points[:0], scattered[:0], np.zeros(0), 0.1) is None
