"""Contact sheets, videos and GIFs."""

import cv2
import numpy as np
import pytest
from PIL import Image

from hand4whole_ros.rendering import contact_sheet


def plain(width, height, color):
    return np.full((height, width, 3), color, np.uint8)


def test_tiles_stand_in_reading_order_with_their_colours():
    colors = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0), (0, 200, 200)]
    picture = contact_sheet.contact_sheet([plain(80, 60, c) for c in colors], columns=3, tile_width=40, gap=10)
    assert picture.shape == (2 * 40 + 10, 3 * 50 + 10, 3)
    for k, color in enumerate(colors):
        np.testing.assert_array_equal(picture[25 + 40 * (k // 3), 30 + 50 * (k % 3)], color)
    assert (picture[65, 130] > 240).all()


def test_captions_lie_below_their_tiles():
    images = [plain(80, 60, (90, 90, 90))] * 2
    bare, written = (contact_sheet.contact_sheet(images, captions, columns=2)
                     for captions in (['', ''], ['a caption', '']))
    rows, columns = np.nonzero((bare != written).any(2))
    assert rows.min() >= 310 and columns.max() < 410


def test_tiles_of_different_shapes_and_long_captions():
    images = [plain(10, 300, (1, 2, 3)), plain(900, 20, (4, 5, 6)), plain(1, 1, (7, 8, 9))]
    assert contact_sheet.contact_sheet(images, ['x' * 500, '', 'y'], tile_width=64).dtype == np.uint8


def test_a_video_keeps_its_frames(tmp_path):
    path = tmp_path / 'new' / 'clip.mp4'
    contact_sheet.write_video(path, (plain(64, 48, (10 * k, 100, 200)) for k in range(12)), 10)
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(10)
    frames = []
    while True:
        good, frame = capture.read()
        if not good:
            break
        frames.append(frame[..., ::-1])
    assert len(frames) == 12
    np.testing.assert_allclose(frames[7].mean((0, 1)), (70, 100, 200), atol=8)


def test_a_gif_is_scaled_down_and_keeps_its_frames(tmp_path):
    frames = [plain(640, 480, (30, 120, 40)) for _ in range(10)]
    for k, frame in enumerate(frames):
        frame[200:260, 60 * k:60 * k + 60] = (240, 200, 40)
    contact_sheet.write_gif(tmp_path / 'clip.gif', frames, 10, width=320)
    with Image.open(tmp_path / 'clip.gif') as gif:
        assert gif.size == (320, 240) and gif.n_frames == 10 and gif.info['duration'] == 100
        gif.seek(6)
        seen = np.asarray(gif.convert('RGB'))
    np.testing.assert_allclose(seen[115, [195, 165]], [(240, 200, 40), (30, 120, 40)], atol=12)


def test_a_gif_keeps_the_colours_of_thin_lines(tmp_path):
    frame = np.random.default_rng(0).integers(90, 140, (240, 320, 3), dtype=np.uint8)
    lines = {40: (255, 176, 92), 80: (92, 222, 190), 120: (255, 92, 92), 160: (204, 124, 255)}
    for row, color in lines.items():
        frame[row, 100:130] = color
    contact_sheet.write_gif(tmp_path / 'clip.gif', [frame], 10)
    with Image.open(tmp_path / 'clip.gif') as gif:
        seen = np.asarray(gif.convert('RGB'))
    for row, color in lines.items():
        np.testing.assert_allclose(seen[row, 120], color, atol=15)


def test_what_cannot_be_written_is_named(tmp_path):
    good = plain(8, 8, 0)
    with pytest.raises(ValueError, match='at least one picture'):
        contact_sheet.contact_sheet([])
    with pytest.raises(ValueError, match='one caption'):
        contact_sheet.contact_sheet([good], ['a', 'b'])
    with pytest.raises(ValueError, match='uint8'):
        contact_sheet.contact_sheet([good.astype(float)])
    with pytest.raises(ValueError, match='one size'):
        contact_sheet.write_video(tmp_path / 'a.mp4', [good, plain(9, 8, 0)], 10)
    with pytest.raises(ValueError, match='at least one frame'):
        contact_sheet.write_video(tmp_path / 'a.mp4', [], 10)
    with pytest.raises(ValueError, match='frames per second'):
        contact_sheet.write_gif(tmp_path / 'a.gif', [good], 0)
    with pytest.raises(ValueError, match='at least one frame'):
        contact_sheet.write_gif(tmp_path / 'a.gif', [], 10)
