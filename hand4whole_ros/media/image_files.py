"""Encoded images (JPEG, PNG, ...) to RGB arrays, without trusting their headers."""

from __future__ import annotations

import io
import logging
import struct
import warnings
from pathlib import Path

import cv2
import numpy as np

from ..system import output_files
from ..system.output_files import printable_path
from . import bit_depth, image_formats, orientation
from .orientation import Orientation

log = logging.getLogger(__name__)

#: Maximum side and number of pixels of an image: those of 16k video.
MAX_SIDE = 16384
MAX_PIXELS = 16384 * 8640
#: Maximum size of an image file; the largest accepted image has less in any format.
MAX_FILE_BYTES = 1 << 30

#: Formats by Pillow's names. Its other readers, some of which start programs, are never tried.
FORMATS = ('PNG', 'JPEG', 'BMP', 'WEBP', 'TIFF')

_PNG = b'\x89PNG\r\n\x1a\n'
_TIFF = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')
#: Chunks of a PNG with its pixels. The others (colour profiles, texts, animations) are ignored.
_PNG_CHUNKS = (b'IHDR', b'PLTE', b'tRNS', b'IDAT', b'IEND')
#: Tag of TIFF and of EXIF, which is a TIFF.
_ORIENTATION = 274

SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.webp', '.tif', '.tiff')


class ImageFileError(ValueError):
    """Data are no usable image; the message gives the reason in one line."""


def check_size(width: int, height: int, name: str) -> None:
    """Raises ImageFileError for an image that is empty or too large."""
    if width == 0 or height == 0:
        raise ImageFileError(f'{name} is empty: {width} x {height} pixels')
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise ImageFileError(f'{name} is too large: {width} x {height} pixels, at most {MAX_SIDE} a side and '
                           f'{MAX_PIXELS / 1e6:.0f} million in all')


def decode_image(data: bytes, name: str = 'picture', upright: bool = True,
           formats: tuple[str, ...] = FORMATS) -> np.ndarray:
    """Encoded bytes -> (H, W, 3) uint8 RGB: grey and alpha converted, more than 8 bits stretched by bit_depth.

    `upright` rotates and mirrors the image by its orientation tag; `formats` are those of FORMATS to accept.
    The size is read from the header first, so that one with an enormous size allocates nothing. Raises
    ImageFileError.
    """
    pixels, tag = _decode(data, name, formats)
    image = to_rgb(pixels)
    return tag.apply(image) if upright else image


def decode_stored(data: bytes, name: str = 'picture', formats: tuple[str, ...] = FORMATS) -> np.ndarray:
    """The same as stored: (H, W) or (H, W, 3) RGB, uint8, uint16 or floats, not rotated."""
    return _decode(data, name, formats)[0]


def to_rgb(pixels: np.ndarray) -> np.ndarray:
    """(H, W) or (H, W, 3) RGB of any number of bits -> (H, W, 3) uint8 RGB."""
    pixels = bit_depth.to_8_bits(pixels)
    return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB) if pixels.ndim == 2 else pixels


def _decode(data, name, formats):
    """Pixels as stored, and their orientation."""
    size, tag = _read_header(data, name, formats)
    check_size(size[0], size[1], name)
    if data.startswith(_PNG):
        data, exif = _strip_png_chunks(data, name)
        tag = _exif_orientation(exif)
    elif data.startswith(_TIFF):
        data = _reset_tiff_orientation(data)
    # OpenCV reads the tags of some formats only, and interprets those of TIFF differently.
    flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise ImageFileError(name + _DAMAGED_TEXT)
    return pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), tag


_TOO_LARGE_TEXT = f' is too large: more than {MAX_PIXELS / 1e6:.0f} million pixels'
_DAMAGED_TEXT = ': a damaged picture: its data end or break before the size they promise'


def _strip_png_chunks(png, name):
    """The PNG without chunks that pixels do not need, and the content of its eXIf.

    OpenCV 4.11 trusts a length of 4 GB.
    """
    parts: list[bytes | memoryview] = [_PNG]
    at, kind, exif = len(_PNG), b'', b''
    while at + 8 <= len(png) and kind != b'IEND':
        length, kind = struct.unpack_from('>I4s', png, at)
        end = at + 12 + length  # length, kind and checksum besides the data
        if end > len(png):
            raise ImageFileError(name + _DAMAGED_TEXT)
        if kind in _PNG_CHUNKS:
            parts.append(memoryview(png)[at:end])
        elif kind == b'eXIf':
            exif = png[at + 8:end - 4]
        at = end
    return b''.join(parts), exif


def _reset_tiff_orientation(tiff):
    """The TIFF with its orientation tag, if it has one, set to upright."""
    order, big = ('<' if tiff[:2] == b'II' else '>'), tiff[2:4] in (b'+\0', b'\0+')    # 43: BigTIFF
    first, count, entry = ('Q', 'Q', 20) if big else ('I', 'H', 12)
    try:
        table, = struct.unpack_from(order + first, tiff, 8 if big else 4)
        entries, = struct.unpack_from(order + count, tiff, table)
        table += struct.calcsize(order + count)
        for at in range(table, min(table + entry * entries, len(tiff)), entry):
            if struct.unpack_from(order + 'H', tiff, at)[0] == _ORIENTATION:
                upright = struct.pack(order + 'HH' + first + 'H', _ORIENTATION, 3, 1, 1)     # one short
                return tiff[:at] + upright + tiff[at + len(upright):]
    except struct.error:    # A table beyond the end: the decoder will report it.
        pass
    return tiff


def _read_header(data, name, formats):
    """Width and height in the header, and Orientation; nothing is decoded."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # Pillow warns of images that check_size() accepts or rejects itself, and of odd tags.
            warnings.simplefilter('ignore')
            with Image.open(io.BytesIO(data), formats=formats) as header:
                if header.format == 'TIFF':
                    # Pillow swaps the sides of an image rotated by 90 degrees.
                    return header.size, orientation.from_exif(header.tag_v2.get(_ORIENTATION))
                return header.size, _exif_orientation(header.info.get('exif', b''))
    except Image.DecompressionBombError:
        raise ImageFileError(name + _TOO_LARGE_TEXT) from None
    except Exception:  # Pillow raises anything from OSError to struct.error on hostile bytes.
        raise ImageFileError(f'{name}: not a picture ({len(data)} bytes); expected {", ".join(formats[:-1])} or '
                           f'{formats[-1]}') from None


def _exif_orientation(exif):
    """Orientation in a block of EXIF, which may be empty or broken."""
    from PIL import Image

    if not exif:
        return Orientation()
    tags = Image.Exif()
    try:
        tags.load(exif)
        return orientation.from_exif(tags.get(_ORIENTATION))
    except Exception:  # As above; the image itself may be valid.
        return Orientation()


def readable_suffixes() -> tuple[str, ...]:
    """Suffixes of the files that read_image reads here: SUFFIXES, and those of further libraries."""
    return SUFFIXES + image_formats.readable_suffixes()


def read_image(path: Path) -> np.ndarray:
    """An image file -> (H, W, 3) uint8 RGB; of an animation the first image. Raises ImageFileError."""
    path, name = Path(path), printable_path(path)
    try:
        if path.exists() and not path.is_file():
            raise ImageFileError(f'{name}: no file, but a folder or a device')
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ImageFileError(f'{name}: too large: {path.stat().st_size} bytes, at most {MAX_FILE_BYTES}')
        data = path.read_bytes()
    except OSError as error:
        raise ImageFileError(f'{name}: cannot be read: {error.strerror}') from None
    further = image_formats.detect_format(data)
    return decode_image(data, name) if further is None else _decode_with_pillow(data, name, further)


def _decode_with_pillow(data, name, kind):
    """Decode a format of image_formats."""
    from PIL import Image
    try:
        image, more = image_formats.decode_image(data, kind, lambda width, height: check_size(width, height, name))
    except ImageFileError:
        raise
    except image_formats.UnsupportedFormatError as error:
        raise ImageFileError(f'{name}: {error}') from None
    except Image.DecompressionBombError:
        raise ImageFileError(name + _TOO_LARGE_TEXT) from None
    except Exception:  # As in _read_header().
        raise ImageFileError(name + _DAMAGED_TEXT) from None
    if more:
        log.warning('%s: it holds several pictures; the first alone is read', name)
    return image


def encode_image(image: np.ndarray, suffix: str, quality: int = 95) -> bytes:
    """(H, W, 3) uint8 RGB -> the bytes of a file of this suffix, with this package's mark.

    quality: of a JPEG. Raises ImageFileError if no library writes such files.
    """
    options = (cv2.IMWRITE_JPEG_QUALITY, quality) if suffix.lower() in ('.jpg', '.jpeg') else ()
    try:
        good, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    except cv2.error:
        good = False
    if not good:
        raise ImageFileError(f'{suffix or "no suffix"}: no picture format that can be written; use .png or .jpg')
    return output_files.add_mark(data.tobytes())


def write_image(path: Path, image: np.ndarray, quality: int = 95) -> None:
    """(H, W, 3) uint8 RGB -> an image file, its format by suffix, complete or not at all. Raises ImageFileError."""
    path = Path(path)
    data = encode_image(image, path.suffix, quality)
    try:
        output_files.write_file(path, data, durable=False)
    except OSError as error:
        raise ImageFileError(output_files.format_write_error(path, error)) from None
