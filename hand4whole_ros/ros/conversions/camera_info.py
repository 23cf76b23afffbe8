"""sensor_msgs/CameraInfo to intrinsics of the image it comes with, fully checked.

Matrix and lens are checked separately: an unusable lens leaves the focal length as it is. Values that no camera has are
rejected; values that probably belong to another camera are accepted with a remark.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ...geometry.camera import Intrinsics
from ...geometry.lens_check import check_lens
from .lens_names import LensError, parse_lens

#: How far two aspect ratios may differ and still be one camera's image at another size.
ASPECT_TOLERANCE = 0.01

#: Range of focal lengths, in longer sides of the image, and how far outside the image its centre may be (a small
#: region of a large sensor). Fisheye lenses have a quarter, telescopes some hundred; below a tenth are millimetres.
FOCAL_RANGE, MAX_CENTRE = (0.1, 1000.0), 1000.0

#: How many times wider than high pixels may be, or the other way round; binning of one axis makes two.
MAX_PIXEL_ASPECT = 4.0

#: Skew in focal lengths: below the first it is a residual of the calibration, above the second no camera has it.
MAX_NEGLIGIBLE_SKEW, MAX_SKEW = 0.01, 0.1

#: How far from the middle of the image its centre causes a remark, in halves of the image, and how near to where it
#: would be with x and y exchanged. Cheap cameras reach 0.4; the calibration of half or twice the size is at 0.5 or 1.
MAX_CENTRE_OFFSET, MAX_EXCHANGED_CENTRE_OFFSET = 0.45, 0.1

#: Maximum rotation by rectification without a remark, degrees; that of a stereo pair takes a few.
MAX_RECTIFICATION_ANGLE = 10.0


class CameraInfoError(ValueError):
    """camera_info cannot be used; the message is one line for the user."""


def intrinsics_from_camera_info(
    info, width: int, height: int, rectified: bool = False
) -> tuple[Intrinsics, str | None]:
    """Intrinsics of a width x height image, and a remark for the user or None.

    K belongs to the full sensor; region of interest and binning lead to the image. An image of the same
    shape at another size gets scaled intrinsics. `rectified`: the image is already undistorted, P applies.
    Raises CameraInfoError.
    """
    remarks: list[str] = []
    name, matrix = _select_matrix(info, rectified, remarks)
    fx, fy, cx, cy = _check_matrix(name, matrix, remarks)
    full = Intrinsics(fx, fy, cx, cy, *_full_resolution(info, width, height, cx=cx, cy=cy, remarks=remarks))
    image = _apply_region_and_binning(full, info)
    _check_plausible(image)
    _remark_on_centre(name, full, remarks)
    if rectified:
        _remark_on_rectification(info.r, remarks)
    else:
        image = _add_lens(image, info, remarks)
    lines = ['camera_info: ' + '; '.join(remarks)] if remarks else []
    if (image.width, image.height) != (width, height):
        _check_aspect(image, width, height)
        lines.append(f'camera_info is for {image.width} x {image.height} images and is scaled to {width} x {height}')
        image = image.resized(width, height)
    return image, '; '.join(lines) or None


def _select_matrix(info, rectified, remarks):
    """Name and nine values of the matrix that leads to the pixels of the image."""
    k, p = tuple(info.k), tuple(info.p)
    if not rectified:
        return 'K', k
    if not (p[0] > 0 and p[5] > 0) and k[0] > 0 and k[4] > 0:
        remarks.append('P has no focal lengths, so that K is taken for the rectified image')
        return 'K', k
    return 'P', (*p[0:3], *p[4:7], *p[8:11])


def _check_matrix(name, values, remarks):
    """fx, fy, cx, cy of a matrix, row by row. Raises CameraInfoError."""
    if not all(math.isfinite(value) for value in values):
        raise CameraInfoError(f'camera_info has a {name} that is not finite: fx, fy, cx, cy = '
                            f'{values[0]:g}, {values[4]:g}, {values[2]:g}, {values[5]:g}')
    if not any(values[:6]):
        raise CameraInfoError(f'camera_info is uncalibrated: {name} is all zero')
    rows = np.array(values).reshape(3, 3)
    if rows[2, 0] > 0 and rows[2, 1] > 0 and rows[2, 2] == 1 and not (rows[0, 2] or rows[1, 2]):
        remarks.append(f'{name} is written column by column and is read so')
        rows = rows.T
    (fx, skew, cx), (below, fy, cy), last = rows.tolist()
    if fx == 0 and fy == 0:
        raise CameraInfoError(f'camera_info is uncalibrated: {name} has no focal lengths')
    if fx <= 0 or fy <= 0:
        raise CameraInfoError(f'camera_info has focal lengths that are not positive: fx, fy = {fx:g}, {fy:g}')
    nothing = np.abs([below, *last[:2], last[2] * (last[2] - 1)]).max() < 1e-6
    if not nothing or abs(skew) > MAX_SKEW * fx:
        text = ' '.join(f'{value:g}' for value in values)
        raise CameraInfoError(f'camera_info has a {name} that is none: {text}; expected fx 0 cx  0 fy cy  0 0 1')
    if abs(skew) > MAX_NEGLIGIBLE_SKEW * fx:
        remarks.append(f'{name} has a skew of {skew:g} pixels, which is left out')
    return fx, fy, cx, cy


def _full_resolution(info, width, height, *, cx, cy, remarks):
    """Width and height of the images that the matrix belongs to."""
    given = info.width or width, info.height or height
    turned = given[::-1]
    whole = not (info.roi.width and info.roi.height)
    if (
        whole
        and given != (width, height)
        and _has_same_aspect(turned, (width, height))
        and not _has_same_aspect(given, (width, height))
        and _centre_offset(cx, cy, turned) < _centre_offset(cx, cy, given)
    ):
        remarks.append(f'width and height are exchanged: it has {given[0]} x {given[1]}')
        return turned
    return given


def _has_same_aspect(one, other):
    return abs(one[0] * other[1] / (one[1] * other[0]) - 1) <= ASPECT_TOLERANCE


def _centre_offset(cx, cy, size):
    """How far from the middle of images of this size, in halves of them: the larger of both axes."""
    return max(abs((cx + 0.5) / (size[0] / 2) - 1), abs((cy + 0.5) / (size[1] / 2) - 1))


def _remark_on_centre(name, full, remarks):
    size = full.width, full.height
    if _centre_offset(full.cx, full.cy, size) <= MAX_CENTRE_OFFSET:
        if not _has_same_aspect(size, size[::-1]) and (
            _centre_offset(full.cx, full.cy, size[::-1])
            < min(MAX_EXCHANGED_CENTRE_OFFSET, _centre_offset(full.cx, full.cy, size))
        ):
            remarks.append(f'the centre of {name}, cx, cy = {full.cx:g}, {full.cy:g}, would be in the middle of images '
                           f'of {size[1]} x {size[0]}, not of {size[0]} x {size[1]}: are x and y exchanged?')
        return
    likely = (f'is it of images of about {2 * full.cx + 1:g} x {2 * full.cy + 1:g}' if min(full.cx, full.cy) > 0
             else 'is it of another image')
    remarks.append(f'the centre of {name}, cx, cy = {full.cx:g}, {full.cy:g}, is far from the middle of '
                   f'{size[0]} x {size[1]} images: {likely}? Then distances are wrong by as much')


def _apply_region_and_binning(full, info):
    """Apply region of interest and binning to intrinsics of the full sensor."""
    roi = info.roi
    if roi.width and roi.height:
        full = full.cropped(roi.x_offset, roi.y_offset, roi.width, roi.height)
    bin_x, bin_y = max(info.binning_x, 1), max(info.binning_y, 1)
    if bin_x == bin_y == 1:
        return full
    return full.resized(max(full.width // bin_x, 1), max(full.height // bin_y, 1))


def _check_plausible(camera):
    side = max(camera.width, camera.height)
    focals = camera.fx, camera.fy
    if not (all(FOCAL_RANGE[0] * side <= focal <= FOCAL_RANGE[1] * side for focal in focals)
            and max(focals) <= MAX_PIXEL_ASPECT * min(focals)):
        hint = '; they are in pixels, not in millimetres' if max(focals) < FOCAL_RANGE[0] * side else ''
        raise CameraInfoError(
            f'camera_info has focal lengths that no camera has: fx, fy = {camera.fx:g}, {camera.fy:g} '
            f'for an image of {camera.width} x {camera.height}{hint}'
        )
    if max(abs(camera.cx), abs(camera.cy)) > MAX_CENTRE * side:
        raise CameraInfoError(
            f'camera_info has its centre far outside the image: cx, cy = {camera.cx:g}, {camera.cy:g} '
            f'for an image of {camera.width} x {camera.height}'
        )


def _remark_on_rectification(values, remarks):
    """Rays of a rectified image are in its own frame, as in all of image_pipeline: R is not undone."""
    rotation = np.array(values, np.float64).reshape(3, 3)
    if not np.isfinite(rotation).all() or np.abs(rotation @ rotation.T - np.eye(3)).max() > 1e-3:
        return      # no rotation, or none given; nothing here needs it
    degrees = math.degrees(math.acos(min(max((np.trace(rotation) - 1) / 2, -1.0), 1.0)))
    if degrees > MAX_RECTIFICATION_ANGLE:
        remarks.append(f'R turns the rectified image by {degrees:.0f} degrees against the camera; poses are in the '
                       f'frame of the rectified image')


def _add_lens(image, info, remarks):
    """The camera with its lens; without a lens if its coefficients are unusable."""
    try:
        coefficients, model, remark = parse_lens(info.distortion_model, tuple(info.d))
        camera = replace(image, distortion=coefficients, distortion_model=model)
        usable, doubt = check_lens(camera)
        if not usable:
            raise LensError(doubt)
    except LensError as error:
        remarks.append(f'the distortion coefficients {error}; the lens is taken as ideal')
        return image
    remarks += [remark] if remark else []
    remarks += [f'the distortion coefficients {doubt}'] if doubt else []
    return camera


def _check_aspect(image, width, height):
    if _has_same_aspect((image.width, image.height), (width, height)):
        return
    turned = _has_same_aspect((image.height, image.width), (width, height))
    why = 'turned by a quarter, as its calibration is not' if turned else 'another shape, so another camera'
    raise CameraInfoError(f'camera_info is for {image.width} x {image.height} images, but the image is '
                        f'{width} x {height}: {why}')
