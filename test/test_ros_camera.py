"""camera_info to intrinsics: calibrated, cropped, binned, scaled, and wrong in every way."""

import math

import pytest
from ros_peer import camera_info

from hand4whole_ros.ros.camera import BadCameraInfo, CameraState, intrinsics


def test_calibrated():
    info = camera_info(640, 480, 500.0)
    info.d = [0.1, -0.2, 0.001, 0.002, 0.03]
    found, remark = intrinsics(info, 640, 480)
    assert (found.fx, found.cx, found.cy, found.width, found.height) == (500.0, 319.5, 239.5, 640, 480)
    assert found.distortion == (0.1, -0.2, 0.001, 0.002, 0.03) and found.calibrated and remark is None


def test_a_rectified_image_takes_p_and_no_lens():
    info = camera_info(640, 480, 500.0)
    info.d = [0.1] * 5
    info.p[0] = info.p[5] = 450.0
    found, _ = intrinsics(info, 640, 480, rectified=True)
    assert found.fx == 450.0 and found.distortion == ()


def test_region_of_interest():
    info = camera_info(640, 480, 500.0)
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = 100, 50, 320, 240
    found, remark = intrinsics(info, 320, 240)
    assert (found.cx, found.cy, found.fx, remark) == (219.5, 189.5, 500.0, None)


def test_binning():
    info = camera_info(640, 480, 500.0)
    info.binning_x = info.binning_y = 2
    found, remark = intrinsics(info, 320, 240)
    assert (found.fx, found.cx, found.cy, remark) == (250.0, 159.5, 119.5, None)


def test_the_same_shape_at_another_size_is_scaled():
    found, remark = intrinsics(camera_info(640, 480, 500.0), 1280, 960)
    assert found.fx == 1000.0 and found.cx == 639.5
    assert remark == 'camera_info is for 640 x 480 images and is scaled to 1280 x 960'


def test_an_equidistant_lens_stays_one_even_without_coefficients():
    info = camera_info(640, 480, 500.0)
    info.distortion_model, info.d = 'equidistant', [0.0] * 4
    assert intrinsics(info, 640, 480)[0].distortion_model == 'equidistant'


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
    with pytest.raises(BadCameraInfo, match=expected):
        intrinsics(info, *size)


@pytest.mark.parametrize('changes, expected', [
    ({'d': [0.1] * 3}, 'are 3, but model'), ({'d': [math.nan] * 5}, 'are not finite'),
    ({'d': [0.1] * 5, 'distortion_model': 'banana'}, "unknown model 'banana'")])
def test_an_unusable_lens_is_left_out_and_said(changes, expected):
    found, remark = intrinsics(wrong(**changes), 640, 480)
    assert found.fx == 500.0 and found.distortion == () and expected in remark


def test_waits_for_camera_info_then_falls_back_once_then_takes_it():
    said = []
    camera = CameraState(said.append)
    assert camera.for_image(640, 480, False, 60.0, now=10.0, timeout=1.0) is None
    assert camera.for_image(640, 480, False, 60.0, now=10.9, timeout=1.0) is None
    for now in (11.1, 12.0, 13.0):
        found = camera.for_image(640, 480, False, 60.0, now=now, timeout=1.0)
    assert not found.calibrated and found.fx == pytest.approx(320 / math.tan(math.radians(30)))
    assert len(said) == 1 and 'field of view of 60 degrees' in said[0] and 'field of view' in camera.state
    camera.update(camera_info(640, 480, 500.0))
    assert camera.for_image(640, 480, False, 60.0, now=14.0, timeout=1.0).fx == 500.0
    assert camera.state == 'calibrated' and len(said) == 1


def test_the_field_of_view_may_change_while_running():
    camera = CameraState(lambda remark: None)
    wide = camera.for_image(640, 480, False, 90.0, now=0.0, timeout=0.0)
    assert wide.fx < camera.for_image(640, 480, False, 45.0, now=0.1, timeout=0.0).fx
