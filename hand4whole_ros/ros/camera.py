"""sensor_msgs/CameraInfo to intrinsics of the very image at hand, with every check."""

from __future__ import annotations

import math

from ..geometry.camera import DISTORTION_MODELS, Intrinsics
from .images import quoted

#: How far two aspect ratios may differ and still be one camera's picture at another size.
ASPECT_TOLERANCE = 0.01

#: Focal lengths there are, in longer sides of the image, and how far outside the image its centre may be (a small
#: region of a large sensor). Fisheye lenses have a third, telescopes some hundred.
FOCAL_RANGE, FARTHEST_CENTRE = (0.01, 1000.0), 1000.0

#: Distortion coefficients are at most some hundred.
LARGEST_COEFFICIENT = 1e6

#: Lines in the log about one camera at most: one that says something else with every image is not worth a full disk.
MOST_REMARKS = 20


class BadCameraInfo(ValueError):
    """camera_info cannot be used; the message is the one line to show."""


def intrinsics(info, width: int, height: int, rectified: bool = False) -> tuple[Intrinsics, str | None]:
    """Intrinsics of a width x height image, and a remark for the user or None.

    K belongs to the full sensor; region of interest and binning lead to the image. An image of the same
    shape at another size gets scaled intrinsics. `rectified`: the lens is already undone, P counts.
    Raises BadCameraInfo.
    """
    fx, fy, cx, cy = ((info.p[0], info.p[5], info.p[2], info.p[6]) if rectified else
                      (info.k[0], info.k[4], info.k[2], info.k[5]))
    name = 'P' if rectified else 'K'
    if not all(math.isfinite(v) for v in (fx, fy, cx, cy)):
        raise BadCameraInfo(f'camera_info has a {name} that is not finite: fx, fy, cx, cy = {fx}, {fy}, {cx}, {cy}')
    if fx == 0 and fy == 0:
        raise BadCameraInfo(f'camera_info is uncalibrated: {name} is all zero')
    if fx <= 0 or fy <= 0:
        raise BadCameraInfo(f'camera_info has focal lengths that are not positive: fx, fy = {fx:g}, {fy:g}')
    coefficients, model, remark = ((), 'plumb_bob', None) if rectified else _distortion(info)
    full = Intrinsics(fx, fy, cx, cy, info.width or width, info.height or height, coefficients, model)
    taken = _taken(full, info)
    _check_plausible(taken)
    if (taken.width, taken.height) == (width, height):
        return taken, remark
    if abs(taken.width * height / (taken.height * width) - 1) > ASPECT_TOLERANCE:
        raise BadCameraInfo(f'camera_info is for {taken.width} x {taken.height} images, but the image is '
                            f'{width} x {height}: another shape, so another camera')
    scaled = f'camera_info is for {taken.width} x {taken.height} images and is scaled to {width} x {height}'
    return taken.resized(width, height), f'{remark}; {scaled}' if remark else scaled


def _check_plausible(camera):
    side = max(camera.width, camera.height)
    if not all(FOCAL_RANGE[0] * side <= focal <= FOCAL_RANGE[1] * side for focal in (camera.fx, camera.fy)):
        raise BadCameraInfo(f'camera_info has focal lengths that no camera has: fx, fy = {camera.fx:g}, {camera.fy:g} '
                            f'for an image of {camera.width} x {camera.height}')
    if max(abs(camera.cx), abs(camera.cy)) > FARTHEST_CENTRE * side:
        raise BadCameraInfo(f'camera_info has its centre far outside the image: cx, cy = {camera.cx:g}, {camera.cy:g} '
                            f'for an image of {camera.width} x {camera.height}')


def _distortion(info):
    """Coefficients, model and a remark; no lens rather than a wrong one."""
    values, model = tuple(info.d), info.distortion_model
    # An equidistant lens bends even with all coefficients at zero.
    if not any(values) and model != 'equidistant':
        return (), 'plumb_bob', None
    if not all(math.isfinite(v) for v in values):
        problem = 'are not finite'
    elif max(abs(v) for v in values) > LARGEST_COEFFICIENT:
        problem = f'are as large as {max(abs(v) for v in values):g}'
    elif model not in DISTORTION_MODELS:
        problem = f'belong to the unknown model {quoted(model)}'
    elif len(values) not in DISTORTION_MODELS[model]:
        problem = f'are {len(values)}, but model {model!r} takes {DISTORTION_MODELS[model]}'
    else:
        return values, model, None
    return (), 'plumb_bob', f'camera_info: the distortion coefficients {problem}; the lens is taken as ideal'


def _taken(full, info):
    """From the full sensor through region of interest and binning to the image it delivers."""
    roi = info.roi
    if roi.width and roi.height:
        full = full.cropped(roi.x_offset, roi.y_offset, roi.width, roi.height)
    bin_x, bin_y = max(info.binning_x, 1), max(info.binning_y, 1)
    if bin_x == bin_y == 1:
        return full
    return full.resized(max(full.width // bin_x, 1), max(full.height // bin_y, 1))


class CameraState:
    """What is known of the camera: the last camera_info, or for how long it has been awaited.

    `state` is for diagnostics; `describe` is called with each new remark, once per remark.
    """

    def __init__(self, describe):
        self._describe = describe
        self._said = set()
        self.forget()

    def forget(self) -> None:
        """Another camera may follow."""
        self._info = self._key = self._intrinsics = self._waiting_since = None
        self.state = 'none yet'

    def update(self, info) -> None:
        """A camera_info has arrived."""
        if info != self._info:
            self._info, self._key = info, None

    def for_image(self, width: int, height: int, rectified: bool, fallback_fov_deg: float,
                  now: float, timeout: float) -> Intrinsics | None:
        """Intrinsics of this image; None while the first camera_info is still awaited.

        `now` and `timeout` in seconds of one clock that does not jump.
        """
        if self._info is None:
            self._waiting_since = now if self._waiting_since is None else self._waiting_since
            if now - self._waiting_since < timeout:
                return None
        key = (width, height, rectified, fallback_fov_deg, self._info is None)
        if key != self._key:
            self._intrinsics = self._resolve(width, height, rectified, fallback_fov_deg)
            self._key = key
        return self._intrinsics

    def _resolve(self, width, height, rectified, fov):
        if self._info is None:
            problem = 'no camera_info'
        else:
            try:
                found, remark = intrinsics(self._info, width, height, rectified)
            except (BadCameraInfo, ValueError) as error:
                problem = str(error)
            else:
                self.state = remark or 'calibrated'
                if remark:
                    self._say(remark)
                return found
        self.state = f'{problem}: a field of view of {fov:g} degrees is assumed'
        self._say(f'{self.state} (parameter fallback_fov_deg); distances are only as good as that')
        return Intrinsics.from_fov(width, height, fov)

    def _say(self, remark):
        if remark not in self._said and len(self._said) < MOST_REMARKS:
            self._said.add(remark)
            self._describe(remark)
