"""Images of more than 8 bits to the 8 bits that estimators take: one stretch for all files and messages.

An image of 16 bits does not specify its white level: cameras store 10, 12 or 14 bits, thermal cameras a narrow band
far from zero, and programs 8 bits. The levels are therefore derived from the image:

- black and white are its percentiles LOW_PERCENTILE and HIGH_PERCENTILE, over all channels together, so that hot and
  dead pixels have no effect and colours keep their balance;
- if these percentiles are equal, as in a night image with one small light, the percentiles 1 and 99 of the other
  pixels replace them;
- if the image spans half of the 16 bits or more, 0 is black and 65535 is white;
- fewer than MIN_SPAN steps are not stretched further: the noise of a covered lens stays dark.
"""

from __future__ import annotations

import cv2
import numpy as np

LOW_PERCENTILE, HIGH_PERCENTILE = 0.1, 99.9
#: Minimum steps between black and white of a 16-bit image.
MIN_SPAN = 64
#: Approximate number of samples for percentiles.
_MAX_SAMPLES = 1 << 15

_MAX_UINT16 = 65535


def to_8_bits(pixels: np.ndarray) -> np.ndarray:
    """(H, W) or (H, W, C) uint16 or floats -> the same shape in uint8, stretched; uint8 stays as it is.

    Floats have no largest value that would be white, and no smallest step: they are always stretched, and if all
    have one value, that is white unless it is 0 or less. Values that are not finite are black. Other integers are
    handled as floats.
    """
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.uint16:
        black, white = _stretch_range_uint16(pixels)
        rows = np.ascontiguousarray(pixels).reshape(len(pixels), -1)    # OpenCV's scalars are for one channel
        if black:
            rows = cv2.subtract(rows, np.array(float(black)))     # not below 0
        return cv2.convertScaleAbs(rows, alpha=255.0 / (white - black)).reshape(pixels.shape)    # not above 255
    with np.errstate(all='ignore'):     # for any values
        pixels = pixels.astype(np.float32, copy=False)
        finite = np.isfinite(pixels)
        black, white = _stretch_range_float(pixels if finite.all() else pixels[finite])
        # Differences of numbers of 1e38 overflow, those of their halves do not.
        unit = (pixels * 0.5 - black * 0.5) / max(white * 0.5 - black * 0.5, float(np.finfo(np.float32).tiny))
        unit[~finite] = 0
        return (np.clip(unit, 0, 1) * 255 + 0.5).astype(np.uint8)


def is_uniform(image: np.ndarray, tolerance: int = 2) -> bool:
    """Whether an (H, W, 3) uint8 image has no content: all but one in 1000 pixels are within `tolerance` levels."""
    sample = image[::9, ::9]
    middle = np.median(sample.reshape(-1, image.shape[2]), axis=0)
    # The sample alone is nearly always sufficient.
    return _is_near(np.ascontiguousarray(sample), middle, tolerance) and _is_near(image, middle, tolerance)


def _is_near(image, middle, tolerance):
    inside = cv2.countNonZero(cv2.inRange(image, middle - tolerance, middle + tolerance))
    return inside > 0.999 * image.shape[0] * image.shape[1]


def _stretch_range_uint16(pixels):
    black, white = _percentiles(pixels)
    if white == black:
        others = pixels[pixels != black]
        if others.size:
            dark, bright = np.percentile(others, (1, 99), method='nearest').tolist()
            black, white = min(black, dark), max(white, bright)
    if white == black or white - black > _MAX_UINT16 // 2:
        return 0, _MAX_UINT16
    return black, max(white, black + MIN_SPAN)


def _stretch_range_float(finite):
    if not finite.size:
        return 0.0, 1.0
    black, white = _percentiles(finite)
    if white == black:
        black, white = float(finite.min()), float(finite.max())
    if white == black:
        return min(white, 0.0), max(white, 0.0)
    return black, white


def _percentiles(pixels):
    """Percentiles of a sample. Odd steps, so that it contains all colours of a Bayer pattern."""
    if pixels.ndim > 1:
        step = int((pixels.size / _MAX_SAMPLES) ** 0.5) | 1
        pixels = pixels[::step, ::step]
    else:
        pixels = pixels[::max(pixels.size // _MAX_SAMPLES, 1)]
    return np.percentile(pixels, (LOW_PERCENTILE, HIGH_PERCENTILE), method='nearest').tolist()
