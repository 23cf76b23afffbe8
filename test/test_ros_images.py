"""Image messages to arrays: every encoding, padded rows, byte order, and messages that are wrong."""

import struct
import time
import zlib

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from hand4whole_ros.ros import images

RNG = np.random.default_rng(3)
SMOOTH = cv2.resize(RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8), (64, 48), interpolation=cv2.INTER_CUBIC)


def message(pixels, encoding, padding=0, big=False, height=None):
    """An Image of these pixels, each row followed by `padding` bytes of rubbish."""
    height = height or pixels.shape[0]
    rows = pixels.astype(pixels.dtype.newbyteorder('>' if big else '<')).reshape(pixels.shape[0], -1).view(np.uint8)
    padded = np.concatenate([rows, np.full((len(rows), padding), 0xAB, np.uint8)], axis=1)
    return Image(height=height, width=pixels.shape[1], encoding=encoding, is_bigendian=int(big),
                 step=padded.shape[1], data=padded.tobytes())


def bgr(image):
    return image[..., ::-1].copy()


def with_alpha(image):
    return np.dstack([image, np.full(image.shape[:2], 7, np.uint8)])


def wide(image):
    return image.astype(np.uint16) * 257


@pytest.mark.parametrize('padding', [0, 13])
@pytest.mark.parametrize('encoding, pixels', [
    ('rgb8', SMOOTH), ('bgr8', bgr(SMOOTH)), ('8UC3', bgr(SMOOTH)), ('rgba8', with_alpha(SMOOTH)),
    ('bgra8', with_alpha(bgr(SMOOTH))), ('8UC4', with_alpha(bgr(SMOOTH)))])
def test_colours_come_out_as_rgb(encoding, pixels, padding):
    out = images.decode(message(pixels, encoding, padding))
    assert out.dtype == np.uint8 and out.flags.c_contiguous
    np.testing.assert_array_equal(out, SMOOTH)


@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('encoding, pixels', [
    ('rgb16', wide(SMOOTH)), ('bgr16', wide(bgr(SMOOTH))), ('rgba16', wide(with_alpha(SMOOTH))),
    ('bgra16', wide(with_alpha(bgr(SMOOTH))))])
def test_sixteen_bits_in_either_byte_order(encoding, pixels, big):
    np.testing.assert_array_equal(images.decode(message(pixels, encoding, 6, big)), SMOOTH)


@pytest.mark.parametrize('encoding', ['mono8', '8UC1'])
def test_grey(encoding):
    out = images.decode(message(SMOOTH[..., 0].copy(), encoding, 5))
    np.testing.assert_array_equal(out, np.repeat(SMOOTH[..., :1], 3, axis=2))


@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('encoding, dtype', [('mono16', np.uint16), ('16UC1', np.uint16), ('32FC1', np.float32)])
def test_grey_of_any_range_is_stretched(encoding, dtype, big):
    values = np.linspace(0, 900, 64 * 48).reshape(48, 64).astype(dtype)
    out = images.decode(message(values, encoding, 4, big))
    assert out[0, 0, 0] == 0 and out[-1, -1, 0] == 255
    np.testing.assert_allclose(out[..., 1], values * (255 / values.max()), atol=1)


def test_depth_that_is_not_a_number_is_black():
    values = np.full((4, 4), np.nan, np.float32)
    values[0, 0], values[1, 1] = 2.0, np.inf
    out = images.decode(message(values, '32FC1'))
    assert out[0, 0, 0] == 255 and out.sum() == 3 * 255


@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
@pytest.mark.parametrize('bits', [8, 16])
def test_bayer(pattern, bits):
    channel = {'r': 0, 'g': 1, 'b': 2}
    mosaic = np.empty(SMOOTH.shape[:2], np.uint8)
    for k, letter in enumerate(pattern):
        mosaic[k // 2::2, k % 2::2] = SMOOTH[k // 2::2, k % 2::2, channel[letter]]
    out = images.decode(message(mosaic if bits == 8 else wide(mosaic), f'bayer_{pattern}{bits}'))
    assert np.abs(out[2:-2, 2:-2].astype(int) - SMOOTH[2:-2, 2:-2]).mean() < 6


def _yuv422(order):
    """SMOOTH as packed 4:2:2 by the full formulas of BT.601, limited range."""
    r, g, b = SMOOTH[..., 0].astype(float), SMOOTH[..., 1].astype(float), SMOOTH[..., 2].astype(float)
    y = 16 + 0.257 * r + 0.504 * g + 0.098 * b
    u = 128 - 0.148 * r - 0.291 * g + 0.439 * b
    v = 128 + 0.439 * r - 0.368 * g - 0.071 * b
    u, v = (u[:, ::2] + u[:, 1::2]) / 2, (v[:, ::2] + v[:, 1::2]) / 2
    colours = np.empty_like(y)
    colours[:, ::2], colours[:, 1::2] = u, v
    return np.stack([y, colours] if order == 'yuyv' else [colours, y], axis=-1).round().astype(np.uint8)


@pytest.mark.parametrize('encoding, order', [
    ('yuv422_yuy2', 'yuyv'), ('yuyv', 'yuyv'), ('yuv422', 'uyvy'), ('uyvy', 'uyvy')])
def test_yuv422(encoding, order):
    out = images.decode(message(_yuv422(order), encoding, 8))
    assert np.abs(out.astype(int) - SMOOTH).mean() < 6


@pytest.mark.parametrize('encoding', ['nv12', 'nv21'])
def test_yuv420(encoding):
    planar = cv2.cvtColor(SMOOTH, cv2.COLOR_RGB2YUV_I420)
    u, v = planar[48:72].reshape(2, 24, 32)
    pair = (u, v) if encoding == 'nv12' else (v, u)
    pixels = np.concatenate([planar[:48], np.stack(pair, axis=-1).reshape(24, 64)])
    out = images.decode(message(pixels, encoding, 3, height=48))
    assert np.abs(out.astype(int) - SMOOTH).mean() < 8


def test_the_last_row_may_lack_its_padding():
    msg = message(SMOOTH, 'rgb8', 20)
    msg.data = msg.data[:-20]
    np.testing.assert_array_equal(images.decode(msg), SMOOTH)


def test_wrong_step():
    msg = message(SMOOTH, 'rgb8')
    msg.step = 64
    with pytest.raises(images.BadImage, match='64 x 48 rgb8: step is 64 bytes, but a row needs 192'):
        images.decode(msg)


def test_short_data():
    msg = message(SMOOTH, 'rgb8')
    msg.data = msg.data[:100]
    with pytest.raises(images.BadImage, match='data holds 100 bytes, expected 9216'):
        images.decode(msg)


def test_unknown_encoding_names_the_known_ones():
    with pytest.raises(images.BadImage, match="unknown image encoding 'jpeg2000'.*rgb8"):
        images.decode(message(SMOOTH, 'jpeg2000'))


@pytest.mark.parametrize('encoding, shape', [('nv12', (5, 4)), ('yuyv', (4, 5, 2))])
def test_sizes_an_encoding_cannot_have(encoding, shape):
    rows = 5 if encoding == 'nv12' else 4
    msg = message(np.zeros((8, *shape[1:]), np.uint8), encoding, height=rows)
    with pytest.raises(images.BadImage, match='is no size for encoding'):
        images.decode(msg)


@pytest.mark.parametrize('size', [(0, 0), (0, 48), (64, 0)])
def test_empty(size):
    with pytest.raises(images.BadImage, match='is empty'):
        images.decode(Image(width=size[0], height=size[1], encoding='rgb8'))


def test_a_size_that_lies_costs_nothing():
    started = time.perf_counter()
    with pytest.raises(images.BadImage, match='too large'):
        images.decode(Image(width=4_000_000_000, height=4_000_000_000, encoding='rgb8', step=4_000_000_000))
    with pytest.raises(images.BadImage, match='data holds 0 bytes, expected 99532800'):
        images.decode(Image(width=7680, height=4320, encoding='rgb8', step=7680 * 3))
    assert time.perf_counter() - started < 0.1


@pytest.mark.parametrize('suffix, tolerance', [('.png', 0), ('.jpg', 4)])
def test_compressed(suffix, tolerance):
    _, data = cv2.imencode(suffix, bgr(SMOOTH))
    out = images.decode_compressed(CompressedImage(format=suffix[1:], data=data.tobytes()))
    assert np.abs(out.astype(int) - SMOOTH).mean() <= tolerance


def _announced(kind):
    """A tiny picture whose header announces 100,000 x 100,000 or, for JPEG, the most that JPEG can."""
    _, data = cv2.imencode(kind, np.zeros((8, 8, 3), np.uint8))
    data = data.tobytes()
    if kind == '.png':
        header = data[12:16] + struct.pack('>II', 100_000, 100_000) + data[24:29]
        return data[:12] + header + struct.pack('>I', zlib.crc32(header)) + data[33:]
    at = data.index(b'\xff\xc0') + 5
    return data[:at] + struct.pack('>HH', 65_535, 65_535) + data[at + 4:]


@pytest.mark.parametrize('kind', ['.png', '.jpg'])
def test_a_header_that_announces_gigabytes_costs_nothing(kind):
    started = time.perf_counter()
    with pytest.raises(images.BadImage, match='too large'):
        images.decode_compressed(CompressedImage(data=_announced(kind)))
    assert time.perf_counter() - started < 0.1


@pytest.mark.parametrize('data, expected', [
    (b'', 'not a picture'), (b'this is a text', 'not a picture'),
    (b'\xff\xd8\xff', 'not a picture'),
    (b'\xff\xd8' + b'\xff' * 40, 'not a picture'),
    (cv2.imencode('.png', SMOOTH)[1].tobytes()[:60], 'a damaged picture')])
def test_no_picture(data, expected):
    with pytest.raises(images.BadImage, match=expected):
        images.decode_compressed(CompressedImage(data=data))


def test_overlay_message():
    msg = images.image_message(SMOOTH, Header(frame_id='cam'))
    assert (msg.width, msg.height, msg.step, msg.encoding, msg.header.frame_id) == (64, 48, 192, 'rgb8', 'cam')
    np.testing.assert_array_equal(images.decode(msg), SMOOTH)
