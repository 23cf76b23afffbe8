"""Cameras: projection, its inverse, and what is refused."""

import math

import numpy as np
import pytest
from lenses import CORNERS_FOLD, GOOD, WRONG

from hand4whole_ros.geometry.camera import Intrinsics
from hand4whole_ros.geometry.lens_check import check_lens

LENSES = {
    'none': ('plumb_bob', ()),
    'plumb_bob': ('plumb_bob', (-0.28, 0.09, 0.001, -0.0007, 0.0)),
    'four coefficients': ('plumb_bob', (-0.1, 0.02, 0.0005, 0.0005)),
    'rational': ('rational_polynomial', (0.3, 0.05, 1e-4, -2e-4, 0.003, 0.6, 0.1, 0.01)),
    'equidistant': ('equidistant', (-0.02, 0.005, -0.002, 0.0003)),
    'equidistant without terms': ('equidistant', (0.0, 0.0, 0.0, 0.0)),
}


@pytest.fixture(params=LENSES, ids=list(LENSES))
def camera(request):
    model, coefficients = LENSES[request.param]
    return Intrinsics(610.0, 605.0, 325.5, 238.0, 640, 480, coefficients, model)


def test_pixels_and_rays_are_inverses(camera):
    rng = np.random.default_rng(0)
    rays = rng.uniform(-0.45, 0.45, (4, 50, 2))
    depth = rng.uniform(0.3, 6, (4, 50, 1))
    pixels = camera.project(np.concatenate([rays, np.ones_like(depth)], -1) * depth)
    assert pixels.shape == (4, 50, 2)
    np.testing.assert_allclose(camera.normalize(pixels), rays, atol=1e-6)


def test_a_point_on_the_axis_lands_on_the_principal_point(camera):
    np.testing.assert_allclose(camera.project([0, 0, 2.0]), [325.5, 238.0], atol=1e-9)


def test_points_behind_the_camera_have_no_pixel(camera):
    pixels = camera.project([[0, 0, -1.0], [0.1, 0, 0.0], [0.1, 0.1, 1.0], [np.nan, 0, 1]])
    assert np.isnan(pixels[[0, 1]]).all() and np.isfinite(pixels[2]).all()
    assert np.isnan(pixels[3]).any()


def test_no_points_at_all(camera):
    assert camera.project(np.zeros((0, 3))).shape == (0, 2)
    assert camera.normalize(np.zeros((0, 2))).shape == (0, 2)


def test_pinhole_is_focal_times_slope():
    camera = Intrinsics.from_focal(641, 481, 500.0)
    np.testing.assert_allclose(camera.project([0.2, -0.1, 2.0]), [320 + 50, 240 - 25])


def test_an_equidistant_lens_is_linear_in_the_angle():
    camera = Intrinsics(300.0, 300.0, 0.0, 0.0, 640, 480, (0.0,) * 4, 'equidistant')
    assert camera.project([math.tan(0.7), 0, 1.0])[0] == pytest.approx(300 * 0.7)


def test_field_of_view_spans_the_longer_side():
    camera = Intrinsics.from_fov(480, 640, 90)
    assert camera.fx == pytest.approx(320)
    assert not camera.calibrated
    assert Intrinsics.from_focal(480, 640, 320).calibrated


@pytest.mark.parametrize('values, word', [
    (dict(fx=0.0), 'fx'), (dict(fy=-3.0), 'positive'), (dict(fx=math.nan), 'finite'),
    (dict(cy=math.inf), 'finite'), (dict(width=0), 'size'), (dict(distortion=(0.1,)), 'coefficients'),
    (dict(distortion=(math.nan,) * 5), 'finite'), (dict(distortion_model='fish'), 'fish')])
def test_bad_numbers_are_refused_by_name(values, word):
    good = dict(fx=500.0, fy=500.0, cx=320.0, cy=240.0, width=640, height=480)
    with pytest.raises(ValueError, match=word):
        Intrinsics(**{**good, **values})


@pytest.mark.parametrize('degrees', [0, -5, 180, math.nan])
def test_impossible_fields_of_view_are_refused(degrees):
    with pytest.raises(ValueError, match='field of view'):
        Intrinsics.from_fov(640, 480, degrees)


def camera_of(model, coefficients, *rest):
    return Intrinsics(*rest, tuple(map(float, coefficients)), model)


def pixels_in_and_around(camera, margin=0.0):
    """(31, 41, 2) px over the image and `margin` images around it, edges and corners included."""
    w, h = camera.width - 1, camera.height - 1
    return np.stack(np.meshgrid(np.linspace(-margin * w, (1 + margin) * w, 41),
                                np.linspace(-margin * h, (1 + margin) * h, 31)), -1)


def there_and_back(camera, pixels):
    """How far each pixel comes back beside itself, and its rays."""
    rays = camera.normalize(pixels)
    again = camera.project(np.concatenate([rays, np.ones_like(rays[..., :1])], -1))
    return np.linalg.norm(again - pixels, axis=-1), rays


@pytest.mark.parametrize('name', [*GOOD, *CORNERS_FOLD])
def test_a_lens_of_a_camera_is_taken_and_closes_in_and_around_the_image(name):
    camera = camera_of(*{**GOOD, **CORNERS_FOLD}[name])
    usable, remark = check_lens(camera)
    assert usable and (remark is None) == (name in GOOD)
    error, rays = there_and_back(camera, pixels_in_and_around(camera, 0.5))
    assert error.max() < 1e-3
    # Further out is further out, along every line from the centre: no fold, inside the image or beyond it.
    turns = np.arange(0, 2 * np.pi, 0.1)[:, None, None]
    far = np.linspace(1, 2 * camera.width, 200)[None, :, None]
    lines = np.concatenate([np.cos(turns) * far, np.sin(turns) * far], -1) + (camera.cx, camera.cy)
    assert (np.diff(np.linalg.norm(camera.normalize(lines), axis=-1), axis=1) > 0).all()


@pytest.mark.parametrize('name', WRONG)
def test_a_lens_that_cannot_be_that_of_the_image_is_not_taken(name):
    usable, remark = check_lens(camera_of(*WRONG[name]))
    assert not usable and 'are they in the order k1, k2' in remark


def test_beyond_its_fold_a_lens_goes_on_as_at_its_edge():
    camera = camera_of(*GOOD['k1 alone, extreme corners fold'])
    ideal = Intrinsics(500.0, 500.0, 320.0, 240.0, 640, 480)
    corners = [[639.0, 479.0], [1200.0, 900.0]]
    folded, straight = (np.linalg.norm(c.normalize(corners), axis=-1) for c in (camera, ideal))
    assert (folded > straight).all() and (folded < 1.6 * straight).all()
    # A point far to the side is seen far to the side, not folded into the image.
    assert camera.project([2.0, 0, 1.0])[0] > 900


def test_a_fisheye_sees_no_further_than_a_plane_can():
    camera = camera_of(*GOOD['T265, 170 degrees, corners dark'])
    error, rays = there_and_back(camera, pixels_in_and_around(camera))
    assert np.isfinite(rays).all() and error.max() < 1e-3
    assert camera.normalize([847.0, 399.0])[0] > 8      # 83 degrees and more
