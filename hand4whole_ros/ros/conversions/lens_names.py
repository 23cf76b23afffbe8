"""CameraInfo's distortion_model and D, as drivers write them, to one of three lens models.

sensor_msgs has plumb_bob, rational_polynomial and equidistant; drivers and calibration tools use other names for
them, and lists of coefficients that are truncated or padded with zeros.
"""

from __future__ import annotations

import math
import re

from .images import quote_text

#: Maximum of a distortion coefficient; real ones are at most some hundred.
MAX_COEFFICIENT = 1e6

#: OpenCV's own list k1 k2 p1 p2 k3 k4 k5 k6 s1 s2 s3 s4 tx ty; plumb_bob is its beginning. Its length gives the model.
#: librealsense's inverse and modified models equal the plain one up to the second order of p1 and p2.
_OPENCV = ('', 'plumb_bob', 'brown_conrady', 'brown', 'inverse_brown_conrady', 'modified_brown_conrady', 'radtan',
           'radial_tangential', 'radtan5', 'radtan8', 'rational_polynomial', 'rational', 'rational8', 'opencv',
           'opencv5', 'opencv8', 'full_opencv', 'pinhole', 'pinhole_radtan', 'perspective', 'simple_radial', 'radial')
_EQUIDISTANT = ('equidistant', 'equi', 'fisheye', 'kannala_brandt', 'kannala_brandt4', 'kb', 'kb4', 'opencv_fisheye',
                'fisheye_equidistant', 'equidistant4', 'equi4', 'pinhole_equi', 'pinhole_equidistant', 'fisheye4')
_IDEAL = ('none', 'ideal', 'no_distortion', 'undistorted', 'rectified')
#: These distort even with all coefficients at zero, so that they cannot be used without their formula.
_NOT_SUPPORTED = ('ftheta', 'thin_prism_fisheye', 'fisheye62', 'fisheye624', 'rad_tan_thin_prism_fisheye', 'fov',
                  'double_sphere', 'ds', 'eucm', 'ucm', 'unified', 'mei', 'omni', 'omnidirectional', 'ocam',
                  'scaramuzza', 'kannala_brandt8', 'division', 'equirectangular', 'spherical', 'cylindrical')

#: Numbers of coefficients and the model they make, of OpenCV's list.
_LENGTHS = {4: 'plumb_bob', 5: 'plumb_bob', 8: 'rational_polynomial', 12: 'rational_polynomial',
            14: 'rational_polynomial'}

_KNOWN_MODELS = 'known are plumb_bob, rational_polynomial and equidistant'


class LensError(ValueError):
    """The lens cannot be used; the message continues after 'the distortion coefficients'."""


def _normalise_name(name):
    """A name in lower case, without separators between its words."""
    return re.sub(r'[\W_]+', '', name.lower())


_KIND_OF_NAME = {
    _normalise_name(name): kind
    for kind, names in (
        ('opencv', _OPENCV),
        ('equidistant', _EQUIDISTANT),
        ('ideal', _IDEAL),
        ('not supported', _NOT_SUPPORTED),
    )
    for name in names
}


def parse_lens(name: str, values: tuple[float, ...]) -> tuple[tuple[float, ...], str, str | None]:
    """Coefficients and model as geometry.lens has them, and a remark or None. Raises LensError."""
    kind = _KIND_OF_NAME.get(_normalise_name(name))
    if not any(values) and kind not in ('equidistant', 'not supported'):
        return (), 'plumb_bob', None
    if not all(math.isfinite(value) for value in values):
        raise LensError('are not finite')
    largest = max((abs(value) for value in values), default=0.0)
    if largest > MAX_COEFFICIENT:
        raise LensError(f'are as large as {largest:g}')
    if kind == 'opencv':
        return *_parse_opencv(name, values), None
    if kind == 'equidistant':
        remark = (f'the lens is {quote_text(name)} without coefficients: the distance from the centre is taken as '
                  f'proportional to the angle')
        return _parse_equidistant(name, values), kind, None if values else remark
    if kind == 'ideal':
        raise LensError(f'are {len(values)} though the model is {quote_text(name)}')
    about = 'model' if kind else 'the unknown model'
    raise LensError(f'belong to {about} {quote_text(name)}{" that is not supported" if kind else ""} ({_KNOWN_MODELS})')


def _parse_opencv(name, values):
    """Coefficients and model. Where their number is none of OpenCV's, trailing zeros are ignored."""
    if len(values) not in _LENGTHS:
        filled = _count_coefficients(values)
        if filled == 3 == len(values) or filled > max(_LENGTHS):
            raise LensError(f'are {len(values)}, but model {quote_text(name)} takes {_format_lengths(_LENGTHS)}')
        size = next(length for length in _LENGTHS if length >= filled)
        values = (*values[:filled], *[0.0] * (size - filled))
    if len(values) > 5 and _count_coefficients(values) <= 5 and 'rational' not in _normalise_name(name):
        values = values[:5]
    return values, _LENGTHS[len(values)]


def _parse_equidistant(name, values):
    filled = _count_coefficients(values)
    if filled > 4:
        raise LensError(f'are {filled}, but model {quote_text(name)} takes 4')
    return (*values[:filled], *[0.0] * (4 - filled))


def _count_coefficients(values):
    """Number of coefficients without trailing zeros."""
    return max((k for k, value in enumerate(values, 1) if value), default=0)


def _format_lengths(lengths):
    *most, last = lengths
    return f'{", ".join(map(str, most))} or {last}'
