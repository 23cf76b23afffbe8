"""Cameras and streams: a real HTTP server stands in for the camera, which no test machine has."""

import http.server
import json
import signal
import socket
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest
from locations import TESTS
from scripted_estimate import estimate
from scripted_node import picture

from hand4whole_ros.apps.estimate import image_sources
from hand4whole_ros.media.live_address import parse_live_address, printable_address
from hand4whole_ros.media.videos import VideoError, live
from hand4whole_ros.media.videos.live import LiveReader

SCRIPT = [sys.executable, str(TESTS.joinpath('scripted_estimate.py'))]


class _Camera(http.server.BaseHTTPRequestHandler):
    """/stream: MJPEG, as network cameras send it; /N: so many images, and the end; /stall: two, and silence; /text."""

    def do_GET(self):      # noqa: N802 (the name that http.server calls)
        name = self.path.partition('?')[0].strip('/')
        self.send_response(200)
        if name == 'text':
            self.send_header('Content-Type', 'text/plain')
            self.end_headers()
            self.wfile.write(b'no camera\n' * 100)
            return
        self.send_header('Content-Type', 'multipart/x-mixed-replace; boundary=frame')
        self.end_headers()
        image = np.full((240, 320, 3), picture(1)[0, 0], np.uint8)
        jpeg = cv2.imencode('.jpg', image[..., ::-1])[1].tobytes()
        count = {'stall': 2, 'stream': 10_000}.get(name) or int(name)
        try:
            for _ in range(count):
                self.wfile.write(b'--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n'
                                 % (len(jpeg), jpeg))
                self.server.sent += 1
                if self.server.ending.wait(0.02):
                    return
            if name == 'stall':
                self.server.ending.wait(60)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture
def camera():
    """The address of a network camera."""
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), _Camera)
    server.daemon_threads, server.ending, server.sent = True, threading.Event(), 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.ending.set()
    server.shutdown()
    server.server_close()


# Which inputs are cameras

@pytest.mark.parametrize('text, address', [
    ('0', '/dev/video0'), ('12', '/dev/video12'), ('/dev/video3', '/dev/video3'),
    ('/dev/v4l/by-id/usb-cam', '/dev/v4l/by-id/usb-cam'), ('rtsp://camera/a', 'rtsp://camera/a'),
    ('HTTPS://camera/a.mjpg', 'HTTPS://camera/a.mjpg'), ('/dev/null', '/dev/null'),
    ('photo.jpg', None), ('file:///etc/passwd', None), ('concat:a|b', None), ('ftp://x/y', None), ('²', None),
    ('-1', None), ('', None)])
def test_cameras_are_told_from_files(text, address):
    assert parse_live_address(text) == address


def test_a_file_named_like_a_number_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / '0').write_bytes(b'')
    assert parse_live_address('0') is None and parse_live_address('1') == '/dev/video1'


@pytest.mark.parametrize('address, name', [
    ('rtsp://user:secret@camera:554/a/b?token=secret', 'rtsp://camera:554/a/b'), ('/dev/video0', '/dev/video0'),
    ('rtsp://user:secret@[bad/', 'rtsp://...'), ('http://secret@camera:port/', 'http://...')])
def test_names_hold_no_password(address, name):
    assert printable_address(address) == name


def test_files_and_cameras_may_be_named_together(tmp_path):
    (tmp_path / 'a.jpg').write_bytes(b'')
    found = image_sources.collect_inputs(['rtsp://u:p@cam/x.y', str(tmp_path), 'rtsp://u:p@cam/x.y'])
    assert [(source.name, source.stem, source.is_live) for source in found] == [
        ('a.jpg', 'a', False), ('rtsp://cam/x.y', 'rtsp_cam_x_y', True)]


# What comes of them

def test_images_come_with_the_times_of_their_arrival(camera):
    with LiveReader(f'{camera}/stream') as reader:
        frames = [frame for frame, _ in zip(reader.frames(), range(4))]
    assert all(frame.image.shape == (240, 320, 3) for frame in frames) and frames[0].stamp == 0
    assert all(later.stamp > earlier.stamp for earlier, later in zip(frames, frames[1:]))
    np.testing.assert_allclose(frames[0].image[0, 0], picture(1)[0, 0], atol=6)


def test_who_is_slow_gets_the_newest_image(camera):
    with LiveReader(f'{camera}/200') as reader:
        frames = reader.frames()
        next(frames)
        assert _until(lambda: reader.left_out > 5)
        before = reader.left_out
        given = 1 + sum(1 for _ in frames)
    assert given + reader.left_out == 200 and reader.left_out >= before


def test_a_stream_that_stalls_is_named(camera, monkeypatch):
    monkeypatch.setattr(live, 'READ_TIMEOUT', 1.0)
    with LiveReader(f'{camera}/stall') as reader, pytest.raises(VideoError, match='nothing came for 1 s'):
        list(reader.frames())


@pytest.mark.parametrize('path', ['text', '0'])
def test_what_is_no_stream_costs_one_line(camera, path):
    with pytest.raises(VideoError, match='^http://127.0.0.1') as caught:
        list(LiveReader(f'{camera}/{path}?secret').frames())
    assert '\n' not in str(caught.value) and 'secret' not in str(caught.value)


@pytest.mark.parametrize('scheme', ['http', 'rtsp'])
def test_nobody_there_costs_one_line(scheme):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    with pytest.raises(VideoError, match='cannot be opened: Connection refused') as caught:
        LiveReader(f'{scheme}://user:secret@127.0.0.1:{port}/x')
    assert 'secret' not in str(caught.value)


# As a command

def test_a_camera_that_is_not_there_costs_one_line(tmp_path, capfd):
    assert estimate('/dev/video97', '--json', tmp_path / 'out.json') == 2
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith('hand4whole: /dev/video97: no such camera; there ')
    assert not (tmp_path / 'out.json').exists()


def test_a_device_that_is_no_camera_costs_one_line(tmp_path, capfd):
    assert estimate('/dev/null', '--json', tmp_path / 'out.json') == 2
    assert '/dev/null: cannot be opened: ' in capfd.readouterr().err


def test_a_stream_is_tracked_until_it_ends(camera, tmp_path):
    assert estimate(f'{camera}/30', '--json', tmp_path / 'out.json', '--overlay', tmp_path / 'drawn') == 0
    results = json.loads((tmp_path / 'out.json').read_text())
    assert results and all(name.startswith(f'{camera}/30#') for name in results)
    assert {person['track_id'] for people in results.values() for person in people} == {0}
    assert len(list((tmp_path / 'drawn').glob('*_overlay.mp4'))) == 1


def test_what_was_found_is_kept_when_it_is_interrupted(camera, tmp_path):
    out, log = tmp_path / 'out.json', tmp_path / 'log'
    with log.open('wb') as stream:
        process = subprocess.Popen([*SCRIPT, f'{camera}/stream', '--json', str(out)], stdout=stream, stderr=stream)
    try:
        assert _until(lambda: 'images come; Ctrl-C ends it' in log.read_text()), log.read_text()
        time.sleep(1.0)     # so that there is something to keep
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 1
    finally:
        process.kill()
    last = log.read_text().strip().splitlines()[-1]
    assert last.startswith('hand4whole: interrupted: ') and ' frames are done' in last
    assert json.loads(out.read_text())


def _until(condition, timeout=60.0):
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
