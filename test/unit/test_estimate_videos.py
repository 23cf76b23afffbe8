"""`hand4whole estimate` on videos: their own times, and an exit code that tells of missing frames."""

import json

import numpy as np
import pytest
import video_maker as maker
from scripted_node import picture
from scripted_replay import QuickEstimator

from hand4whole_ros.cli import main
from hand4whole_ros.media.videos.reader import VideoReader


@pytest.fixture(autouse=True)
def scripted(monkeypatch):
    """Does as the first pixel says."""
    monkeypatch.setattr(main, 'create_estimator', lambda args, static_images: QuickEstimator(None))


def estimate(*words):
    """Exit code of the command."""
    return main.main(['estimate', *map(str, words), '--focal', '300'])


def people(count):
    return [picture(1 + k % 2, width=160, height=120) for k in range(count)]


def somebody(count):
    """Moving pictures of one person."""
    pictures = maker.numbered(count)
    for image in pictures:
        image[:16, :16] = picture(1)[0, 0]
    return pictures


def test_the_overlay_has_the_times_of_the_video(tmp_path):
    times = [0.0, 0.04, 0.3, 1.0, 1.04, 2.5]
    clip = maker.write(tmp_path / 'clip.mkv', people(6), times=times, options={'crf': '1'})
    assert estimate(clip, '--json', tmp_path / 'out.json', '--overlay', tmp_path / 'drawn') == main.EXIT_SUCCESS
    found = json.loads((tmp_path / 'out.json').read_text())
    assert [len(found[f'clip.mkv#{k:06d}']) for k in range(6)] == [1, 2, 2, 2, 2, 2]     # who has gone is held
    with VideoReader(tmp_path / 'drawn' / 'clip_overlay.mp4') as video:
        frames = list(video.frames())
    assert [frame.stamp for frame in frames] == pytest.approx(times, abs=2e-3)
    assert np.abs(frames[1].image.astype(int) - people(2)[1]).mean() > 2     # something is drawn there


@pytest.mark.parametrize('kind, count', [('cut', 24), ('zeros', 40)])
def test_a_damaged_video_is_done_as_far_as_it_goes_and_ends_with_1(tmp_path, kind, count, capfd, caplog):
    caplog.set_level('INFO')
    clip = maker.write(tmp_path / 'clip.mp4', somebody(50), container=maker.FAST)
    clip.write_bytes(maker.damaged(clip.read_bytes(), kind))
    assert estimate(clip, '--json', tmp_path / 'out.json', '--overlay', tmp_path / 'drawn') == main.EXIT_FAILURE
    done = len(json.loads((tmp_path / 'out.json').read_text()))
    assert abs(done - count) <= 10
    error = capfd.readouterr().err
    assert f'clip.mp4: {50 - done} of 50 frames are missing: it ' in error and 'Traceback' not in error
    assert f'in {done} frames' in caplog.text and f'{50 - done} are missing' in caplog.text
    with VideoReader(tmp_path / 'drawn' / 'clip_overlay.mp4') as video:
        assert len(list(video.frames())) == done


def test_no_video_at_all_is_wrong_input_and_missing_frames_are_worse(tmp_path, capfd):
    (tmp_path / 'text.mp4').write_text('this is no video')
    assert estimate(tmp_path / 'text.mp4', '--json', tmp_path / 'out.json') == main.EXIT_USAGE
    clip = maker.write(tmp_path / 'clip.mp4', somebody(50), container=maker.FAST)
    clip.write_bytes(maker.damaged(clip.read_bytes(), 'cut'))
    assert estimate(tmp_path / 'text.mp4', clip, '--json', tmp_path / 'out.json') == main.EXIT_FAILURE
    assert 'text.mp4: no video that can be decoded' in capfd.readouterr().err
