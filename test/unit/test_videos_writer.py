"""Videos with a time of its own for every picture."""

import av
import numpy as np
import pytest
import video_maker as maker

from hand4whole_ros.media.videos import writer
from hand4whole_ros.media.videos.reader import VideoReader
from hand4whole_ros.media.videos.writer import VideoWriter


def write(path, pictures, stamps, **last):
    with VideoWriter(path) as video:
        for image, stamp in zip(pictures, stamps):
            video.write(image, stamp, **(last if stamp == stamps[-1] else {}))
    return path


def read(path):
    with VideoReader(path) as video:
        frames = list(video.frames())
    with av.open(path) as container:
        seconds = container.duration * 1e-6
    return [frame.image for frame in frames], [frame.stamp for frame in frames], seconds


@pytest.fixture(params=['as here', 'without an encoder of H.264'])
def encoders(request, monkeypatch):
    if request.param != 'as here':
        monkeypatch.setattr(writer, '_ENCODERS', (('libnobody', {}), *writer._ENCODERS[1:]))


@pytest.mark.parametrize('stamps, seconds', [
    ([k / 25 for k in range(20)], 0.8), ([k * 1001 / 30000 for k in range(20)], 20 * 1001 / 30000),
    ([0, 0.04, 0.09, 0.5, 1.5, 1.54, 3.0], 4.46), ([0.0], 1 / 30), ([2.0, 2.1], 0.2)])
def test_every_picture_at_its_time_and_the_whole_as_long_as_it_is(tmp_path, stamps, seconds, encoders):
    images, found, lasts = read(write(tmp_path / 'a.mp4', maker.numbered(len(stamps)), stamps))
    assert [maker.number(image) for image in images] == list(range(len(stamps)))
    assert found == pytest.approx([stamp - stamps[0] for stamp in stamps], abs=1e-4)
    assert lasts == pytest.approx(seconds, abs=2e-3) or stamps[0] == 2.0
    assert np.abs(images[-1].astype(int) - maker.numbered(len(stamps))[-1]).mean() < 8


def test_the_last_picture_is_shown_as_long_as_it_was(tmp_path):
    assert read(write(tmp_path / 'a.mp4', maker.numbered(3), [0, 0.1, 0.2], duration=5.0))[2] == pytest.approx(5.2)


def test_times_that_do_not_increase_cost_no_picture(tmp_path):
    images, stamps, _ = read(write(tmp_path / 'a.mp4', maker.numbered(4), [0, 0.1, 0.1, 0.05]))
    assert len(images) == 4 and all(later > earlier for earlier, later in zip(stamps, stamps[1:]))


@pytest.mark.parametrize('width, height', [(161, 121), (160, 121), (31, 33), (1, 1), (2, 3)])
def test_any_size(tmp_path, width, height, encoders):
    images, _, _ = read(write(tmp_path / 'a.mp4', [np.full((height, width, 3), 90, np.uint8)] * 3, [0, 0.1, 0.2]))
    assert len(images) == 3 and images[0].shape == (max(height // 2 * 2, 2), max(width // 2 * 2, 2), 3)
    assert images[2].mean() == pytest.approx(90, abs=3)


def test_a_size_that_changes_is_scaled_to_the_first(tmp_path):
    pictures = [np.full((*size, 3), 60 * k, np.uint8) for k, size in enumerate(((120, 160), (240, 320), (81, 61)))]
    images, _, _ = read(write(tmp_path / 'a.mp4', pictures, [0, 0.1, 0.2]))
    assert [(image.shape, round(image.mean() / 60)) for image in images] == [((120, 160, 3), k) for k in range(3)]


def test_nothing_written_is_no_file_and_a_folder_is_an_error(tmp_path):
    with VideoWriter(tmp_path / 'a.mp4'):
        pass
    assert not (tmp_path / 'a.mp4').exists()
    with pytest.raises(OSError, match='directory'):
        write(tmp_path, maker.numbered(2), [0, 0.1])


def test_an_error_outside_is_the_one_that_is_raised_and_the_rest_can_be_seen(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        with VideoWriter(tmp_path / 'a.mp4') as video:
            for k, image in enumerate(maker.numbered(5)):
                video.write(image, k / 25)
            raise KeyboardInterrupt
    assert len(read(tmp_path / 'a.mp4')[0]) == 5


def test_after_a_failure_nothing_more_is_tried(tmp_path, monkeypatch):
    """A full disk: the error comes once, whatever is still to be written."""
    noise = np.random.default_rng(0).integers(0, 255, (8, 240, 320, 3), dtype=np.uint8)
    video = VideoWriter('/dev/full')
    with pytest.raises(OSError, match='No space left on device'):
        for k, image in enumerate(noise):
            video.write(image, k / 25)
        video.close()
    video.close()
