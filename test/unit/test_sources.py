"""What `hand4whole estimate` reads, and how it calls it."""

import struct
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from hand4whole_ros.apps.estimate import image_sources
from hand4whole_ros.media import image_formats


def picture(path):
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), np.full((24, 32, 3), 80, np.uint8))
    return path


def video(path, frames=5):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), 25, (64, 48))
    for k in range(frames):
        writer.write(np.full((48, 64, 3), 40 * k, np.uint8))
    writer.release()
    return path


def test_a_folder_in_order_without_what_is_no_picture(tmp_path):
    for name in ('b.png', 'a.jpg'):
        picture(tmp_path / name)
    (tmp_path / 'notes.txt').write_text('no picture')
    assert [source.name for source in image_sources.collect_sources([tmp_path])] == ['a.jpg', 'b.png']


def test_results_of_files_with_one_name_do_not_overwrite_each_other(tmp_path):
    paths = [picture(tmp_path / name) for name in ('one/x.png', 'two/x.png', 'two/x.jpg')]
    found = image_sources.collect_sources(paths)
    assert len({source.name for source in found}) == len({source.stem for source in found}) == 3
    assert not any('/' in source.stem for source in found)


def test_every_frame_of_a_video_with_its_time(tmp_path):
    (source,) = image_sources.collect_sources([video(tmp_path / 'clip.mp4')])
    frames = list(source.frames())
    assert source.is_video and len(source) == len(frames) == 5
    assert [frame.name for frame in frames][:2] == ['clip.mp4#000000', 'clip.mp4#000001']
    assert [frame.stamp for frame in frames] == pytest.approx([k / 25 for k in range(5)])


def test_a_video_that_is_none_says_so(tmp_path):
    (tmp_path / 'clip.mp4').write_bytes(b'this is no video')
    (frame,) = image_sources.collect_sources([tmp_path / 'clip.mp4'])[0].frames()
    assert frame.image is None and 'no video that can be decoded' in frame.error


# What a folder holds besides.

def test_what_is_left_out_of_a_folder_is_counted_and_said(tmp_path, caplog):
    picture(tmp_path / 'a.jpg')
    for name in ('b.cr2', 'c.CR2', 'd.jxl', 'notes', '.hidden.jpg', '._a.jpg'):
        (tmp_path / name).write_bytes(b'x')
    (tmp_path / 'gone.jpg').symlink_to('nowhere')
    (tmp_path / 'sub').mkdir()
    picture(tmp_path / 'sub' / 'e.png')
    assert [source.name for source in image_sources.collect_sources([tmp_path])] == ['a.jpg']
    assert caplog.messages == [f'{tmp_path}: left out: 2 .cr2, 1 .jxl, 1 broken link, 1 sub-folder (not searched), '
                               '1 without suffix']


def test_a_folder_of_nothing_else_says_what_it_holds(tmp_path):
    (tmp_path / 'a.cr2').write_bytes(b'x')
    with pytest.raises(ValueError, match='no pictures or videos in this folder; it holds 1 .cr2'):
        image_sources.collect_sources([tmp_path])


def test_without_a_library_heic_is_left_out_and_the_line_says_what_to_install(tmp_path, caplog, without_readers):
    picture(tmp_path / 'a.jpg')
    for name in ('b.heic', 'c.HEIC', 'd.avif'):
        (tmp_path / name).write_bytes(b'\0\0\0\x18ftyp' + (b'avif' if 'avif' in name else b'heic') + b'\0' * 12)
    assert [source.name for source in image_sources.collect_sources([tmp_path])] == ['a.jpg']
    assert "1 .avif (pip install 'pillow>=11.3' reads it), 2 .heic (pip install pillow-heif reads it)" in (
        caplog.text)
    (frame,) = image_sources.collect_sources([tmp_path / 'b.heic'])[0].frames()
    assert frame.image is None and frame.error == (
        f"{tmp_path}/b.heic: HEIF cannot be read here; pip install pillow-heif reads it")


@pytest.fixture
def without_readers(monkeypatch):
    """Nothing that reads HEIC or AVIF is installed."""
    for name in ('pillow_heif', 'pi_heif', 'PIL.AvifImagePlugin'):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delattr('PIL.AvifImagePlugin', raising=False)
    image_formats.readable_formats.cache_clear()
    yield
    image_formats.readable_formats.cache_clear()


@pytest.mark.parametrize('suffix', ['.gif', '.avif', '.heic'])
def test_formats_of_telephones_and_of_the_web(tmp_path, suffix, caplog):
    if suffix == '.heic':
        pytest.importorskip('pillow_heif')
    if suffix not in image_formats.readable_suffixes():
        pytest.skip('this Pillow reads no AVIF')
    frames = [Image.new('RGB', (64, 48), colour) for colour in ('red', 'blue')]
    path = tmp_path / f'a{suffix.upper()}'
    frames[0].save(path, save_all=True, append_images=frames[1:])
    exif = Image.Exif()
    exif[0x0112] = 6    # to be turned by a quarter
    frames[0].save(tmp_path / f'b{suffix}', **({} if suffix == '.gif' else {'exif': exif}))
    moving, still = (next(source.frames()) for source in image_sources.collect_sources([tmp_path]))
    assert moving.image.shape == (48, 64, 3)
    # In HEIC the tag only tells what was done: a box of its own turns the picture, and the library obeys it.
    assert still.image.shape == ((64, 48, 3) if suffix == '.avif' else (48, 64, 3))
    for frame in (moving, still):
        np.testing.assert_allclose(frame.image.reshape(-1, 3).mean(axis=0), (255, 0, 0), atol=6)
    assert caplog.messages == [f'{path}: it holds several pictures; the first alone is read']


@pytest.mark.parametrize('suffix', ['.gif', '.avif'])
def test_their_sizes_are_read_before_their_pixels(tmp_path, suffix):
    if suffix not in image_formats.readable_suffixes():
        pytest.skip('this Pillow reads no AVIF')
    path = tmp_path / f'a{suffix}'
    Image.new('RGB', (64, 48)).save(path)
    data = path.read_bytes()
    sizes = {'.gif': ('<HH', (64, 48), (40_000, 40_000)), '.avif': ('>II', (64, 48), (40_000, 40_000))}[suffix]
    wrong = data.replace(struct.pack(sizes[0], *sizes[1]), struct.pack(sizes[0], *sizes[2]))
    assert wrong != data
    for bad in (wrong, data[:len(data) // 2], data[:20]):
        path.write_bytes(bad)
        (frame,) = image_sources.collect_sources([path])[0].frames()
        assert frame.image is None and frame.error.startswith(str(path)) and '\n' not in frame.error
        assert 'too large' in frame.error or 'damaged' in frame.error or 'not a picture' in frame.error
    path.write_bytes(wrong)
    (frame,) = image_sources.collect_sources([path])[0].frames()
    assert 'too large' in frame.error or suffix == '.avif'


def test_an_input_that_is_named_twice_is_read_once(tmp_path, monkeypatch):
    picture(tmp_path / 'a.jpg')
    picture(tmp_path / 'b.jpg')
    monkeypatch.chdir(tmp_path)
    again = [tmp_path, tmp_path / 'b.jpg', 'b.jpg', './b.jpg', tmp_path / 'x' / '..' / 'a.jpg']
    (tmp_path / 'x').mkdir()
    assert [source.name for source in image_sources.collect_sources(again)] == ['a.jpg', 'b.jpg']


def test_letters_case_makes_no_other_name(tmp_path):
    found = image_sources.collect_sources(
        [picture(tmp_path / name) for name in ('A.jpg', 'a.png', 'b.png', 'a_png.jpg')]
    )
    assert [source.name for source in found] == ['A.jpg', 'a.png', 'b.png', 'a_png.jpg']
    assert [source.stem for source in found] == ['A_jpg', 'a_png_2', 'b', 'a_png']
