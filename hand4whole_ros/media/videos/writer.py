"""RGB images and their times to an .mp4."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from io import FileIO
from pathlib import Path
from types import TracebackType

import av
import cv2
import numpy as np
from av.codec.codec import UnknownCodecError
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

#: Unit of the times in the file, s. MPEG-4 part 2 has none below 1/65535.
_TICK = Fraction(1, 60_000)
#: Encoders by preference, and their options. Browsers play only H.264; the second one is in every FFmpeg. Without
#: pictures that refer to later ones the order of packets is that of their times.
_ENCODERS = (('libx264', {'crf': '20', 'preset': 'veryfast', 'bf': '0'}), ('mpeg4', {'qmin': '2', 'qmax': '6'}))


class VideoWriter:
    """An .mp4 being written, with a time for every image. Has to be closed, or used in a with statement.

    The file is created with the first image. Raises OSError if it cannot be written.
    """

    def __init__(self, path: Path, rate: float = 30.0):
        """rate: approximate frames a second; that of the file follows from the images' times."""
        self._path, self._rate = Path(path), rate
        self._file: FileIO | None = None
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None                 # kept after the others are closed
        self._size = 0, 0                                       # of the file's images: width, height
        self._pending: tuple[np.ndarray, int] | None = None     # the last image, and its time in ticks
        self._step = max(round(1 / rate / _TICK), 1)            # for how long it is shown
        self._durations: dict[int, int] = {}                    # the same for all in the encoder

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.close()
        except (OSError, FFmpegError):
            if kind is None:
                raise   # else the first error is the reason

    def write(self, image: np.ndarray, stamp: float, duration: float = 0.0) -> None:
        """Write an (H, W, 3) uint8 RGB image, shown from `stamp` on: seconds, later than the last one's.

        duration: s, for which it is shown if it is the last one; 0: as long as the previous one. An image of
        another size than the first is scaled to that. An odd last row or column is cropped.
        """
        time = round(stamp / _TICK)
        if self._pending is not None:
            time = max(time, self._pending[1] + 1)
            self._step = time - self._pending[1]
            self._encode(*self._pending)
        self._pending = image, time
        self._step = round(duration / _TICK) or self._step

    def close(self) -> None:
        """Write the rest. A second call does nothing."""
        if self._pending is not None:
            self._encode(*self._pending)
        if self._container is not None and self._stream is not None:
            with self._aborting_on_error():
                self._mux(self._container, self._stream.encode(None))
                self._container.close()
        if self._file is not None:
            self._file.close()
        self._container = self._file = None

    def _encode(self, image, time):
        """Encode the pending image, once its duration is known."""
        self._pending = None
        with self._aborting_on_error():
            if self._stream is None:
                self._open_output(image)
            assert self._stream is not None and self._container is not None
            width, height = self._size
            if image.shape[0] - height in (0, 1) and image.shape[1] - width in (0, 1):
                image = image[:height, :width]
            else:
                image = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image, np.uint8), format='rgb24')
            frame.pts, frame.time_base = time, _TICK
            self._durations[time] = self._step
            self._mux(self._container, self._stream.encode(frame))

    def _open_output(self, image: np.ndarray) -> None:
        """Open the file in the first image's size, in pairs of rows and columns, which share their colours."""
        height, width = (max(side - side % 2, 2) for side in image.shape[:2])
        self._size = width, height
        self._file = open(self._path, 'wb', buffering=0)
        self._container = av.open(self._file, 'w', format='mp4')
        self._stream = self._new_stream(self._container)
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = 'yuv420p'
        self._stream.codec_context.time_base = _TICK

    def _new_stream(self, container: OutputContainer) -> VideoStream:
        rate = Fraction(self._rate).limit_denominator(1001)
        *preferred, last = _ENCODERS
        for encoder in preferred:
            try:
                return _add_stream(container, rate, *encoder)
            except UnknownCodecError:
                continue
        return _add_stream(container, rate, *last)

    def _mux(self, container: OutputContainer, packets: Iterable[Packet]) -> None:
        for packet in packets:
            # Without it the last image would have a duration of zero.
            packet.duration = self._step if packet.pts is None else self._durations.pop(packet.pts, self._step)
            container.mux(packet)

    @contextmanager
    def _aborting_on_error(self) -> Iterator[None]:
        """After a failure within the block nothing more is written."""
        try:
            yield
        except BaseException:
            if self._file is not None:
                self._file.close()
            self._file = self._container = self._pending = None
            raise


def _add_stream(container, rate, name, options) -> VideoStream:
    stream = container.add_stream(name, rate=rate, options=options)
    assert isinstance(stream, VideoStream)      # all of _ENCODERS encode video
    return stream
