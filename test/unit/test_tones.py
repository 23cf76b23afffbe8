"""Pictures of more than 8 bits, whatever their range."""

import numpy as np
import pytest

from hand4whole_ros.media import bit_depth

RNG = np.random.default_rng(5)
_X, _Y = np.meshgrid(np.linspace(0, 1, 640), np.linspace(0, 1, 480))
#: Smooth, and as much of it dark as bright in every channel.
SMOOTH = np.dstack([_X, _Y, abs(2 * _X - 1)])
SEEN = np.rint(SMOOTH * 255).astype(int)


def bits(number, image=SMOOTH):
    return np.rint(image * (2**number - 1)).astype(np.uint16)


def close(out, seen=SEEN, most=3):
    assert out.dtype == np.uint8 and out.shape == seen.shape
    # A pixel in a thousand at either end is whiter or blacker than it would be.
    assert np.percentile(np.abs(out.astype(int) - seen), 99.5) <= most


@pytest.mark.parametrize('number', [8, 10, 12, 14, 16])
@pytest.mark.parametrize('channels', [1, 3])
def test_any_number_of_bits_becomes_the_same_picture(number, channels):
    image = SMOOTH[..., 0] if channels == 1 else SMOOTH
    close(bit_depth.to_8_bits(bits(number, image)), SEEN[..., 0] if channels == 1 else SEEN)


def test_all_16_bits_are_taken_as_they_are():
    wide = RNG.integers(0, 256, (48, 64, 3)).astype(np.uint16)
    np.testing.assert_array_equal(bit_depth.to_8_bits(wide * 257), wide)


def test_a_narrow_band_far_from_zero_is_spread():
    """Hundredths of a kelvin of a room with a person."""
    close(bit_depth.to_8_bits(np.rint(29_000 + SMOOTH[..., 0] * 2500).astype(np.uint16)), SEEN[..., 0])


@pytest.mark.parametrize('value', [0, 4095, 65535])
def test_hot_and_dead_pixels_decide_nothing(value):
    spoilt = bits(12, SMOOTH[..., 0])
    spoilt[RNG.integers(0, 480, 50), RNG.integers(0, 640, 50)] = value
    close(bit_depth.to_8_bits(spoilt), SEEN[..., 0])


def test_one_small_light_in_the_night_is_seen_though_a_pixel_is_hot():
    night = np.full((480, 640), 60, np.uint16)
    night[200:212, 300:312] = 900
    night[7, 7] = 65535
    out = bit_depth.to_8_bits(night)
    assert out[0, 0] == 0 and (out[200:212, 300:312] > 250).all()


def test_noise_of_a_covered_lens_stays_dark():
    assert bit_depth.to_8_bits(RNG.integers(60, 68, (480, 640)).astype(np.uint16)).max() < 32


@pytest.mark.parametrize('value, seen', [(0, 0), (4095, 16), (65535, 255)])
def test_one_value_is_what_it_is_of_16_bits(value, seen):
    assert set(bit_depth.to_8_bits(np.full((48, 64), value, np.uint16)).ravel().tolist()) == {seen}
    hot = np.full((48, 64), value, np.uint16)
    hot[3, 3] = 65535
    assert np.median(bit_depth.to_8_bits(hot)) == seen


def test_colours_keep_their_balance():
    red = np.zeros((48, 64, 3), np.uint16)
    red[...] = (3000, 1000, 0)
    red[:24] = (1500, 500, 0)
    np.testing.assert_allclose(bit_depth.to_8_bits(red)[40, 40], (255, 85, 0), atol=1)


@pytest.mark.parametrize('scale', [1.0, 1e-30, 1e30, 3e38])
def test_floats_of_any_size(scale):
    close(bit_depth.to_8_bits((SMOOTH[..., 0] * scale).astype(np.float32)), SEEN[..., 0])


def test_floats_below_zero_and_what_is_not_finite():
    values = (SMOOTH[..., 0] * 8 - 4).astype(np.float32)
    values[:20] = np.nan
    values[20:30], values[30:40] = np.inf, -np.inf
    out = bit_depth.to_8_bits(values)
    assert not out[:40].any()
    close(out[40:], SEEN[40:, :, 0])


@pytest.mark.parametrize('values, seen', [([np.nan] * 4, 0), ([np.inf, 2.0, 2.0, 2.0], 255), ([0.0] * 4, 0),
                                          ([-3.0] * 4, 0)])
def test_floats_of_one_value(values, seen):
    out = bit_depth.to_8_bits(np.array([values], np.float32))
    assert out[0, 3] == seen


def test_other_integers_and_bytes():
    close(bit_depth.to_8_bits(np.rint(SMOOTH * 1e6 - 5e5).astype(np.int32)))
    close(bit_depth.to_8_bits(np.rint(SMOOTH * 1000).astype('>u2')))
    plain = SEEN.astype(np.uint8)
    assert bit_depth.to_8_bits(plain) is plain


def test_every_colour_of_a_mosaic_is_among_what_decides():
    """Red alone is lit: a sample of every other pixel would miss it."""
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        mosaic = np.zeros((480, 640), np.uint16)
        mosaic[row::2, column::2] = bits(12, SMOOTH[..., 0])[row::2, column::2]
        assert bit_depth.to_8_bits(mosaic)[row::2, column::2].mean() == pytest.approx(SEEN[..., 0].mean(), abs=4)


def test_what_shows_nothing():
    plain = np.full((480, 640, 3), (7, 90, 200), np.uint8)
    assert bit_depth.is_uniform(plain) and bit_depth.is_uniform(plain + RNG.integers(0, 3, plain.shape, dtype=np.uint8))
    hot = plain.copy()
    hot[5, 5] = 255
    assert bit_depth.is_uniform(hot)
    assert not bit_depth.is_uniform(SEEN.astype(np.uint8))
    corner = plain.copy()
    corner[1:18, 1:26] = 255
    assert not bit_depth.is_uniform(corner)
    assert bit_depth.is_uniform(plain[:1, :1])
