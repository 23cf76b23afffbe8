"""The pixel format in the text `format` of a CompressedImage, as compressed_image_transport writes it.

`ENCODING; CODEC compressed TARGET`: the camera's encoding, the codec, and the encoding of the pixels that were
compressed. TARGET is `bgr8` or `bgr16` for colours. For anything else it is empty and the pixels are unconverted,
so that a Bayer image stays a mosaic; newer versions write `mono8` for a JPEG. The oldest, and many other publishers,
write the codec alone: `jpeg`.
"""

from __future__ import annotations

from typing import NamedTuple

_VIDEO_REMEDY = (
    'is a video stream, which cannot be decoded image by image: publish it as JPEG or PNG, for example with '
    '`ros2 run image_transport republish`'
)
_DEPTH_REMEDY = "is depth in a format of its own: choose the camera's colour images"
_STILL_IMAGE_REMEDY = 'is not decoded from messages: publish JPEG or PNG'

#: Codecs that are published but not decoded, in lower case without spaces, and the remedy.
_REMEDIES = {**dict.fromkeys(('h264', 'h265', 'hevc', 'vp8', 'vp9', 'av1', 'mpeg4', 'theora'), _VIDEO_REMEDY),
             **dict.fromkeys(('compresseddepth', 'rvl'), _DEPTH_REMEDY),
             **dict.fromkeys(('webp', 'tiff', 'tif', 'bmp', 'gif', 'avif', 'heic', 'heif', 'jp2', 'jpeg2000', 'jxl',
                              'jpegxl', 'jpeg-xl', 'qoi', 'exr', 'zlib', 'zstd'), _STILL_IMAGE_REMEDY)}

_COLOURS = tuple(order + bits for order in ('rgb', 'bgr', 'rgba', 'bgra') for bits in ('8', '16'))


class CompressedFormat(NamedTuple):
    """The parts of the text, '' where it does not have them; any text is accepted."""

    encoding: str       # of the camera's image
    codec: str
    target: str         # encoding of the pixels given to the codec

    @property
    def is_swapped(self) -> bool:
        """Whether red and blue are swapped: RGB pixels were given to an encoder that takes BGR."""
        return self.encoding in _COLOURS and self.target.startswith('rgb')

    @property
    def has_16_bits(self) -> bool:
        """Whether the camera's pixels have 16 bits; those in a JPEG are their upper 8."""
        return self.encoding.endswith('16') or self.encoding.startswith('16')


def parse_format(text: str) -> CompressedFormat:
    """The parts of `format`; never raises."""
    encoding, semicolon, rest = text.partition(';')
    if not semicolon:
        encoding, rest = '', text
    codec, _, target = rest.partition('compressed ')
    return CompressedFormat(encoding.strip(), codec.removesuffix('compressed').strip().lower(), target.strip())


def format_remedy(text: str) -> str:
    """The remedy for images of this format, a continuation of its name; '' where they should be decodable."""
    codec = parse_format(text).codec
    for name in (codec.replace(' ', ''), *codec.split()):
        if name in _REMEDIES:
            return _REMEDIES[name]
    return ''
