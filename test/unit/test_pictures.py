"""Pictures from untrusted bytes."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from hand4whole_ros.media import image_files
from hand4whole_ros.media.image_files import ImageFileError


def png_header(width, height):
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0))
            + chunk(b'IDAT', zlib.compress(b'')) + chunk(b'IEND', b''))


def test_png_and_grey_and_alpha_become_rgb(tmp_path):
    image = np.zeros((4, 6, 3), np.uint8)
    image[..., 0] = 255
    image_files.write_image(tmp_path / 'red.png', image)
    assert np.array_equal(image_files.read_image(tmp_path / 'red.png'), image)
    cv2.imwrite(str(tmp_path / 'grey.png'), np.full((4, 6), 7, np.uint8))
    assert np.array_equal(image_files.read_image(tmp_path / 'grey.png'), np.full((4, 6, 3), 7))
    cv2.imwrite(str(tmp_path / 'alpha.png'), np.full((4, 6, 4), 9, np.uint8))
    assert image_files.read_image(tmp_path / 'alpha.png').shape == (4, 6, 3)


@pytest.mark.parametrize('data, says', [
    (b'', 'not a picture'), (b'hello', 'not a picture'), (png_header(100000, 100000), 'too large'),
    (png_header(640, 480), 'damaged')])
def test_hostile_bytes_are_refused_in_one_line(data, says):
    with pytest.raises(ImageFileError, match=says) as error:
        image_files.decode_image(data, 'x.png')
    assert '\n' not in str(error.value) and 'x.png' in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ImageFileError, match='no.png: cannot be read'):
        image_files.read_image(tmp_path / 'no.png')


# Orientation

UPRIGHT = cv2.resize(np.random.default_rng(2).integers(0, 256, (6, 8, 3), dtype=np.uint8), (64, 40),
                     interpolation=cv2.INTER_CUBIC)
#: By EXIF's value: how the upright picture lies in the file.
STORED = {1: UPRIGHT, 2: UPRIGHT[:, ::-1], 3: UPRIGHT[::-1, ::-1], 4: UPRIGHT[::-1],
          5: UPRIGHT.transpose(1, 0, 2), 6: np.rot90(UPRIGHT, 1), 7: np.rot90(UPRIGHT, 1)[:, ::-1],
          8: np.rot90(UPRIGHT, -1)}


def tagged(orientation, kind, **options):
    """The upright picture as a camera held otherwise stores it."""
    exif = Image.Exif()
    exif[274] = orientation
    tag = {'tiffinfo': {274: orientation}} if kind == 'TIFF' else {'exif': exif.tobytes()}
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(STORED[orientation])).save(stream, kind, **tag, **options)
    return stream.getvalue()


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('kind, options, most', [
    ('JPEG', {'quality': 95, 'subsampling': 0}, 4), ('PNG', {}, 0), ('WEBP', {'lossless': True}, 0), ('TIFF', {}, 0),
    ('TIFF', {'compression': 'tiff_lzw'}, 0), ('TIFF', {'big_tiff': True}, 0)])
def test_every_orientation_of_every_format_comes_upright(orientation, kind, options, most):
    data = tagged(orientation, kind, **options)
    out = image_files.decode_image(data)
    assert out.shape == UPRIGHT.shape and out.flags.c_contiguous
    assert np.abs(out.astype(int) - UPRIGHT).mean() <= most
    stored = image_files.decode_image(data, upright=False)
    assert np.abs(stored.astype(int) - STORED[orientation]).mean() <= most
    assert image_files.decode_stored(data).shape == STORED[orientation].shape


def test_a_tiff_of_the_other_byte_order_and_of_one_channel():
    grey = np.ascontiguousarray(STORED[6][..., 0]).astype('>u2') * 257
    rows = grey.tobytes()
    entries = [(256, 4, grey.shape[1]), (257, 4, grey.shape[0]), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 4, 8),
               (274, 3, 6), (277, 3, 1), (278, 4, grey.shape[0]), (279, 4, len(rows))]
    table = struct.pack('>H', len(entries)) + b''.join(
        struct.pack('>HHI', tag, kind, 1) + struct.pack('>I' if kind == 4 else '>HH', value, *[0] * (kind == 3))
        for tag, kind, value in entries) + bytes(4)
    tiff = b'MM\0*' + struct.pack('>I', 8 + len(rows)) + rows + table
    np.testing.assert_array_equal(image_files.decode_image(tiff), np.repeat(UPRIGHT[..., :1], 3, axis=2))


def test_a_png_whose_orientation_comes_after_its_pixels():
    data = tagged(6, 'PNG')
    at = data.index(b'eXIf') - 4
    end = at + 12 + struct.unpack_from('>I', data, at)[0]
    last = data.index(b'IEND') - 4
    late = data[:at] + data[end:last] + data[at:end] + data[last:]
    np.testing.assert_array_equal(image_files.decode_image(late), UPRIGHT)


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP'])
@pytest.mark.parametrize('exif', [b'Exif\0\0' + b'\xff' * 30, b'Exif\0\0MM\0*\0\0\0\x08\xff\xff',
                                  b'Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\x63\0\0\0\0\0\0\0'])
def test_a_broken_or_impossible_orientation_means_upright(kind, exif):
    stream = io.BytesIO()
    Image.fromarray(UPRIGHT).save(stream, kind, exif=exif)
    assert image_files.decode_image(stream.getvalue()).shape == UPRIGHT.shape


# More than 8 bits

@pytest.mark.parametrize('suffix', ['.png', '.tiff'])
@pytest.mark.parametrize('bits', [8, 10, 12, 16])
@pytest.mark.parametrize('channels', [1, 3, 4])
def test_files_of_16_bits_are_stretched(suffix, bits, channels):
    wide = np.rint(UPRIGHT / 255 * (2**bits - 1)).astype(np.uint16)
    stored = {1: wide[..., 0], 3: wide[..., ::-1], 4: np.dstack([wide[..., ::-1], np.full(wide.shape[:2], 65535)])}
    data = cv2.imencode(suffix, stored[channels].astype(np.uint16))[1].tobytes()
    out = image_files.decode_image(data)
    assert out.dtype == np.uint8 and out.shape == UPRIGHT.shape
    assert np.abs(out.astype(int) - (UPRIGHT if channels > 1 else UPRIGHT[..., :1])).mean() < 3


def test_a_tiff_of_floats():
    stream = io.BytesIO()
    Image.fromarray((UPRIGHT[..., 0] / 255).astype(np.float32)).save(stream, 'TIFF')
    assert np.abs(image_files.decode_image(stream.getvalue())[..., 1].astype(int) - UPRIGHT[..., 0]).mean() < 3
