"""What `hand4whole estimate` reads, and how it calls it."""

import cv2
import numpy as np
import pytest

from hand4whole_ros.replay import sources


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
    assert [source.name for source in sources.find([tmp_path])] == ['a.jpg', 'b.png']


def test_results_of_files_with_one_name_do_not_overwrite_each_other(tmp_path):
    paths = [picture(tmp_path / name) for name in ('one/x.png', 'two/x.png', 'two/x.jpg')]
    found = sources.find(paths)
    assert len({source.name for source in found}) == len({source.stem for source in found}) == 3
    assert not any('/' in source.stem for source in found)


def test_every_frame_of_a_video_with_its_time(tmp_path):
    (source,) = sources.find([video(tmp_path / 'clip.mp4')])
    frames = list(source.frames())
    assert source.is_video and len(source) == len(frames) == 5
    assert [frame.name for frame in frames][:2] == ['clip.mp4#000000', 'clip.mp4#000001']
    assert [frame.stamp for frame in frames] == pytest.approx([k / 25 for k in range(5)])


def test_a_video_that_is_none_says_so(tmp_path):
    (tmp_path / 'clip.mp4').write_bytes(b'this is no video')
    (frame,) = sources.find([tmp_path / 'clip.mp4'])[0].frames()
    assert frame.image is None and 'no video that can be decoded' in frame.error
