"""Downloading one file: resumed after an interruption, complete or absent under its name."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from .. import __version__
from . import CheckpointError
from .store import sha256

_TIMEOUT = 30.0
_CHUNK_BYTES = 1 << 20
#: Number of resumptions without a single new byte, and the seconds before the first of them.
_MAX_RETRIES, _RETRY_DELAY = 4, 1.0


def download(address: str, path: Path, checksum: str | None = None) -> str:
    """Fetch `address` into `path`, with a progress bar; returns the SHA-256.

    Received bytes are kept in `path`.part, and the next call resumes from there if the server supports it and the file
    is unchanged. checksum: the SHA-256 that its publisher states. Raises CheckpointError.
    """
    part = path.with_name(path.name + '.part')
    path.parent.mkdir(parents=True, exist_ok=True)
    tries = 0
    while True:
        before = _file_size(part)
        try:
            complete = _resume_download(address, part)
        except urllib.error.HTTPError as error:
            raise CheckpointError(f'{address} answers {error.code} {error.reason}') from None
        except (OSError, http.client.HTTPException) as error:  # no network, or an interrupted connection
            complete, reason = False, getattr(error, 'reason', None) or error
        else:
            reason = 'the connection ended early'
        if complete:
            break
        tries = 0 if _file_size(part) > before else tries + 1
        if tries >= _MAX_RETRIES:
            raise CheckpointError(f'{address}: {reason}; {_file_size(part)} bytes are kept in {part}, '
                                  f'the same command resumes')
        time.sleep(_RETRY_DELAY * tries)
    found = sha256(part)
    if checksum and found != checksum:
        rejected = path.with_name(path.name + '.rejected')
        os.replace(part, rejected)
        _etag_path(part).unlink(missing_ok=True)
        raise CheckpointError(f'{path.name} is not what was published: its SHA-256 is {found[:12]}..., expected '
                              f'{checksum[:12]}...; it is kept as {rejected}: rename it if it is meant, or fetch anew')
    os.replace(part, path)
    _etag_path(part).unlink(missing_ok=True)
    return found


def _resume_download(address, part):
    """Download the missing bytes of `part`. True when it is complete, False when the connection ended before."""
    start = _file_size(part)
    headers = {'User-Agent': f'hand4whole_ros/{__version__}', 'Accept-Encoding': 'identity'}
    if start:
        headers['Range'] = f'bytes={start}-'
        if _etag_path(part).exists():  # else start over: the file has changed
            headers['If-Range'] = _etag_path(part).read_text()
    try:
        response = urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not start:
            raise
        # No bytes after ours: it is complete, or not a part of this file.
        if error.headers.get('Content-Range') == f'bytes */{start}':
            return True
        part.unlink()
        return False
    with response:
        if response.headers.get_content_type() == 'text/html':
            raise CheckpointError(f'{address} is a web page, not a file: open it in a browser')
        begin, total = _parse_content_range(response)
        if begin not in (0, start):
            raise CheckpointError(f'{address} sends bytes from {begin} on, requested were those from {start} on')
        _save_etag(part, response)
        _check_disk_space(part, total, begin)
        with open(part, 'r+b' if begin else 'wb') as stream, tqdm(
                desc=part.stem, total=total, initial=begin, unit='B', unit_scale=True, unit_divisor=1000,
                disable=None) as bar:
            stream.seek(begin)
            while block := response.read(_CHUNK_BYTES):
                stream.write(block)
                bar.update(len(block))
    return total is None or _file_size(part) == total


def _parse_content_range(response):
    """First byte of the response, and the length of the whole file; None if the server does not give it."""
    if response.status == 206:
        match = re.fullmatch(r'bytes (\d+)-\d+/(\d+|\*)', response.headers.get('Content-Range', ''))
        if match:
            return int(match[1]), None if match[2] == '*' else int(match[2])
        raise CheckpointError(f'{response.url} does not report which bytes it sends')
    length = response.headers.get('Content-Length')
    return 0, int(length) if length else None


def _save_etag(part, response):
    tag = response.headers.get('ETag', '')
    if not tag or tag.startswith('W/'):  # a weak one does not guarantee the same bytes
        tag = response.headers.get('Last-Modified')
    if tag:
        _etag_path(part).write_text(tag)
    else:
        _etag_path(part).unlink(missing_ok=True)


def _etag_path(part):
    """The server's identifier of this version of the file, stored beside its part."""
    return part.with_name(part.name + '.tag')


def _check_disk_space(part, total, begin):
    room = shutil.disk_usage(part.parent).free
    if total is not None and total - begin > room:
        raise CheckpointError(f'{part.parent} has room for {room >> 20} MB; {(total - begin) >> 20} MB are to come')


def _file_size(path):
    return path.stat().st_size if path.exists() else 0
