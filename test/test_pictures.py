"""Pictures from untrusted bytes."""

import struct
import zlib

import cv2
import numpy as np
import pytest

from hand4whole_ros import pictures
from hand4whole_ros.pictures import PictureError


def png_header(width, height):
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0))
            + chunk(b'IDAT', zlib.compress(b'')) + chunk(b'IEND', b''))


def test_png_and_grey_and_alpha_become_rgb(tmp_path):
    image = np.zeros((4, 6, 3), np.uint8)
    image[..., 0] = 255
    pictures.write(tmp_path / 'red.png', image)
    assert np.array_equal(pictures.read(tmp_path / 'red.png'), image)
    cv2.imwrite(str(tmp_path / 'grey.png'), np.full((4, 6), 7, np.uint8))
    assert np.array_equal(pictures.read(tmp_path / 'grey.png'), np.full((4, 6, 3), 7))
    cv2.imwrite(str(tmp_path / 'alpha.png'), np.full((4, 6, 4), 9, np.uint8))
    assert pictures.read(tmp_path / 'alpha.png').shape == (4, 6, 3)


@pytest.mark.parametrize('data, says', [
    (b'', 'not a picture'), (b'hello', 'not a picture'), (png_header(100000, 100000), 'too large'),
    (png_header(640, 480), 'damaged')])
def test_hostile_bytes_are_refused_in_one_line(data, says):
    with pytest.raises(PictureError, match=says) as error:
        pictures.decode(data, 'x.png')
    assert '\n' not in str(error.value) and 'x.png' in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PictureError, match='no.png: cannot be read'):
        pictures.read(tmp_path / 'no.png')
