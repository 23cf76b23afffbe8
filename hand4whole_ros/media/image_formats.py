"""Image files that OpenCV does not read: the library of each, and reading it with Pillow."""

from __future__ import annotations

import functools
import importlib
import io
import warnings
from collections.abc import Callable

import numpy as np

from ..system.requirements import install_command

#: Libraries that read HEIC, of which the first installed one is used, and how to install one.
_HEIF_READERS = ('pillow_heif', 'pi_heif')
_HEIF_ADVICE = f'{install_command("pillow-heif")} reads it'
_AVIF_ADVICE = "pip install 'pillow>=11.3' reads it"

#: Pillow's name of a format -> suffixes of its files, and the remedy if it cannot be read.
_FORMATS = {
    'GIF': (('.gif',), ''),
    'AVIF': (('.avif',), _AVIF_ADVICE),
    'HEIF': (('.heic', '.heif', '.hif'), _HEIF_ADVICE),
}

#: Brands of the first box of an ISO media file -> Pillow's name of the format.
_BRANDS = {b'avif': 'AVIF', b'avis': 'AVIF',
           **dict.fromkeys((b'heic', b'heix', b'heim', b'heis', b'hevc', b'hevx', b'mif1', b'msf1'), 'HEIF')}


class UnsupportedFormatError(ValueError):
    """A format that no installed library reads; the message names the remedy."""


@functools.cache
def readable_formats() -> tuple[str, ...]:
    """Pillow's names of the formats that can be read here."""
    from PIL import Image
    found = ['GIF']
    try:
        from PIL import AvifImagePlugin
        if AvifImagePlugin.SUPPORTED:
            found.append('AVIF')
    except ImportError:     # Pillow before 11.3
        pass
    for name in _HEIF_READERS:
        try:
            importlib.import_module(name).register_heif_opener()
        except ImportError:
            continue
        if 'HEIF' in Image.OPEN:
            found.append('HEIF')
            break
    return tuple(found)


def readable_suffixes() -> tuple[str, ...]:
    """Suffixes of the files that can be read here."""
    return tuple(suffix for name in readable_formats() for suffix in _FORMATS[name][0])


def install_advice(suffix: str) -> str:
    """How to enable reading files of this suffix, or ''."""
    return next((what for suffixes, what in _FORMATS.values() if suffix in suffixes), '')


def detect_format(data: bytes) -> str | None:
    """Pillow's name of the format, by the first bytes; None if it is none of those here."""
    if data[:6] in (b'GIF87a', b'GIF89a'):
        return 'GIF'
    if data[4:8] == b'ftyp':
        # The first brand may be a general one; compatible brands follow.
        length = min(int.from_bytes(data[:4], 'big'), 256)
        brands = [data[8:12], *(data[k:k + 4] for k in range(16, length, 4))]
        return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)
    return None


def decode_image(data: bytes, name: str, check_size: Callable[[int, int], None]) -> tuple[np.ndarray, bool]:
    """Encoded bytes -> the first image, (H, W, 3) uint8 RGB and upright, and whether there are more.

    name: of detect_format. check_size: called with width and height before decoding; may raise. Raises
    UnsupportedFormatError, and any exception of Pillow on damaged bytes.
    """
    from PIL import Image, ImageOps
    if name not in readable_formats():
        advice = _FORMATS[name][1]
        raise UnsupportedFormatError(f'{name} cannot be read here' + (f'; {advice}' if advice else ''))
    with warnings.catch_warnings():
        # Pillow warns of images that check_size accepts or rejects itself.
        warnings.simplefilter('ignore', Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(data), formats=(name,)) as picture:
            check_size(*picture.size)
            picture.load()
            check_size(*picture.size)   # a GIF's first image may enlarge the canvas
            pixels = np.asarray(ImageOps.exif_transpose(picture).convert('RGB'))
            return np.ascontiguousarray(pixels), _has_more(picture)


def _has_more(picture):
    """Whether there are more images; a file whose rest is damaged is still an image."""
    try:
        return bool(getattr(picture, 'is_animated', False))
    except Exception:  # Pillow raises anything on damaged bytes.
        return False
