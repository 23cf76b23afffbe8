"""A video file as a series of RGB images, upright, with the times of its container."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, cast

import av
import av.logging
import cv2
import numpy as np
from av.container import InputContainer
from av.error import EOFError as NoMoreFrames
from av.error import FFmpegError
from av.packet import Packet
from av.sidedata.sidedata import SideDataContainer, Type
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from .. import image_files, orientation
from ..image_files import ImageFileError
from ..orientation import Orientation
from . import VideoError
from .losses import FrameLossCounter
from .times import FrameTimes, select_frame_rate

log = logging.getLogger(__name__)

#: Containers, by FFmpeg's names. Its other readers, some of which open further files and addresses, are never tried.
_CONTAINERS = ('mov', 'matroska', 'avi', 'mpegts', 'mpeg', 'h264', 'hevc', 'm4v', 'mjpeg', 'ivf', 'flv', 'asf', 'ogg',
               'mxf')
#: Consecutive failures after which reading is given up.
_MAX_FAILURES = 20
#: Codecs of which every packet is an independent picture, decoded at once.
_INTRA_ONLY = ('mjpeg', 'ffv1', 'png', 'prores')
#: Maximum width of a pixel over its height, or the other way round; larger values are assumed wrong.
_MAX_ASPECT = 8
#: Pixel formats of FFmpeg with 16 bits that do not specify white -> the format to read them as.
_SIXTEEN_BITS = {**dict.fromkeys(('gray16le', 'gray16be', 'ya16le', 'ya16be'), 'gray16le'),
         **dict.fromkeys(('rgb48le', 'rgb48be', 'bgr48le', 'bgr48be', 'rgba64le', 'rgba64be', 'bgra64le', 'bgra64be',
                          'gbrp16le', 'gbrp16be', 'gbrap16le', 'gbrap16be'), 'rgb48le')}


class TimedFrame(NamedTuple):
    """A frame."""

    image: np.ndarray       # (H, W, 3) uint8 RGB
    stamp: float            # seconds from the first frame
    duration: float         # for which it is shown, s; 0 if not in the container


class _FileStream:
    """A file for FFmpeg to read. It ends where it cannot be read any further."""

    def __init__(self, path):
        self._stream = open(path, 'rb')
        self.read_error: OSError | None = None
        self.tell, self.close = self._stream.tell, self._stream.close

    def read(self, size):
        """Up to so many bytes."""
        try:
            return self._stream.read(size)
        except OSError as error:
            self.read_error = error
            return b''

    def seek(self, offset, whence=0):
        """The new position; negative if there is none."""
        try:
            return self._stream.seek(offset, whence)
        except (OSError, ValueError, OverflowError):    # an offset in a broken table
            return -1


class VideoReader:
    """An open video. Has to be closed, or used in a with statement.

    Its images are rotated and mirrored by its display matrix, and widened if its pixels are not square;
    more than 8 bits are converted to 8. One thread decodes, so that a damaged video gives the same images
    every time. Raises VideoError if there is no video in the file.
    """

    def __init__(self, path: Path):
        self._path = Path(path)
        try:
            if not self._path.is_file():
                raise VideoError(f'{path}: no file, but a folder or a device')
            self._file = _FileStream(self._path)
        except OSError as error:
            raise VideoError(f'{path}: cannot be read: {error.strerror}') from None
        try:
            self._container = self._open()
            self._stream = self._select_stream()
            self._configure_decoder()
        except BaseException:
            self._file.close()
            raise
        stream = self._stream
        #: Frames a second, if the container has no times.
        self.rate = select_frame_rate(stream.average_rate, stream.guessed_rate, stream.base_rate)
        self.losses = FrameLossCounter(stream, 1 / self.rate)
        self._times = FrameTimes(self.rate)
        self._has_timestamps: bool | None = None         # of display; else of decoding only, as in AVI
        self._ticks: int | None = None              # time of the last picture
        self._decoding: deque[int | None] = deque()     # times of packets that are not decoded yet
        self._errors = 0        # that FFmpeg has logged
        self._error_packets = 0      # packets with errors of the decoder
        #: Whether such a packet is a damaged picture. Some cameras regularly write packets that a decoder
        #: reports errors for.
        self._error_means_damage = stream.codec_context.name in _INTRA_ONLY

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *error) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._container.close()
        self._file.close()

    @property
    def expected(self) -> int:
        """Approximate number of frames, from the header; at least 1. For progress bars."""
        stream, container = self._stream, self._container
        if stream.frames > 0:
            return stream.frames
        if stream.duration and stream.time_base:
            seconds = float(stream.duration * stream.time_base)
        else:
            seconds = (container.duration or 0) * 1e-6
        return max(round(seconds * self.rate), 1)

    def frames(self) -> Iterator[TimedFrame]:
        """Every frame that can be decoded, in the order of display; once. `losses` counts the others."""
        if self._pixel_aspect is None:
            log.warning('%s: its pixels claim to be %s times as wide as they are high: taken for squares', self._path,
                        self._stream.sample_aspect_ratio)
        unusable = ''
        for packet in self._packets():
            for frame, time in self._decode(packet):
                try:
                    image = self._to_image(frame)
                except (FFmpegError, ValueError) as error:  # Its size or format has changed in the file.
                    unusable = unusable or str(error)
                    self.losses.refused()
                    continue
                self.losses.decoded(frame)
                duration = max(float((frame.duration or 0) * (self._stream.time_base or 0)), 0.0)
                yield TimedFrame(image, self._times.stamp(time), duration)
        if unusable:
            log.warning('%s: frames are left out, the first because: %s', self._path, unusable)
        if self._error_packets:
            log.warning('%s: the decoder had trouble with %d packets: pictures there may be wrong', self._path,
                        self._error_packets)
        if self._times.untimed:
            log.warning('%s: %d frames have no time: they are taken for 1/%g s apart', self._path,
                        self._times.untimed, round(self.rate, 3))
        if self._times.unordered:
            log.warning('%s: the times of %d frames stand still, go back or leap: they are put after those before them',
                        self._path, self._times.unordered)

    # Opening

    def _open(self) -> InputContainer:
        options = {'format_whitelist': ','.join(_CONTAINERS), 'protocol_whitelist': 'none',
                   'max_pixels': str(image_files.MAX_PIXELS)}
        try:
            return av.open(self._file, 'r', options=options)
        except (FFmpegError, OSError, ValueError) as error:
            raise VideoError(f'{self._path}: no video that can be decoded{_format_open_hint(error)}') from None

    def _select_stream(self) -> VideoStream:
        """The best of its video streams; album covers and thumbnails are none."""
        not_video = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
        candidates = [stream for stream in self._container.streams.video if not stream.disposition & not_video]
        if not candidates:
            kinds = sorted({stream.type for stream in self._container.streams})
            raise VideoError(f'{self._path}: no video in it' + (f", only {', '.join(kinds)}" if kinds else ''))
        best = self._container.streams.best('video')
        return next((stream for stream in candidates if stream == best), candidates[0])

    def _configure_decoder(self):
        """The decoder, and the display of its pictures."""
        stream, name = self._stream, str(self._path)
        context = stream.codec_context
        if context is None:
            raise VideoError(f'{name}: no video that can be decoded: nothing here decodes its codec')
        if not (context.width and context.height):
            raise VideoError(f'{name}: no video that can be decoded: its pictures have no size, or one beyond '
                             f'{image_files.MAX_PIXELS / 1e6:.0f} million pixels')
        self._pixel_aspect = _pixel_aspect(stream.sample_aspect_ratio)
        try:
            image_files.check_size(context.width, context.height, name)
            image_files.check_size(self._display_width(context.width), context.height, name)
        except ImageFileError as error:
            raise VideoError(str(error)) from None
        context.options = {**context.options, 'max_pixels': str(image_files.MAX_PIXELS)}
        context.thread_count = 1

    def _display_width(self, width):
        return max(round(width * (self._pixel_aspect or 1)), 1)

    # Reading

    def _packets(self) -> Iterator[Packet | None]:
        """Packets of the video, and None at the end."""
        failures, damage, kind = 0, False, self._container.format.name
        while failures < _MAX_FAILURES:
            try:
                self._new_errors()
                for packet in self._container.demux():
                    failures = 0
                    damage |= packet.is_corrupt or self._new_errors(kind)
                    if not packet.size:     # the end, or a repeated frame
                        continue
                    if packet.stream is not self._stream:
                        self.losses.count_other_packet(packet)
                        continue
                    self.losses.packet(packet, damage)
                    damage = False
                    self._decoding.append(packet.dts)
                    yield packet
                    self._new_errors()
                break
            except IndexError:      # PyAV at the end of a file in which streams appeared later
                break
            except (FFmpegError, OSError) as error:
                failures += 1
                trouble = error
        else:
            log.warning('%s: cannot be read any further: %s', self._path, trouble)
        if self._file.read_error is not None:
            log.warning('%s: cannot be read any further: %s', self._path, self._file.read_error.strerror)
        self.losses.end(damage or self._new_errors(kind) or self._file.read_error is not None)
        yield None

    def _new_errors(self, origin: str | None = None) -> bool:
        """Whether FFmpeg, or that part of it, has logged an error since the last call."""
        before, (self._errors, last) = self._errors, av.logging.get_last_error()
        return self._errors != before and (origin is None or last is not None and last[1] == origin)

    def _decode(self, packet):
        """Good frames decoded from a packet, and their times; None: those still in the decoder."""
        self._new_errors()
        try:
            frames = self._stream.codec_context.decode(packet)
        except NoMoreFrames:
            return
        except (FFmpegError, ValueError):
            self.losses.refused()
            if self._decoding:
                self._decoding.pop()
            return
        trouble = self._new_errors()
        self._error_means_damage &= not (trouble and self._has_timestamps is None)
        damaged = [frame.is_corrupt or trouble and self._error_means_damage for frame in frames]
        self._error_packets += trouble and not self._error_means_damage and not any(damaged)
        for frame, is_damaged in zip(frames, damaged):
            time = self._frame_time(frame)
            if is_damaged:
                self.losses.refused()
            else:
                yield frame, time

    def _frame_time(self, frame):
        """Its time of display in the container, s; None if there is none."""
        if self._has_timestamps is None:
            # FFmpeg's times of packets in an AVI are wrong if pictures refer to later ones.
            self._has_timestamps = frame.pts is not None and self._container.format.name != 'avi'
        # Pictures come in the order of their times, packets do not: the next picture has the earliest of their times.
        earliest = self._decoding.popleft() if self._decoding else None
        if self._has_timestamps:
            ticks = frame.pts
        elif self.losses.one_frame_each:
            ticks = earliest
        else:   # The time of the packet at which the decoder returned it; the last ones have none.
            ticks = self._ticks + 1 if frame.dts is None and self._ticks is not None else frame.dts
        self._ticks = ticks
        return None if ticks is None or not self._stream.time_base else float(ticks * self._stream.time_base)

    def _to_image(self, frame) -> np.ndarray:
        """(H, W, 3) uint8 RGB as displayed."""
        width = self._display_width(frame.width)
        image_files.check_size(width, frame.height, 'it')
        wide = _SIXTEEN_BITS.get(frame.format.name)
        pixels = frame.to_ndarray(format=wide or 'rgb24', threads=1)
        image = image_files.to_rgb(pixels) if wide else pixels
        if width != frame.width:
            image = cv2.resize(image, (width, frame.height), interpolation=cv2.INTER_LINEAR)
        return _orientation(frame).apply(image)


def _format_open_hint(error):
    """The end of a line about a file that cannot be opened."""
    if 'moov atom not found' in str(getattr(error, 'log', '')):
        return ': its table of frames (moov) is missing: it was cut off, or its recording was not ended properly'
    return ''


def _pixel_aspect(ratio):
    """Ratio of displayed to stored width of pixels; None if it is implausible."""
    if not ratio:
        return 1.0
    aspect = float(ratio)
    return aspect if 1 / _MAX_ASPECT <= aspect <= _MAX_ASPECT else None


def _orientation(frame: VideoFrame) -> Orientation:
    try:
        # PyAV's annotation has only motion vectors.
        matrix = cast(SideDataContainer, frame.side_data).get(Type.DISPLAYMATRIX)
    except ValueError:      # PyAV lacks a type of FFmpeg's side data.
        quarter = round(frame.rotation / 90) % 4
        return (Orientation(), Orientation(True, True, False), Orientation(False, True, True),
                Orientation(True, False, True))[quarter]
    if matrix is None:
        return Orientation()
    return orientation.from_display_matrix(np.frombuffer(matrix, np.int32).tolist())
