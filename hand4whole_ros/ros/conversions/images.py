"""sensor_msgs/Image and CompressedImage to RGB arrays, and RGB arrays to Image.

`step` is applied and every size is checked before memory is accessed or a decoder runs, so that an invalid
message causes one clear line in the log.
"""

from __future__ import annotations

import array
from dataclasses import dataclass

import cv2
import numpy as np

from ...media import bit_depth, image_files
from ...media.image_files import ImageFileError
from .. import compat
from . import compressed_formats


class ImageMessageError(ValueError):
    """An image message cannot be used; the message is one line for the user."""


@dataclass(frozen=True)
class _Encoding:
    """Memory layout of pixels and their conversion to RGB."""

    dtype: type
    channels: int
    conversion: int | None = None   # cv2.COLOR_..., None where the pixels are RGB already
    # Rows of the buffer per row of the image, as a fraction: 3/2 for NV12, which appends the colours.
    rows: tuple[int, int] = (1, 1)


_BAYER = {'rggb': cv2.COLOR_BayerBG2RGB, 'bggr': cv2.COLOR_BayerRG2RGB,
          'gbrg': cv2.COLOR_BayerGR2RGB, 'grbg': cv2.COLOR_BayerGB2RGB}

#: Encodings of sensor_msgs/image_encodings.hpp. 8UC3, 16UC4 and the like specify no colours; OpenCV's order is BGR.
#: Pixels of more than 8 bits are converted by `media.bit_depth`.
ENCODINGS = {
    'rgb8': _Encoding(np.uint8, 3), 'bgr8': _Encoding(np.uint8, 3, cv2.COLOR_BGR2RGB),
    '8UC3': _Encoding(np.uint8, 3, cv2.COLOR_BGR2RGB),
    'rgba8': _Encoding(np.uint8, 4, cv2.COLOR_RGBA2RGB), 'bgra8': _Encoding(np.uint8, 4, cv2.COLOR_BGRA2RGB),
    '8UC4': _Encoding(np.uint8, 4, cv2.COLOR_BGRA2RGB),
    'mono8': _Encoding(np.uint8, 1, cv2.COLOR_GRAY2RGB), '8UC1': _Encoding(np.uint8, 1, cv2.COLOR_GRAY2RGB),
    'rgb16': _Encoding(np.uint16, 3), 'bgr16': _Encoding(np.uint16, 3, cv2.COLOR_BGR2RGB),
    'rgba16': _Encoding(np.uint16, 4, cv2.COLOR_RGBA2RGB), 'bgra16': _Encoding(np.uint16, 4, cv2.COLOR_BGRA2RGB),
    '16UC3': _Encoding(np.uint16, 3, cv2.COLOR_BGR2RGB), '16UC4': _Encoding(np.uint16, 4, cv2.COLOR_BGRA2RGB),
    'mono16': _Encoding(np.uint16, 1, cv2.COLOR_GRAY2RGB), '16UC1': _Encoding(np.uint16, 1, cv2.COLOR_GRAY2RGB),
    '32FC1': _Encoding(np.float32, 1, cv2.COLOR_GRAY2RGB),
    'yuv422': _Encoding(np.uint8, 2, cv2.COLOR_YUV2RGB_UYVY),
    'uyvy': _Encoding(np.uint8, 2, cv2.COLOR_YUV2RGB_UYVY),
    'yuv422_yuy2': _Encoding(np.uint8, 2, cv2.COLOR_YUV2RGB_YUY2),
    'yuyv': _Encoding(np.uint8, 2, cv2.COLOR_YUV2RGB_YUY2),
    'nv12': _Encoding(np.uint8, 1, cv2.COLOR_YUV2RGB_NV12, rows=(3, 2)),
    'nv21': _Encoding(np.uint8, 1, cv2.COLOR_YUV2RGB_NV21, rows=(3, 2)),
    **{f'bayer_{pattern}8': _Encoding(np.uint8, 1, code) for pattern, code in _BAYER.items()},
    **{f'bayer_{pattern}16': _Encoding(np.uint16, 1, code) for pattern, code in _BAYER.items()},
}

#: Formats that CompressedImage may contain; image_transport sends no others of eight bits.
COMPRESSED_FORMATS = ('JPEG', 'PNG')


def quote_text(text: str) -> str:
    """Text of another publisher for a line in the log, short and without control characters."""
    return repr(text if len(text) <= 40 else text[:40] + '...')


def decode_image(msg) -> np.ndarray:
    """sensor_msgs/Image -> (H, W, 3) uint8 RGB, contiguous. Raises ImageMessageError."""
    try:
        image_files.check_size(msg.width, msg.height, f'image of encoding {quote_text(msg.encoding)}')
    except ImageFileError as error:
        raise ImageMessageError(str(error)) from None
    encoding = ENCODINGS.get(msg.encoding)
    if encoding is None:
        return _decode_with_cv_bridge(msg)
    return _to_rgb(view_pixels(msg, encoding), encoding.conversion, f'{msg.width} x {msg.height}', msg.encoding)


def _to_rgb(pixels, conversion, size, encoding):
    """(H, W) or (H, W, C) -> (H, W, 3) uint8 RGB, contiguous and a copy."""
    if pixels.ndim == 2:    # a third of the work before the conversion to colours; with alpha, after its removal
        pixels = bit_depth.to_8_bits(pixels)
    try:
        rgb = np.array(pixels) if conversion is None else cv2.cvtColor(pixels, conversion)
    except cv2.error as error:  # An odd width of yuyv, an odd height of nv12, a Bayer mosaic of two pixels.
        raise ImageMessageError(
            f'{size} is no size for encoding {encoding}: {error.err or "conversion failed"}'
        ) from None
    return np.ascontiguousarray(bit_depth.to_8_bits(rgb))


def view_pixels(msg, encoding: _Encoding) -> np.ndarray:
    """The message's pixels, (H, W) or (H, W, C), without copying where the byte order is this machine's.

    Raises ImageMessageError where data and sizes do not agree.
    """
    dtype = np.dtype(encoding.dtype).newbyteorder('>' if msg.is_bigendian else '<')
    row_bytes = msg.width * encoding.channels * dtype.itemsize
    rows = msg.height * encoding.rows[0] // encoding.rows[1]
    what = f'{msg.width} x {msg.height} {msg.encoding}'
    if msg.step < row_bytes:
        raise ImageMessageError(f'{what}: step is {msg.step} bytes, but a row needs {row_bytes}')
    # The padding of the last row may be missing: some drivers leave it out.
    needed = msg.step * (rows - 1) + row_bytes
    if len(msg.data) < needed:
        raise ImageMessageError(f'{what} with step {msg.step}: data holds {len(msg.data)} bytes, expected {needed}')
    data = np.frombuffer(msg.data, np.uint8, needed)
    lines = np.lib.stride_tricks.as_strided(data, (rows, row_bytes), (msg.step, 1), writeable=False)
    if row_bytes != msg.step:
        lines = np.ascontiguousarray(lines)
    pixels = lines.view(dtype).reshape(rows, msg.width, encoding.channels)
    pixels = pixels.astype(encoding.dtype, copy=False)
    return pixels[..., 0] if encoding.channels == 1 else pixels


def _decode_with_cv_bridge(msg):
    rgb = compat.convert_with_cv_bridge(msg)
    if rgb is None:
        raise ImageMessageError(f"unknown image encoding {quote_text(msg.encoding)}: known are {', '.join(ENCODINGS)}")
    return np.ascontiguousarray(rgb)


def decode_compressed_image(msg) -> np.ndarray:
    """sensor_msgs/CompressedImage (JPEG, PNG) -> (H, W, 3) uint8 RGB. Raises ImageMessageError.

    Its `format` distinguishes a Bayer mosaic from a grey image; the codec is detected from the bytes.
    """
    name = f'compressed image of format {quote_text(msg.format)}'
    try:
        # camera_info describes the pixels as they are stored; an orientation tag is ignored.
        pixels = image_files.decode_stored(bytes(msg.data), name, COMPRESSED_FORMATS)
    except ImageFileError as error:
        remedy = compressed_formats.format_remedy(msg.format)
        raise ImageMessageError(f'{error}; this format {remedy}' if remedy else str(error)) from None
    about = compressed_formats.parse_format(msg.format)
    if about.has_16_bits and pixels.dtype == np.uint8:
        pixels = pixels.astype(np.uint16) * 257     # 12 bits have left 4 of the 8
    if pixels.ndim == 3:
        return image_files.to_rgb(np.ascontiguousarray(pixels[..., ::-1]) if about.is_swapped else pixels)
    conversion = cv2.COLOR_GRAY2RGB
    if about.encoding.startswith('bayer_') and about.encoding in ENCODINGS:
        conversion = ENCODINGS[about.encoding].conversion
    return _to_rgb(pixels, conversion, f'{pixels.shape[1]} x {pixels.shape[0]}', about.encoding)


def image_message(rgb: np.ndarray, header):
    """(H, W, 3) uint8 RGB -> sensor_msgs/Image with this header."""
    from sensor_msgs.msg import Image
    msg = Image(header=header, height=rgb.shape[0], width=rgb.shape[1], encoding='rgb8', step=3 * rgb.shape[1])
    # An array.array is used without a copy; numpy arrays are copied number by number.
    msg.data = array.array('B', np.ascontiguousarray(rgb).tobytes())
    return msg


def jpeg_message(rgb: np.ndarray, header, quality: int = 90):
    """(H, W, 3) uint8 RGB -> sensor_msgs/CompressedImage with this header."""
    from sensor_msgs.msg import CompressedImage
    _, jpeg = cv2.imencode('.jpg', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return CompressedImage(header=header, format='rgb8; jpeg compressed bgr8', data=array.array('B', jpeg.tobytes()))
