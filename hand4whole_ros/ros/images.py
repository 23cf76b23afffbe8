"""sensor_msgs/Image and CompressedImage to RGB arrays, and RGB arrays to Image.

`step` is honoured and every size is checked before memory is touched or a decoder runs, so that a bad
message costs one clear line.
"""

from __future__ import annotations

import array
from dataclasses import dataclass

import cv2
import numpy as np

from .. import pictures
from ..pictures import PictureError
from . import compat


class BadImage(ValueError):
    """An image message cannot be used; the message is the one line to show."""


@dataclass(frozen=True)
class _Encoding:
    """How pixels lie in memory and how they become RGB."""

    dtype: type
    channels: int
    conversion: int | None = None   # cv2.COLOR_..., None where the pixels are RGB already
    # Rows of the buffer per row of the picture, as a fraction: 3/2 for NV12, which appends the colours.
    rows: tuple[int, int] = (1, 1)
    stretch: bool = False           # no fixed meaning of white: the brightest pixel becomes white


_BAYER = {'rggb': cv2.COLOR_BayerBG2RGB, 'bggr': cv2.COLOR_BayerRG2RGB,
          'gbrg': cv2.COLOR_BayerGR2RGB, 'grbg': cv2.COLOR_BayerGB2RGB}

#: Encodings of sensor_msgs/image_encodings.hpp. 8UC3 and 8UC4 carry no meaning; OpenCV's order is BGR.
ENCODINGS = {
    'rgb8': _Encoding(np.uint8, 3), 'bgr8': _Encoding(np.uint8, 3, cv2.COLOR_BGR2RGB),
    '8UC3': _Encoding(np.uint8, 3, cv2.COLOR_BGR2RGB),
    'rgba8': _Encoding(np.uint8, 4, cv2.COLOR_RGBA2RGB), 'bgra8': _Encoding(np.uint8, 4, cv2.COLOR_BGRA2RGB),
    '8UC4': _Encoding(np.uint8, 4, cv2.COLOR_BGRA2RGB),
    'mono8': _Encoding(np.uint8, 1, cv2.COLOR_GRAY2RGB), '8UC1': _Encoding(np.uint8, 1, cv2.COLOR_GRAY2RGB),
    'rgb16': _Encoding(np.uint16, 3), 'bgr16': _Encoding(np.uint16, 3, cv2.COLOR_BGR2RGB),
    'rgba16': _Encoding(np.uint16, 4, cv2.COLOR_RGBA2RGB), 'bgra16': _Encoding(np.uint16, 4, cv2.COLOR_BGRA2RGB),
    'mono16': _Encoding(np.uint16, 1, cv2.COLOR_GRAY2RGB, stretch=True),
    '16UC1': _Encoding(np.uint16, 1, cv2.COLOR_GRAY2RGB, stretch=True),
    '32FC1': _Encoding(np.float32, 1, cv2.COLOR_GRAY2RGB, stretch=True),
    'yuv422': _Encoding(np.uint8, 2, cv2.COLOR_YUV2RGB_UYVY),
    'uyvy': _Encoding(np.uint8, 2, cv2.COLOR_YUV2RGB_UYVY),
    'yuv422_yuy2': _Encoding(np.uint8, 2, cv2.COLOR_YUV2RGB_YUY2),
    'yuyv': _Encoding(np.uint8, 2, cv2.COLOR_YUV2RGB_YUY2),
    'nv12': _Encoding(np.uint8, 1, cv2.COLOR_YUV2RGB_NV12, rows=(3, 2)),
    'nv21': _Encoding(np.uint8, 1, cv2.COLOR_YUV2RGB_NV21, rows=(3, 2)),
    **{f'bayer_{pattern}8': _Encoding(np.uint8, 1, code) for pattern, code in _BAYER.items()},
    **{f'bayer_{pattern}16': _Encoding(np.uint16, 1, code) for pattern, code in _BAYER.items()},
}

#: What CompressedImage may hold; image_transport sends nothing else of eight bits.
COMPRESSED_FORMATS = ('JPEG', 'PNG')


def quoted(text: str) -> str:
    """Text of a stranger's as part of a line in the log, short and without control characters."""
    return repr(text if len(text) <= 40 else text[:40] + '...')


def decode(msg) -> np.ndarray:
    """sensor_msgs/Image -> (H, W, 3) uint8 RGB, contiguous. Raises BadImage."""
    try:
        pictures.check_size(msg.width, msg.height, f'image of encoding {quoted(msg.encoding)}')
    except PictureError as error:
        raise BadImage(str(error)) from None
    encoding = ENCODINGS.get(msg.encoding)
    if encoding is None:
        return _decode_elsewhere(msg)
    pixels = _view(msg, encoding)
    if encoding.stretch:
        pixels = _stretched(pixels)
    try:
        rgb = np.array(pixels) if encoding.conversion is None else cv2.cvtColor(pixels, encoding.conversion)
    except cv2.error as error:  # An odd width of yuyv, or an odd height of nv12.
        raise BadImage(f'{msg.width} x {msg.height} is no size for encoding {msg.encoding}: '
                       f'{error.err or "conversion failed"}') from None
    if rgb.dtype == np.uint16:
        rgb = (rgb >> 8).astype(np.uint8)
    return np.ascontiguousarray(rgb)


def _view(msg, encoding):
    """The message's pixels as an array, without copying where the byte order is this machine's."""
    dtype = np.dtype(encoding.dtype).newbyteorder('>' if msg.is_bigendian else '<')
    row_bytes = msg.width * encoding.channels * dtype.itemsize
    rows = msg.height * encoding.rows[0] // encoding.rows[1]
    what = f'{msg.width} x {msg.height} {msg.encoding}'
    if msg.step < row_bytes:
        raise BadImage(f'{what}: step is {msg.step} bytes, but a row needs {row_bytes}')
    # The padding of the last row may be missing: some drivers leave it out.
    needed = msg.step * (rows - 1) + row_bytes
    if len(msg.data) < needed:
        raise BadImage(f'{what} with step {msg.step}: data holds {len(msg.data)} bytes, expected {needed}')
    data = np.frombuffer(msg.data, np.uint8, needed)
    lines = np.lib.stride_tricks.as_strided(data, (rows, row_bytes), (msg.step, 1), writeable=False)
    if row_bytes != msg.step:
        lines = np.ascontiguousarray(lines)
    pixels = lines.view(dtype).reshape(rows, msg.width, encoding.channels)
    pixels = pixels.astype(encoding.dtype, copy=False)
    return pixels[..., 0] if encoding.channels == 1 else pixels


def _stretched(pixels):
    """One channel of any range -> uint8, the brightest finite pixel white. Not-a-number is black."""
    pixels = np.nan_to_num(pixels.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    top = float(pixels.max())
    return np.clip(pixels * (255.0 / top if top > 0 else 0.0), 0, 255).astype(np.uint8)


def _decode_elsewhere(msg):
    rgb = compat.cv_bridge_rgb(msg)
    if rgb is None:
        raise BadImage(f"unknown image encoding {quoted(msg.encoding)}: known are {', '.join(ENCODINGS)}")
    return np.ascontiguousarray(rgb)


def decode_compressed(msg) -> np.ndarray:
    """sensor_msgs/CompressedImage (JPEG, PNG) -> (H, W, 3) uint8 RGB. Raises BadImage."""
    try:
        # A camera_info describes the pixels as they are stored, whatever an orientation tag says.
        return pictures.decode(bytes(msg.data), f'compressed image of format {quoted(msg.format)}', upright=False,
                               formats=COMPRESSED_FORMATS)
    except PictureError as error:
        raise BadImage(str(error)) from None


def image_message(rgb: np.ndarray, header):
    """(H, W, 3) uint8 RGB -> sensor_msgs/Image with this header."""
    from sensor_msgs.msg import Image
    msg = Image(header=header, height=rgb.shape[0], width=rgb.shape[1], encoding='rgb8', step=3 * rgb.shape[1])
    # An array.array is taken over as it is; numpy arrays are copied number by number.
    msg.data = array.array('B', np.ascontiguousarray(rgb).tobytes())
    return msg


def jpeg_message(rgb: np.ndarray, header, quality: int = 90):
    """(H, W, 3) uint8 RGB -> sensor_msgs/CompressedImage with this header."""
    from sensor_msgs.msg import CompressedImage
    _, jpeg = cv2.imencode('.jpg', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return CompressedImage(header=header, format='rgb8; jpeg compressed bgr8', data=array.array('B', jpeg.tobytes()))
