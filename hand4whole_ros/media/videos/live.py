"""Cameras and network streams as a series of RGB pictures: the newest one each time, stamped when it arrives."""

from __future__ import annotations

import errno
import glob
import os
import re
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import av
import av.error
import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame

from .. import image_files
from ..image_files import ImageFileError
from . import VideoError
from .reader import TimedFrame

#: Seconds to wait for a connection, and for the next image.
OPEN_TIMEOUT, READ_TIMEOUT = 10.0, 10.0

#: Schemes of addresses -> what FFmpeg may use for them. Never files: a playlist of a stranger could name any.
_PROTOCOLS = {'rtsp': 'rtsp,rtp,srtp,udp,tcp', 'rtsps': 'rtsp,rtsps,rtp,srtp,udp,tcp,tls',
              'http': 'http,tcp', 'https': 'https,http,tls,tcp'}

_CAMERA_PATH = re.compile(r'/dev/video\d+|/dev/v4l/.+')

#: Seconds between two looks whether the program is to end.
_PERIOD = 0.2


def parse_live_address(text: str) -> str | None:
    """The address of a camera or stream: '0' -> '/dev/video0', a device, a URL; None for a file or folder."""
    if text.isascii() and text.isdigit() and not os.path.lexists(text):
        return f'/dev/video{int(text)}'
    if urlsplit_scheme(text) in _PROTOCOLS or _CAMERA_PATH.fullmatch(text) or _is_device(text):
        return text
    return None


def urlsplit_scheme(text: str) -> str:
    """'rtsp' of 'rtsp://camera/stream'; '' where there is none."""
    scheme, separator, _ = text.partition('://')
    return scheme.lower() if separator else ''


def printable_address(address: str) -> str:
    """A name for files and messages: of a URL host and path alone, as the rest may hold passwords."""
    if not urlsplit_scheme(address):
        return address
    try:
        parts = urlsplit(address)
        host = parts.hostname or ''
        return f'{parts.scheme}://{host}{f":{parts.port}" if parts.port else ""}{parts.path}'
    except ValueError:      # a port that is no number, brackets that do not match
        return f'{urlsplit_scheme(address)}://...'


def check_device(address: str) -> None:
    """FileNotFoundError, with one line that names the cameras there are, for the path of a camera that is not there."""
    if urlsplit_scheme(address) or os.path.exists(address):
        return
    cameras = sorted(glob.glob('/dev/video*'))
    raise FileNotFoundError(f'{address}: no such camera; '
                            + (f'there are {", ".join(cameras)}' if cameras else 'there is no /dev/video* here'))


class LiveReader:
    """An open camera or stream. To be closed, or used in a with statement. Raises VideoError where there is none.

    A thread decodes. Whoever takes images slower than they come gets the newest one, and `left_out` counts the others.
    """

    def __init__(self, address: str):
        self._name = printable_address(address)
        scheme = urlsplit_scheme(address)
        options = {'max_pixels': str(image_files.MAX_PIXELS)}
        if scheme:
            options['protocol_whitelist'] = _PROTOCOLS[scheme]
        if scheme.startswith('rtsp'):
            options['rtsp_transport'] = 'tcp'       # a lost packet of UDP damages a second of pictures
        try:
            self._container = av.open(address, format=None if scheme else 'v4l2', options=options,
                                      timeout=(OPEN_TIMEOUT, READ_TIMEOUT))
        except (FFmpegError, OSError, ValueError) as error:
            raise VideoError(f'{self._name}: cannot be opened: {_format_error(error)}') from None
        streams = self._container.streams.video
        if not streams or streams[0].codec_context is None:
            self._container.close()
            raise VideoError(f'{self._name}: there is no video in it that can be decoded')
        context = streams[0].codec_context
        context.options = {**context.options, 'max_pixels': str(image_files.MAX_PIXELS)}
        if scheme.startswith('http') and self._container.duration is not None:
            seconds = self._container.duration / av.time_base
            self._container.close()
            raise VideoError(f'{self._name}: a recording of {seconds:.0f} s, not a live stream: download it, and name '
                             'the file')
        self.left_out = 0
        self._over_http = scheme.startswith('http')
        self._condition = threading.Condition()
        self._newest: tuple[VideoFrame, float] | None = None
        self._ended, self._closing, self._error = False, False, ''
        self._thread = threading.Thread(target=self._decode, name='camera', daemon=True)
        self._thread.start()

    def __enter__(self) -> LiveReader:
        return self

    def __exit__(self, *error) -> None:
        self.close()

    def close(self) -> None:
        """Take no more images. The thread closes the camera, at the latest when it stops waiting for an image."""
        self._closing = True
        self._thread.join(_PERIOD)

    def frames(self) -> Iterator[TimedFrame]:
        """Each time the newest image that was not given yet, until the stream ends. Raises VideoError where it breaks
        off, or where an image is none.
        """
        first = None
        while (newest := self._take()) is not None:
            frame, moment = newest
            first = moment if first is None else first
            yield TimedFrame(self._to_rgb(frame), moment - first, 0.0)
        if self._error:
            raise VideoError(f'{self._name}: {self._error}')
        if first is None:
            raise VideoError(f'{self._name}: no image came')

    def _take(self):
        """The newest image and its time of arrival; None at the end."""
        with self._condition:
            while self._newest is None and not self._ended:
                self._condition.wait(_PERIOD)
            newest, self._newest = self._newest, None
            return newest

    def _decode(self):
        """On the thread, which alone touches the container."""
        try:
            for frame in self._container.decode(video=0):
                if self._closing:
                    break
                with self._condition:
                    self.left_out += self._newest is not None
                    self._newest = frame, time.monotonic()
                    self._condition.notify()
        except av.error.EOFError:
            pass
        except (FFmpegError, OSError, ValueError) as error:
            # A server that closes an MJPEG stream ends it between two parts, which FFmpeg takes for an error.
            if not (self._over_http and getattr(error, 'errno', None) == errno.EIO):
                self._error = f'the stream broke off: {_format_error(error)}'
        finally:
            self._container.close()
            with self._condition:
                self._ended = True
                self._condition.notify()

    def _to_rgb(self, frame: VideoFrame) -> np.ndarray:
        try:
            image_files.check_size(frame.width, frame.height, 'an image')
        except ImageFileError as error:
            raise VideoError(f'{self._name}: {error}') from None
        return frame.to_ndarray(format='rgb24', threads=1)


def _is_device(text):
    try:
        return stat.S_ISCHR(Path(text).stat().st_mode)
    except (OSError, ValueError):
        return False


def _format_error(error):
    """One line without the address, which may hold a password."""
    if isinstance(error, (av.error.ExitError, TimeoutError)):
        return f'nothing came for {READ_TIMEOUT:.0f} s'
    text = getattr(error, 'strerror', None) or type(error).__name__
    return f'{text}: is this user in the group video?' if isinstance(error, PermissionError) else text
