"""Videos of phones, browsers, recorders and broken disks: every frame upright, at its own time, or counted."""

import io
import os
import random

import numpy as np
import pytest
import video_maker as maker

from hand4whole_ros.media.videos import VideoError
from hand4whole_ros.media.videos.reader import VideoReader


def read(path):
    """Pictures, their times, and the reader, closed."""
    with VideoReader(path) as video:
        frames = list(video.frames())
    return [frame.image for frame in frames], [frame.stamp for frame in frames], video


def similar(image, other, most=8.0):
    assert image.dtype == np.uint8 and image.shape == other.shape and image.flags.c_contiguous
    assert np.abs(image.astype(int) - other).mean() < most


# How pictures lie

UPRIGHT = maker.scene()
#: a, b, c, d of the display matrix -> how the upright picture is stored.
STORED = {(1, 0, 0, 1): UPRIGHT, (0, 1, -1, 0): np.rot90(UPRIGHT), (-1, 0, 0, -1): UPRIGHT[::-1, ::-1],
          (0, -1, 1, 0): np.rot90(UPRIGHT, -1), (-1, 0, 0, 1): UPRIGHT[:, ::-1], (1, 0, 0, -1): UPRIGHT[::-1],
          (0, 1, 1, 0): UPRIGHT.transpose(1, 0, 2), (0, -1, -1, 0): np.rot90(UPRIGHT)[:, ::-1]}


@pytest.mark.parametrize('matrix', STORED)
def test_phones_are_held_in_eight_ways(tmp_path, matrix):
    path = maker.set_display_matrix(maker.write(tmp_path / 'phone.mp4', [STORED[matrix]] * 3), *matrix)
    images, _, _ = read(path)
    assert len(images) == 3
    for image in images:
        similar(image, UPRIGHT)


def test_a_phone_that_is_held_askew_is_taken_for_the_nearest_quarter(tmp_path):
    path = maker.set_display_matrix(maker.write(tmp_path / 'phone.mp4', [np.rot90(UPRIGHT)]), 0, 1, -1, 0)
    data = path.read_bytes()
    one = (1 << 16).to_bytes(4, 'big')
    path.write_bytes(data.replace(bytes(4) + one + bytes(4) + (-(1 << 16)).to_bytes(4, 'big', signed=True),
                                  (9000).to_bytes(4, 'big') + one + bytes(4)
                                  + (-(1 << 16)).to_bytes(4, 'big', signed=True)))
    similar(read(path)[0][0], UPRIGHT)


@pytest.mark.parametrize('aspect, width', [('2', 320), ('1/2', 80), ('4/3', 213), ('1', 160), ('1000', 160)])
def test_pixels_that_are_not_square(tmp_path, aspect, width):
    images, _, _ = read(maker.write(tmp_path / 'dv.mp4', [UPRIGHT] * 2, aspect=aspect))
    similar(images[1], maker.scene(width, 120))


def test_pixels_that_are_not_square_of_a_phone_on_its_side(tmp_path):
    path = maker.write(tmp_path / 'dv.mp4', [np.rot90(UPRIGHT)], aspect='2')
    images, _, _ = read(maker.set_display_matrix(path, 0, 1, -1, 0))
    assert images[0].shape == (320 - 80, 160, 3)


# When

VARIED = [0.0, 0.04, 0.09, 0.5, 1.5, 1.54, 1.6, 3.0]


@pytest.mark.parametrize('name, options', [
    ('phone.mp4', {}), ('phone.mov', {'codec': 'libx265', 'options': {'x265-params': 'log-level=none'}}),
    ('screen.mkv', {}), ('screen.webm', {'codec': 'libvpx-vp9'})])
@pytest.mark.parametrize('first', [0.0, 7.3])
def test_times_are_those_of_the_container(tmp_path, name, options, first):
    pictures = maker.numbered(len(VARIED))
    images, stamps, video = read(maker.write(tmp_path / name, pictures, times=VARIED, first=first, **options))
    assert [maker.number(image) for image in images] == list(range(len(VARIED)))
    assert stamps == pytest.approx(VARIED, abs=2e-3) and video.losses.missing == 0


@pytest.mark.parametrize('codec', ['libvpx', 'libvpx-vp9'])
def test_a_browsers_webm_without_a_duration(tmp_path, codec):
    """Its clock ticks in milliseconds, which some take for 1000 frames a second."""
    times = [k * 0.05 for k in range(30)]
    data = bytearray()
    maker.write(maker.without_end(data), maker.numbered(30), codec, times, {'live': '1'}, 'webm')
    path = tmp_path / 'browser.webm'
    path.write_bytes(data)
    images, stamps, video = read(path)
    assert stamps == pytest.approx(times) and video.losses.missing == 0
    assert [maker.number(image) for image in images] == list(range(30))


@pytest.mark.parametrize('codec, options', [
    ('mjpeg', {'pixels': 'yuvj420p'}), ('mpeg4', {}), ('mpeg4', {'options': {'bf': '2', 'qmax': '4'}}),
    ('libx264', {})])
def test_avi_which_has_times_of_decoding_only(tmp_path, codec, options):
    images, stamps, video = read(maker.write(tmp_path / 'a.avi', maker.numbered(30), codec, **options))
    assert [maker.number(image) for image in images] == list(range(30))
    assert stamps == pytest.approx([k / maker.RATE for k in range(30)]) and video.losses.missing == 0


def test_bare_h264_has_no_times_and_that_is_said(tmp_path, caplog):
    path = maker.write(tmp_path / 'a.h264', maker.numbered(30), format='h264')
    images, stamps, _ = read(path)
    assert [maker.number(image) for image in images] == list(range(30))
    assert stamps == pytest.approx([k / maker.RATE for k in range(30)])
    assert caplog.text.count('30 frames have no time: they are taken for 1/25 s apart') == 1


def test_a_recording_that_was_begun_anew_goes_on(tmp_path, caplog):
    once = maker.write(tmp_path / 'a.ts', maker.numbered(20), format='mpegts').read_bytes()
    path = tmp_path / 'b.ts'
    path.write_bytes(once + once)
    images, stamps, _ = read(path)
    assert [maker.number(image) for image in images] == [*range(20)] * 2
    assert np.diff(stamps) == pytest.approx(np.full(39, 0.04)) and 'stand still, go back or leap' in caplog.text


def test_what_an_edit_list_cuts_away_is_not_missed(tmp_path):
    path = maker.write(tmp_path / 'cut.mp4', maker.numbered(30))
    data = bytearray(path.read_bytes())
    at = data.index(b'elst') + 4 + 4 + 4 + 4    # version, number of entries, duration; then the time it begins at
    start = int.from_bytes(data[at:at + 4], 'big')
    data[at:at + 4] = (start + 5 * 512).to_bytes(4, 'big')
    path.write_bytes(data)
    images, stamps, video = read(path)
    assert [maker.number(image) for image in images] == list(range(5, 30)) and stamps[0] == 0
    assert video.losses.missing == 0


def test_a_recording_that_begins_between_key_frames_misses_nothing(tmp_path):
    data = maker.write(tmp_path / 'a.ts', maker.numbered(30), format='mpegts').read_bytes()
    path = tmp_path / 'late.ts'
    path.write_bytes(data[len(data) * 2 // 10 // 188 * 188:])
    images, stamps, video = read(path)
    assert images and stamps[0] == 0 and video.losses.missing == 0


# What they are made of

@pytest.mark.parametrize('name, codec, pixels, options', [
    ('hdr.mp4', 'libx265', 'yuv420p10le', {'x265-params': 'log-level=none:colorprim=bt2020:transfer=smpte2084'}),
    ('full.mp4', 'libx264', 'yuv444p', {}), ('alpha.webm', 'libvpx-vp9', 'yuva420p', {}),
    ('interlaced.mkv', 'libx264', 'yuv420p', {'x264-params': 'interlaced=1'}), ('rgb.mkv', 'ffv1', 'bgr0', {}),
    ('av1.mkv', 'libsvtav1', 'yuv420p10le', {'svtav1-params': 'fast-decode=1'}), ('png.mov', 'png', 'rgb24', {}),
    ('old.mpg', 'mpeg2video', 'yuv420p', {'qmax': '4'})])
def test_pixel_formats(tmp_path, name, codec, pixels, options, capfd):
    images, _, video = read(maker.write(tmp_path / name, maker.numbered(8), codec, pixels=pixels, options=options))
    capfd.readouterr()
    assert [maker.number(image) for image in images] == list(range(8)) and video.losses.missing == 0
    similar(images[3], maker.numbered(8)[3], 12)
    assert os.sched_getscheduler(0) == os.SCHED_OTHER     # what the encoder takes for itself, it does not leave to us


@pytest.mark.parametrize('pixels', ['gray', 'gray10le'])
def test_grey(tmp_path, pixels):
    images, _, _ = read(maker.write(tmp_path / 'grey.mkv', maker.numbered(3), 'ffv1', pixels=pixels))
    grey = maker.numbered(3)[1] @ (0.299, 0.587, 0.114)
    similar(images[1], np.repeat(grey[..., None], 3, axis=2).astype(np.uint8))


@pytest.mark.parametrize('pixels, native', [('gray16le', 'gray16le'), ('rgb48be', 'rgb48le')])
def test_twelve_bits_of_sixteen_are_stretched(tmp_path, pixels, native):
    wide = [np.rint(image / 255 * 4095).astype(np.uint16) for image in maker.numbered(3)]
    if 'gray' in native:
        wide = [image[..., 1] for image in wide]
    codec, name = ('ffv1', 'a.mkv') if 'gray' in native else ('png', 'a.mov')
    path = maker.write(tmp_path / name, wide, codec, pixels=pixels, native=native)
    expected = maker.numbered(3)[1] if 'rgb' in native else np.repeat(maker.numbered(3)[1][..., 1:2], 3, axis=2)
    similar(read(path)[0][1], expected)


def test_another_size_on_the_way(tmp_path):
    parts = [maker.write(tmp_path / f'{k}.h264', maker.numbered(6, *size), format='h264').read_bytes()
             for k, size in enumerate(((160, 120), (96, 64)))]
    path = tmp_path / 'both.h264'
    path.write_bytes(b''.join(parts))
    images, _, _ = read(path)
    assert [image.shape for image in images] == [(120, 160, 3)] * 6 + [(64, 96, 3)] * 6


@pytest.mark.parametrize('name', ['ü n#1 %d ".mp4', os.fsdecode(b'\xff\xfe.mp4'), '-i http:.mp4'])
def test_any_name_of_a_file(tmp_path, name):
    path = maker.write(tmp_path / 'a.mp4', maker.numbered(3)).rename(tmp_path / name)
    assert len(read(path)[0]) == 3


# What is none

def test_files_without_a_video(tmp_path):
    (tmp_path / 'text.mp4').write_text('this is no video')
    (tmp_path / 'empty.mp4').write_bytes(b'')
    whole = maker.write(tmp_path / 'whole.mp4', maker.numbered(10)).read_bytes()
    (tmp_path / 'no_moov.mp4').write_bytes(maker.damaged(whole, 'cut'))
    maker.write_sound(tmp_path / 'sound.mp4')
    maker.write_sound(tmp_path / 'album.mp4', picture=True)
    for name, line in (('text.mp4', 'no video that can be decoded'), ('empty.mp4', 'no video that can be decoded'),
                       ('no_moov.mp4', r'its table of frames \(moov\) is missing'), ('sound.mp4', 'only audio'),
                       ('album.mp4', 'no video in it'), ('missing.mp4', 'no file'), ('.', 'no file, but a folder')):
        with pytest.raises(VideoError, match=line) as error:
            VideoReader(tmp_path / name)
        assert '\n' not in str(error.value) and str(tmp_path) in str(error.value)
    with pytest.raises(VideoError, match='no file, but a folder or a device'):
        VideoReader('/dev/zero')


# What is damaged

KINDS = [('a.mp4', {'container': maker.FAST}), ('a.mov', {'container': {'movflags': 'frag_keyframe+empty_moov'}}),
         ('a.avi', {'codec': 'mjpeg', 'pixels': 'yuvj420p'}), ('a.mkv', {}), ('a.webm', {'codec': 'libvpx'}),
         ('b.webm', {'codec': 'libvpx-vp9'}),
         ('b.mp4', {'codec': 'libx265', 'options': {'x265-params': 'log-level=none'}, 'container': maker.FAST})]


@pytest.mark.parametrize('kind', ['cut', 'zeros', 'noise', 'hole'])
@pytest.mark.parametrize('name, options', KINDS)
def test_frames_that_are_missing_are_counted(tmp_path, name, options, kind, capfd):
    path = maker.write(tmp_path / name, maker.numbered(50), **options)
    path.write_bytes(maker.damaged(path.read_bytes(), kind))
    images, stamps, video = read(path)
    missing = 50 - len(images)
    assert missing > 0 and images
    if name == 'a.mov' and kind in ('cut', 'hole'):     # nothing tells of fragments that are cut off, or not found
        assert 0 < video.losses.missing <= missing
    else:
        assert abs(video.losses.missing - missing) <= 1
    assert ('too early' in video.losses.reason) == (kind == 'cut') or name == 'a.avi' or kind == 'hole'
    assert all(later > earlier for earlier, later in zip(stamps, stamps[1:]))
    again, when, other = read(path)
    assert when == stamps and other.losses.missing == video.losses.missing
    assert all(np.array_equal(one, two) for one, two in zip(images, again))
    assert capfd.readouterr().err == ''


@pytest.mark.parametrize('name, options', [*KINDS, ('c.webm', {'codec': 'libvpx', 'options': {
    'auto-alt-ref': '1', 'lag-in-frames': '16', 'deadline': 'good', 'cpu-used': '4'}})])
def test_nothing_is_missing_in_a_whole_one(tmp_path, name, options, caplog):
    images, _, video = read(maker.write(tmp_path / name, maker.numbered(50), **options))
    assert [maker.number(image) for image in images] == list(range(50))
    assert video.losses.missing == 0 and caplog.text == ''


def test_the_number_of_frames_beforehand(tmp_path):
    for name, options, expected in (('a.mp4', {}, 20), ('a.avi', {'codec': 'mpeg4'}, 20), ('a.mkv', {}, 20)):
        with VideoReader(maker.write(tmp_path / name, maker.numbered(20), **options)) as video:
            assert video.expected == expected
    with VideoReader(maker.write(tmp_path / 'a.h264', maker.numbered(20), format='h264')) as video:
        assert video.expected >= 1


def test_a_disk_that_fails_in_the_middle(tmp_path, caplog, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 255, (50, 120, 160, 3), dtype=np.uint8)
    path = maker.write(tmp_path / 'a.mkv', list(noise))
    half = path.stat().st_size // 2

    class Failing(io.FileIO):
        def read(self, count=-1):
            if self.tell() > half:
                raise OSError(5, 'Input/output error')
            return super().read(count)
    monkeypatch.setattr('builtins.open', lambda path, mode: Failing(path, mode))
    images, _, video = read(path)
    assert 10 < len(images) < 40 and abs(video.losses.missing - (50 - len(images))) <= 1
    assert caplog.text.count('cannot be read any further: Input/output error') == 1


@pytest.mark.parametrize('name, options', KINDS)
def test_random_damage_is_frames_or_one_line(tmp_path, name, options, capfd):
    chance = random.Random(name)
    whole = maker.write(tmp_path / name, maker.numbered(12), **options).read_bytes()
    path = tmp_path / f'broken{name[-5:]}'
    for _ in range(25):
        data = bytearray(whole)
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)):]
        for _ in range(chance.randrange(1, 20) if data else 0):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(data)
        try:
            images, stamps, video = read(path)
        except VideoError as error:
            assert str(path) in str(error) and '\n' not in str(error)
        else:
            assert all(later > earlier for earlier, later in zip(stamps, stamps[1:])) and video.losses.missing >= 0
            assert all(image.dtype == np.uint8 and image.shape[2] == 3 for image in images)
    assert capfd.readouterr().err == ''
