"""Downloading against a server on this machine that does what servers do: break off, ignore, change, refuse."""

import hashlib
import http.server
import re
import threading

import numpy as np
import pytest

from hand4whole_ros.checkpoints import CheckpointError, fetch

CONTENT = np.random.default_rng(0).bytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Behaves as the server's attributes say, and notes what it was asked for."""

    def do_GET(self):
        server = self.server
        asked = self.headers.get('Range')
        server.asked.append((self.path, asked))
        if server.status != 200:
            return self.send_error(server.status)
        if self.path == '/moved':
            self.send_response(302)
            self.send_header('Location', '/file')
            return self.end_headers()
        start = int(re.fullmatch(r'bytes=(\d+)-', asked)[1]) if asked and server.ranges else 0
        if self.headers.get('If-Range') not in (None, server.tag):
            start = 0
        if start >= len(server.content) > 0:
            self.send_response(416)
            self.send_header('Content-Range', f'bytes */{len(server.content)}')
            return self.end_headers()
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header('Content-Range', f'bytes {start}-{len(server.content) - 1}/{len(server.content)}')
        if server.length:
            self.send_header('Content-Length', str(len(body) + server.promise))
        self.send_header('Content-Type', server.type)
        self.send_header('ETag', server.tag)
        self.end_headers()
        self.wfile.write(body[:server.cuts.pop(0)] if server.cuts else body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.content, server.tag, server.type, server.status = CONTENT, '"v1"', 'application/octet-stream', 200
    server.ranges, server.length, server.promise, server.cuts, server.asked = True, True, 0, [], []
    server.address = f'http://127.0.0.1:{server.server_port}/file'
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(fetch, '_RETRY_DELAY', 0.0)


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def fails(address, path, *words, checksum=None):
    with pytest.raises(CheckpointError) as caught:
        fetch.download(address, path, checksum)
    message = str(caught.value)
    assert '\n' not in message and not path.exists()
    for word in words:
        assert word in message, message


@pytest.mark.parametrize('place', ['file', 'moved'])
@pytest.mark.parametrize('length', [True, False])
def test_a_file_arrives_whole(server, tmp_path, place, length):
    server.length = length
    path = tmp_path / 'new/folder/w.ckpt'
    assert fetch.download(server.address.replace('file', place), path, SHA256) == SHA256
    assert path.read_bytes() == CONTENT and left(path.parent) == ['w.ckpt']


def test_a_broken_connection_is_taken_up_where_it_broke(server, tmp_path):
    server.cuts = [1_000_000, 500_000]
    assert fetch.download(server.address, tmp_path / 'w.ckpt') == SHA256
    assert [asked for _, asked in server.asked] == [None, 'bytes=1000000-', 'bytes=1500000-']
    assert left(tmp_path) == ['w.ckpt']


def test_an_interrupted_download_goes_on_in_the_next_call(server, tmp_path, monkeypatch):
    path, seen = tmp_path / 'w.ckpt', []

    class Interrupted(fetch.tqdm):
        def update(self, count):
            seen.append(count)
            if len(seen) == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(fetch, 'tqdm', Interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch.download(server.address, path)
    assert not path.exists() and 0 < (tmp_path / 'w.ckpt.part').stat().st_size < len(CONTENT)
    assert fetch.download(server.address, path) == SHA256
    assert server.asked[1][1].startswith('bytes=') and left(tmp_path) == ['w.ckpt']


def test_a_server_that_ignores_ranges_is_asked_for_all_again(server, tmp_path):
    server.cuts, server.ranges = [1_000_000], False
    assert fetch.download(server.address, tmp_path / 'w.ckpt') == SHA256
    assert (tmp_path / 'w.ckpt').read_bytes() == CONTENT


def test_parts_of_two_versions_are_not_put_together(server, tmp_path):
    server.cuts = [1_000_000, 0, 0, 0, 0]
    fails(server.address, tmp_path / 'w.ckpt', 'the connection ended early', '1000000 bytes are kept in')
    server.content, server.tag = CONTENT[::-1], '"v2"'
    fetch.download(server.address, tmp_path / 'w.ckpt')
    assert (tmp_path / 'w.ckpt').read_bytes() == CONTENT[::-1]


def test_a_part_that_is_whole_or_too_long(server, tmp_path):
    part = tmp_path / 'w.ckpt.part'
    part.write_bytes(CONTENT)
    assert fetch.download(server.address, tmp_path / 'w.ckpt') == SHA256 and len(server.asked) == 1
    (tmp_path / 'w.ckpt').unlink()
    part.write_bytes(CONTENT + b'more')
    assert fetch.download(server.address, tmp_path / 'w.ckpt') == SHA256


def test_fewer_bytes_than_promised_are_no_file(server, tmp_path):
    server.promise, server.ranges = 10, False
    fails(server.address, tmp_path / 'w.ckpt', 'the connection ended early', 'the same command resumes')
    assert len(server.asked) == 5  # tried anew a few times, not for ever


@pytest.mark.parametrize('status, words', [(404, '404 Not Found'), (403, '403 Forbidden'), (503, '503')])
def test_a_refusal_is_said(server, tmp_path, status, words):
    server.status = status
    fails(server.address, tmp_path / 'w.ckpt', f'{server.address} answers {words}')
    assert left(tmp_path) == []


def test_a_page_in_place_of_a_file_is_no_file(server, tmp_path):
    server.type = 'text/html; charset=utf-8'
    fails(server.address, tmp_path / 'w.ckpt', 'is a web page, not a file')


def test_other_bytes_than_published_are_set_aside(server, tmp_path):
    fails(server.address, tmp_path / 'w.ckpt', 'w.ckpt is not what was published', SHA256[:12], checksum='0' * 64)
    assert left(tmp_path) == ['w.ckpt.rejected']


def test_no_room_is_said_before_anything_is_written(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch.shutil, 'disk_usage', lambda path: type('', (), {'free': 1 << 20}))
    fails(server.address, tmp_path / 'w.ckpt', 'has room for 1 MB; 2 MB are to come')


def test_no_network_is_one_line(tmp_path):
    fails('http://127.0.0.1:1/file', tmp_path / 'w.ckpt', 'refused', '0 bytes are kept')
