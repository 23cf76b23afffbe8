"""Addresses of cameras and streams: a number, a device or a URL; and their printable part."""

from __future__ import annotations

import glob
import os
import re
import stat
from pathlib import Path
from urllib.parse import urlsplit

#: Schemes of streams.
SCHEMES = ('rtsp', 'rtsps', 'http', 'https')

_CAMERA_PATH = re.compile(r'/dev/video\d+|/dev/v4l/.+')


def parse_live_address(text: str) -> str | None:
    """The address of a camera or stream: '0' -> '/dev/video0', a device, a URL; None for a file or folder."""
    if text.isascii() and text.isdigit() and not os.path.lexists(text):
        return f'/dev/video{int(text)}'
    if url_scheme(text) in SCHEMES or _CAMERA_PATH.fullmatch(text) or _is_device(text):
        return text
    return None


def url_scheme(text: str) -> str:
    """'rtsp' of 'rtsp://camera/stream'; '' without one."""
    scheme, separator, _ = text.partition('://')
    return scheme.lower() if separator else ''


def printable_address(address: str) -> str:
    """A name for files and messages: of a URL only host and path, as the rest may contain passwords."""
    if not url_scheme(address):
        return address
    try:
        parts = urlsplit(address)
        host = parts.hostname or ''
        return f'{parts.scheme}://{host}{f":{parts.port}" if parts.port else ""}{parts.path}'
    except ValueError:      # a port that is no number, brackets that do not match
        return f'{url_scheme(address)}://...'


def check_device(address: str) -> None:
    """FileNotFoundError, with one line that names the present cameras, for the path of a missing camera."""
    if url_scheme(address) or os.path.exists(address):
        return
    cameras = sorted(glob.glob('/dev/video*'))
    raise FileNotFoundError(f'{address}: no such camera; '
                            + (f'there are {", ".join(cameras)}' if cameras else 'there is no /dev/video* here'))


def _is_device(text):
    try:
        return stat.S_ISCHR(Path(text).stat().st_mode)
    except (OSError, ValueError):
        return False
