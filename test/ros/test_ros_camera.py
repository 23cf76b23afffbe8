"""camera_info to intrinsics: calibrated, cropped, binned, scaled, and wrong in every way."""

import copy
import math

import numpy as np
import pytest
from lenses import CORNERS_FOLD, GOOD, WRONG
from ros_peer import camera_info

from hand4whole_ros.geometry.lens_check import check_lens
from hand4whole_ros.ros.conversions.camera_state import CameraInfoError, CameraState, intrinsics_from_camera_info


def test_calibrated():
    info = camera_info(640, 480, 500.0)
    info.d = [0.1, -0.2, 0.001, 0.002, 0.03]
    found, remark = intrinsics_from_camera_info(info, 640, 480)
    assert (found.fx, found.cx, found.cy, found.width, found.height) == (500.0, 319.5, 239.5, 640, 480)
    assert found.distortion == (0.1, -0.2, 0.001, 0.002, 0.03) and found.calibrated and remark is None


def test_a_rectified_image_takes_p_and_no_lens():
    info = camera_info(640, 480, 500.0)
    info.d = [0.1] * 5
    info.p[0] = info.p[5] = 450.0
    found, _ = intrinsics_from_camera_info(info, 640, 480, rectified=True)
    assert found.fx == 450.0 and found.distortion == ()


def test_region_of_interest():
    info = camera_info(640, 480, 500.0)
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = 100, 50, 320, 240
    found, remark = intrinsics_from_camera_info(info, 320, 240)
    assert (found.cx, found.cy, found.fx, remark) == (219.5, 189.5, 500.0, None)


def test_binning():
    info = camera_info(640, 480, 500.0)
    info.binning_x = info.binning_y = 2
    found, remark = intrinsics_from_camera_info(info, 320, 240)
    assert (found.fx, found.cx, found.cy, remark) == (250.0, 159.5, 119.5, None)


def test_the_same_shape_at_another_size_is_scaled():
    found, remark = intrinsics_from_camera_info(camera_info(640, 480, 500.0), 1280, 960)
    assert found.fx == 1000.0 and found.cx == 639.5
    assert remark == 'camera_info is for 640 x 480 images and is scaled to 1280 x 960'


def test_an_equidistant_lens_stays_one_even_without_coefficients():
    info = camera_info(640, 480, 500.0)
    info.distortion_model, info.d = 'equidistant', [0.0] * 4
    assert intrinsics_from_camera_info(info, 640, 480)[0].distortion_model == 'equidistant'


def wrong(**changes):
    info = camera_info(640, 480, 500.0)
    for name, value in changes.items():
        setattr(info, name, value)
    return info


@pytest.mark.parametrize('info, size, expected', [
    (wrong(k=[0.0] * 9), (640, 480), 'uncalibrated: K is all zero'),
    (wrong(k=[math.nan] * 9), (640, 480), 'K that is not finite'),
    (wrong(k=[-500.0, 0, 320, 0, 500, 240, 0, 0, 1]), (640, 480), 'not positive: fx, fy = -500, 500'),
    (wrong(), (480, 480), 'is for 640 x 480 images, but the image is 480 x 480'),
])
def test_unusable(info, size, expected):
    info.k = [float(v) for v in info.k]
    with pytest.raises(CameraInfoError, match=expected):
        intrinsics_from_camera_info(info, *size)


@pytest.mark.parametrize('changes, expected', [
    ({'d': [0.1] * 3}, 'are 3, but model'), ({'d': [math.nan] * 5}, 'are not finite'),
    ({'d': [0.1] * 5, 'distortion_model': 'banana'}, "unknown model 'banana'")])
def test_an_unusable_lens_is_left_out_and_said(changes, expected):
    found, remark = intrinsics_from_camera_info(wrong(**changes), 640, 480)
    assert found.fx == 500.0 and found.distortion == () and expected in remark


def info_of(model, d, fx, fy, cx, cy, width, height):
    info = camera_info(width, height)
    info.distortion_model, info.d = model, [float(value) for value in d]
    info.k = [float(value) for value in (fx, 0, cx, 0, fy, cy, 0, 0, 1)]
    return info


@pytest.mark.parametrize('name', GOOD)
def test_calibrations_of_cameras_are_taken_without_a_word(name):
    info = info_of(*GOOD[name])
    found, remark = intrinsics_from_camera_info(info, info.width, info.height)
    assert remark is None and any(found.distortion) and found.fx == info.k[0]


@pytest.mark.parametrize('name', CORNERS_FOLD)
def test_a_lens_that_folds_in_the_corners_is_taken_and_said(name):
    info = info_of(*CORNERS_FOLD[name])
    found, remark = intrinsics_from_camera_info(info, info.width, info.height)
    assert any(found.distortion) and 'fold back in the corners' in remark


@pytest.mark.parametrize('name', WRONG)
def test_an_impossible_lens_is_left_out_and_the_focal_length_stays(name):
    """Coefficients in another order put wrists metres away from where they are seen, with full confidence."""
    info, said = info_of(*WRONG[name]), []
    camera = CameraState(said.append)
    camera.update(info)
    for _ in range(3):
        found = camera.for_image(info.width, info.height, False, fallback_fov_deg=60.0, now=0.0, timeout=0.0)
    assert found.distortion == () and found.fx == info.k[0] and found.calibrated
    (line,) = said
    assert line.startswith('camera_info: the distortion coefficients ') and 'the lens is taken as ideal' in line
    assert 'in the order k1, k2' in line and camera.state == line


def test_the_lens_is_looked_at_once_however_often_it_comes():
    """Each camera_info has another stamp."""
    check_lens.cache_clear()
    info = info_of(*GOOD['webcam'])
    camera = CameraState(lambda remark: None)
    for k in range(5):
        info = copy.deepcopy(info)
        info.header.stamp.nanosec = k
        camera.update(info)
        camera.for_image(640, 480, False, fallback_fov_deg=60.0, now=0.0, timeout=0.0)
    assert check_lens.cache_info().misses == 1


@pytest.mark.parametrize('d, model, expected', [
    # Other names for the same.
    *(([-0.3, 0.1, 0.001, 0.001, 0.01], name, (5, 'plumb_bob')) for name in (
        '', 'radtan', 'RADTAN', 'radial-tangential', 'brown_conrady', 'Brown-Conrady', 'inverse_brown_conrady',
        'Inverse Brown Conrady', 'modified_brown_conrady', 'plumb bob', 'Plumb_Bob', 'opencv', 'pinhole')),
    *(([0.3, 0.05, 1e-4, -2e-4, 0.003, 0.6, 0.1, 0.01], name, (8, 'rational_polynomial')) for name in (
        '', 'rational', 'RATIONAL_POLYNOMIAL', 'opencv', 'plumb_bob')),
    *(([-0.01, 0.02, -0.015, 0.004], name, (4, 'equidistant')) for name in (
        'fisheye', 'Fisheye', 'kannala_brandt4', 'KB4', 'kannala-brandt', 'equi', 'EQUIDISTANT')),
    # Zeros at the end, and none where they are meant.
    ([-0.3, 0.1, 0.001, 0.001, 0.01, 0, 0, 0], 'plumb_bob', (5, 'plumb_bob')),
    ([-0.3, 0.1, 0.001, 0.001, 0.01] + [0] * 7, 'plumb_bob', (5, 'plumb_bob')),
    ([-0.3, 0.1] + [0] * 12, 'plumb_bob', (5, 'plumb_bob')),
    ([-0.3, 0.1, 0, 0, 0, 0], 'radtan', (4, 'plumb_bob')),
    ([-0.3, 0.1], 'plumb_bob', (4, 'plumb_bob')), ([-0.3], 'plumb_bob', (4, 'plumb_bob')),
    ([-0.3, 0.1, 0], 'plumb_bob', (4, 'plumb_bob')),
    ([-0.3, 0.1, 0.001, 0.001, 0.01], 'rational_polynomial', (5, 'plumb_bob')),
    ([0.3, 0.05, 1e-4, -2e-4, 0.003, 0.6], 'rational_polynomial', (8, 'rational_polynomial')),
    ([0.3, 0.05, 1e-4, -2e-4, 0.003, 0.6, 0.1, 0.01, 1e-4], 'rational_polynomial', (12, 'rational_polynomial')),
    ([-0.01, 0.02, -0.015, 0.004, 0], 'equidistant', (4, 'equidistant')),
    ([-0.01, 0.02, -0.015, 0.004, 0, 0, 0, 0], 'fisheye', (4, 'equidistant')),
    ([-0.01, 0.02], 'equidistant', (4, 'equidistant')),
    # Nothing to bend with.
    *(([0.0] * length, name, (0, 'plumb_bob')) for length in (0, 3, 5, 8) for name in (
        '', 'none', 'None', 'plumb_bob', 'radtan', 'rational_polynomial', 'banana'))])
def test_usable_lenses_are_known_by_every_name_and_length(d, model, expected):
    found, remark = intrinsics_from_camera_info(info_of(model, d, 500, 500, 320, 240, 640, 480), 640, 480)
    assert (len(found.distortion), found.distortion_model) == expected and remark is None
    assert found.distortion[:len(d)] == tuple(d)[:len(found.distortion)] and not any(found.distortion[len(d):])


@pytest.mark.parametrize('name', ['equidistant', 'fisheye', 'kb4'])
def test_an_equidistant_lens_without_coefficients_keeps_its_focal_length(name):
    found, remark = intrinsics_from_camera_info(info_of(name, [], 500, 500, 320, 240, 640, 480), 640, 480)
    assert found.fx == 500.0 and found.calibrated and 'without coefficients' in remark
    assert found.project([math.tan(0.5), 0, 1.0])[0] == pytest.approx(320 + 500 * 0.5)


@pytest.mark.parametrize('name, d, expected', [
    ('ftheta', [0.1] * 4, "belong to model 'ftheta' that is not supported (known are plumb_bob"),
    ('FTheta', [], "belong to model 'FTheta' that is not supported"),
    ('thin_prism_fisheye', [0.01] * 8, "model 'thin_prism_fisheye' that is not supported"),
    ('Double-Sphere', [0.1, 0.5], "model 'Double-Sphere' that is not supported"),
    ('none', [-0.3, 0.1, 0, 0], "are 4 though the model is 'none'"),
    ('fisheye', [0.01] * 6, "are 6, but model 'fisheye' takes 4"),
    ('plumb_bob', [0.01] * 15, "are 15, but model 'plumb_bob' takes 4, 5, 8, 12 or 14"),
    ('\x1b[2J', [0.01] * 4, "unknown model '\\x1b[2J'")])
def test_a_lens_that_cannot_be_used_leaves_the_focal_length(name, d, expected):
    found, remark = intrinsics_from_camera_info(info_of(name, d, 500, 500, 320, 240, 640, 480), 640, 480)
    assert found.fx == 500.0 and found.distortion == () and found.calibrated
    assert expected in remark and 'taken as ideal' in remark and remark.isprintable()


def changed(**changes):
    """A calibrated camera of 640 x 480 with some numbers of its K, P or R replaced: k=((place, value), ...)."""
    info = camera_info(640, 480, 500.0)
    for name, pairs in changes.items():
        values = list(getattr(info, name))
        for place, value in pairs:
            values[place] = float(value)
        setattr(info, name, values)
    return info


def test_a_matrix_written_by_columns_is_read_by_columns_and_said():
    info = changed()
    info.k = np.array(info.k).reshape(3, 3).T.reshape(-1).tolist()
    found, remark = intrinsics_from_camera_info(info, 640, 480)
    assert (found.fx, found.fy, found.cx, found.cy) == (500.0, 500.0, 319.5, 239.5)
    assert remark == 'camera_info: K is written column by column and is read so'


@pytest.mark.parametrize('k, expected', [
    (((0, 3.6), (4, 3.6)), 'focal lengths that no camera has: fx, fy = 3.6, 3.6 for an image of 640 x 480; they are in '
                           'pixels, not in millimetres'),
    (((0, 35), (4, 35)), 'not in millimetres'), (((4, 60),), 'focal lengths that no camera has'),
    (((1, 250),), 'a K that is none: 500 250 319.5'), (((3, 320),), 'a K that is none'),
    (((6, 320),), 'a K that is none'), (((8, 7),), 'expected fx 0 cx  0 fy cy  0 0 1'),
    (((0, 0),), 'not positive: fx, fy = 0, 500'), (((0, 0), (4, 0)), 'uncalibrated: K has no focal lengths')])
def test_a_matrix_that_is_none_is_refused(k, expected):
    with pytest.raises(CameraInfoError) as error:
        intrinsics_from_camera_info(changed(k=k), 640, 480)
    assert expected in str(error.value)


@pytest.mark.parametrize('k, expected', [
    (((1, 12),), 'K has a skew of 12 pixels, which is left out'),
    (((2, 239.5), (5, 319.5)),
     'would be in the middle of images of 480 x 640, not of 640 x 480: are x and y exchanged?'),
    (((2, 639.5), (5, 479.5)), 'is far from the middle of 640 x 480 images: is it of images of about 1280 x 960?'),
    (((2, 159.5), (5, 119.5)), 'is it of images of about 320 x 240? Then distances are wrong by as much'),
    (((2, 959.5), (5, 539.5)), 'is it of images of about 1920 x 1080?'), (((2, -300),), 'is it of another image?')])
def test_a_matrix_that_is_probably_of_another_image_is_taken_and_said(k, expected):
    info = changed(k=k)
    found, remark = intrinsics_from_camera_info(info, 640, 480)
    assert (found.fx, found.cx, found.cy) == (500.0, info.k[2], info.k[5]) and expected in remark


def test_a_centre_that_is_a_little_off_is_no_news():
    assert intrinsics_from_camera_info(changed(k=((2, 355), (5, 167))), 640, 480)[1] is None
    assert intrinsics_from_camera_info(changed(k=((1, 0.4),)), 640, 480)[1] is None


def test_exchanged_width_and_height_are_put_right_and_said():
    info = changed()
    info.width, info.height = 480, 640
    found, remark = intrinsics_from_camera_info(info, 640, 480)
    assert (found.width, found.height, found.cx) == (640, 480, 319.5)
    assert remark == 'camera_info: width and height are exchanged: it has 480 x 640'


def test_an_image_that_was_turned_without_its_calibration_is_refused():
    with pytest.raises(CameraInfoError, match='but the image is 480 x 640: turned by a quarter'):
        intrinsics_from_camera_info(changed(), 480, 640)
    upright = camera_info(480, 640, 500.0)
    assert intrinsics_from_camera_info(upright, 480, 640)[1] is None


def test_a_rectified_image_without_p_takes_k_and_no_lens():
    info = changed(p=((0, 0), (5, 0), (2, 0), (6, 0)))
    info.d = [-0.3, 0.1, 0, 0, 0]
    found, remark = intrinsics_from_camera_info(info, 640, 480, rectified=True)
    assert found.fx == 500.0 and found.distortion == ()
    assert remark == 'camera_info: P has no focal lengths, so that K is taken for the rectified image'
    with pytest.raises(CameraInfoError, match='uncalibrated: P is all zero'):
        intrinsics_from_camera_info(wrong(k=[0.0] * 9, p=[0.0] * 12), 640, 480, rectified=True)


@pytest.mark.parametrize('degrees, said', [(0, False), (3, False), (90, True)])
def test_a_rectification_that_turns_the_image_far_is_said(degrees, said):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    info = changed()
    info.r = [c, -s, 0.0, s, c, 0.0, 0.0, 0.0, 1.0]
    found, remark = intrinsics_from_camera_info(info, 640, 480, rectified=True)
    assert found.fx == 500.0 and (remark is not None) == said
    assert not said or 'R turns the rectified image by 90 degrees' in remark
    assert intrinsics_from_camera_info(info, 640, 480)[1] is None    # the camera's own image is not turned by it


def test_waits_for_camera_info_then_falls_back_once_then_takes_it():
    said = []
    camera = CameraState(said.append)
    assert camera.for_image(640, 480, False, fallback_fov_deg=60.0, now=10.0, timeout=1.0) is None
    assert camera.for_image(640, 480, False, fallback_fov_deg=60.0, now=10.9, timeout=1.0) is None
    for now in (11.1, 12.0, 13.0):
        found = camera.for_image(640, 480, False, fallback_fov_deg=60.0, now=now, timeout=1.0)
    assert not found.calibrated and found.fx == pytest.approx(320 / math.tan(math.radians(30)))
    assert len(said) == 1 and 'field of view of 60 degrees' in said[0] and 'field of view' in camera.state
    camera.update(camera_info(640, 480, 500.0))
    assert camera.for_image(640, 480, False, fallback_fov_deg=60.0, now=14.0, timeout=1.0).fx == 500.0
    assert camera.state == 'calibrated' and len(said) == 1


def test_the_field_of_view_may_change_while_running():
    camera = CameraState(lambda remark: None)
    wide = camera.for_image(640, 480, False, fallback_fov_deg=90.0, now=0.0, timeout=0.0)
    assert wide.fx < camera.for_image(640, 480, False, fallback_fov_deg=45.0, now=0.1, timeout=0.0).fx
