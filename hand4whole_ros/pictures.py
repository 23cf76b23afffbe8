"""Encoded pictures (JPEG, PNG, ...) into RGB arrays, without trusting what their headers promise."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np

#: The largest picture that is decoded: a little above 8k x 8k.
MAX_PIXELS = 9000 * 9000

SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.webp', '.tif', '.tiff')


class PictureError(ValueError):
    """Something is no picture that can be used; the message says why, in one line."""


def decode(data: bytes, name: str = 'picture') -> np.ndarray:
    """Encoded bytes -> (H, W, 3) uint8 RGB, orientation tags applied, grey and alpha converted.

    The size is read from the header first, so that a header announcing an enormous picture costs
    nothing. Raises PictureError.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as header:
            width, height = header.size
    except Image.DecompressionBombError as error:
        raise PictureError(f'{name}: {error}') from None
    except Exception:  # Pillow raises anything from OSError to struct.error on hostile bytes.
        raise PictureError(f'{name}: not a picture ({len(data)} bytes); expected PNG, JPEG, BMP, WebP '
                           'or TIFF') from None
    if width * height > MAX_PIXELS:
        raise PictureError(f'{name}: {width} x {height} pixels; at most {MAX_PIXELS} are decoded')
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None:
        raise PictureError(f'{name}: damaged picture: its header says {width} x {height}, its data end '
                           'or break before that')
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def read(path: Path) -> np.ndarray:
    """A picture file -> (H, W, 3) uint8 RGB. Raises PictureError."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise PictureError(f'{path}: cannot be read: {error.strerror}') from None
    return decode(data, str(path))


def write(path: Path, image: np.ndarray) -> None:
    """(H, W, 3) uint8 RGB -> a picture file, its format by suffix. Raises PictureError."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR)):
        raise PictureError(f'{path}: cannot be written')
