"""Cameras and network streams as a series of RGB images: the newest one each time, stamped when it arrives."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Iterator

import av
import av.error
import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame

from .. import image_files
from ..image_files import ImageFileError
from ..live_address import printable_address, url_scheme
from . import VideoError
from .reader import TimedFrame

#: Seconds to wait for a connection, and for the next image.
OPEN_TIMEOUT, READ_TIMEOUT = 10.0, 10.0

#: Schemes of addresses -> protocols that FFmpeg may use for them. Never files: a remote playlist could name any.
_PROTOCOLS = {'rtsp': 'rtsp,rtp,srtp,udp,tcp', 'rtsps': 'rtsp,rtsps,rtp,srtp,udp,tcp,tls',
              'http': 'http,tcp', 'https': 'https,http,tls,tcp'}

#: Seconds between two checks whether the program has to end.
_PERIOD = 0.2


class LiveReader:
    """An open camera or stream. Has to be closed, or used in a with statement. Raises VideoError if there is none.

    A thread decodes. A slow consumer gets the newest image, and `left_out` counts the others.
    """

    def __init__(self, address: str):
        self._name = printable_address(address)
        scheme = url_scheme(address)
        options = {'max_pixels': str(image_files.MAX_PIXELS)}
        if scheme:
            options['protocol_whitelist'] = _PROTOCOLS[scheme]
        if scheme.startswith('rtsp'):
            options['rtsp_transport'] = 'tcp'       # a lost packet of UDP damages a second of images
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
        #: time.monotonic() of the first image returned; stamps are relative to it.
        self.started: float | None = None
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
        """Stop. The thread closes the camera, at the latest when it stops waiting for an image."""
        self._closing = True
        self._thread.join(_PERIOD)

    def frames(self) -> Iterator[TimedFrame]:
        """Each time the newest image not returned yet, until the stream ends. Raises VideoError if it is interrupted,
        or if an image is invalid.
        """
        while (newest := self._take()) is not None:
            frame, moment = newest
            self.started = moment if self.started is None else self.started
            yield TimedFrame(self._to_rgb(frame), moment - self.started, 0.0)
        if self._closing:
            return
        if self._error:
            raise VideoError(f'{self._name}: {self._error}')
        if self.started is None:
            raise VideoError(f'{self._name}: no image came')

    def _take(self):
        """The newest image and its time of arrival; None at the end."""
        with self._condition:
            while self._newest is None and not self._ended and not self._closing:
                self._condition.wait(_PERIOD)
            newest, self._newest = self._newest, None
            return newest

    def _decode(self):
        """Runs on the thread, which alone uses the container."""
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
            # A server that closes an MJPEG stream ends it between two parts, which FFmpeg reports as an error.
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


def _format_error(error):
    """One line without the address, which may contain a password."""
    if isinstance(error, (av.error.ExitError, TimeoutError)):
        return f'nothing came for {READ_TIMEOUT:.0f} s'
    text = getattr(error, 'strerror', None) or type(error).__name__
    return f'{text}: is this user in the group video?' if isinstance(error, PermissionError) else text
