"""sensor_msgs/Image and CompressedImage to RGB arrays, and RGB arrays to Image.

`step` is honoured and every size is checked before memory is touched or a decoder runs, so that a bad
message costs one clear line.
"""

from __future__ import annotations

import array
import struct
from dataclasses import dataclass

import cv2
import numpy as np

from . import compat


class BadImage(ValueError):
    """An image message cannot be used; the message is the one line to show."""


#: The longest side and the number of pixels that are worked on: 16k video has both.
MAX_SIDE = 16384
MAX_PIXELS = 16384 * 8640


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


def decode(msg) -> np.ndarray:
    """sensor_msgs/Image -> (H, W, 3) uint8 RGB, contiguous. Raises BadImage."""
    _check_size(msg.width, msg.height, f'image of encoding {msg.encoding!r}')
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
        raise BadImage(f"unknown image encoding {msg.encoding!r}: known are {', '.join(ENCODINGS)}")
    return np.ascontiguousarray(rgb)


def decode_compressed(msg) -> np.ndarray:
    """sensor_msgs/CompressedImage (JPEG, PNG) -> (H, W, 3) uint8 RGB. Raises BadImage.

    The size that the picture's own header announces is checked before it is decoded: a header may
    announce gigabytes.
    """
    data = bytes(msg.data)
    size = _jpeg_size(data) or _png_size(data)
    if size is None:
        raise BadImage(f'compressed image of format {msg.format!r} and {len(data)} bytes is neither JPEG nor PNG')
    _check_size(*size, 'compressed image')
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if bgr is None:
        raise BadImage(f'compressed image of format {msg.format!r} and {len(data)} bytes cannot be decoded: '
                       'it is cut short or damaged')
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def _check_size(width, height, what):
    if width == 0 or height == 0:
        raise BadImage(f'{what} is empty: {width} x {height} pixels')
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise BadImage(f'{what} is too large: {width} x {height} pixels, at most {MAX_SIDE} a side and '
                       f'{MAX_PIXELS / 1e6:.0f} million in all')


def _png_size(data):
    if data[:8] != b'\x89PNG\r\n\x1a\n' or len(data) < 24:
        return None
    return struct.unpack('>II', data[16:24])


def _jpeg_size(data):
    """Width and height from the start-of-frame segment (ITU-T T.81, B.2.2), or None."""
    if data[:2] != b'\xff\xd8':
        return None
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:      # fill byte
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack('>HH', data[at + 5:at + 9])
            return width, height
        at += 2 + struct.unpack('>H', data[at + 2:at + 4])[0]
    return None


def image_message(rgb: np.ndarray, header):
    """(H, W, 3) uint8 RGB -> sensor_msgs/Image with this header."""
    from sensor_msgs.msg import Image
    msg = Image(header=header, height=rgb.shape[0], width=rgb.shape[1], encoding='rgb8', step=3 * rgb.shape[1])
    # An array.array is taken over as it is; numpy arrays are copied number by number.
    msg.data = array.array('B', np.ascontiguousarray(rgb).tobytes())
    return msg
