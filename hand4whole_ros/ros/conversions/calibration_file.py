"""A camera's calibration in a YAML file, as camera_calibration writes it and camera_info_manager reads it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import yaml
from sensor_msgs.msg import CameraInfo

#: Maximum size of a file, bytes; usual ones have two kilobytes.
MAX_BYTES = 100_000


def read_calibration(path: Path) -> CameraInfo:
    """CameraInfo without a header. Raises ValueError, in one line."""
    try:
        with path.open('rb') as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError(f'larger than {MAX_BYTES / 1000:g} kB')
        found = yaml.safe_load(data)
        info = CameraInfo(
            width=_number(found, 'image_width'), height=_number(found, 'image_height'),
            distortion_model=str(found.get('distortion_model', 'plumb_bob')),
            d=_matrix(found, 'distortion_coefficients', None), k=_matrix(found, 'camera_matrix', 9),
            r=_matrix(found, 'rectification_matrix', 9, [1.0, 0, 0, 0, 1, 0, 0, 0, 1]))
        k = info.k
        info.p = _matrix(found, 'projection_matrix', 12, [*k[0:3], 0.0, *k[3:6], 0.0, *k[6:9], 0.0])
        return info
    except OSError as error:
        raise ValueError(f'{path}: cannot be read: {error.strerror}') from None
    except (ValueError, TypeError, AttributeError, RecursionError, yaml.YAMLError) as error:
        raise ValueError(f'{path}: no calibration as camera_calibration writes it: '
                         f'{" ".join(str(error).split())[:200]}') from None


def _number(found: Any, name: str) -> int:
    number = found.get(name)
    if type(number) is not int or not 0 < number < 2**16:
        raise ValueError(f'{name}: expected a number of pixels, found {str(number)[:40]!r}')
    return number


def _matrix(found: Any, name: str, count: int | None, default: list[float] | None = None) -> list[float]:
    """The numbers below `name`; count: how many there must be, None for any."""
    matrix = found.get(name)
    if matrix is None and default is not None:
        return [float(number) for number in default]
    data = matrix.get('data') if isinstance(matrix, dict) else None
    if not isinstance(data, list) or (len(data) != count if count else len(data) > 100):
        raise ValueError(f'{name}: expected data: [...] with {count or "some"} numbers')
    numbers = [float(number) for number in data]
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError(f'{name}: a number in it is not finite')
    return numbers
