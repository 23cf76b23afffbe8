"""An estimate of the number of missing frames of a damaged or truncated video."""

from __future__ import annotations

from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

#: Codecs of which every packet is a picture. Others have packets that only repeat the last picture.
_ONE_FRAME_PER_PACKET = ('h264', 'hevc', 'vp8', 'vp9', 'av1', 'libdav1d', 'mjpeg', 'ffv1', 'prores', 'png')
#: Shorter gaps between two frames are ignored, intervals.
_MIN_GAP_RATIO = 1.5
#: A header that announces more than this after the last frame is invalid, s.
_MAX_DURATION = 7 * 86_400
#: An end that is early by less is a rounding error, intervals.
_MIN_EARLY_END = 2.0


class FrameLossCounter:
    """Counts packets and pictures while a video is read, from its beginning.

    A frame is missing

    - where a packet gives no picture, or the decoder reports the picture as damaged;
    - where the container is damaged and the packet after that is later than the next frame would be;
    - where the file ends before the end that it announces.
    """

    def __init__(self, stream: VideoStream, interval: float):
        """interval: between two frames, s."""
        self._stream, self._interval = stream, interval
        self._codec = stream.codec_context.name
        #: Whether every packet should become a picture.
        self.one_frame_each = self._codec in _ONE_FRAME_PER_PACKET
        self._is_avi = stream.container.format.name == 'avi'
        #: Whether the container has a table of all frames.
        self._listed = self._is_avi or 'mp4' in stream.container.format.name
        self._delivered = 0         # packets
        self._last_decoded = -1     # time of the last one, ticks
        self._expected = 0          # pictures that those packets should become
        self._early: list[int] = []     # times of packets before the first picture
        self._decoded = 0          # pictures decoded from them
        self._refused = 0           # packets that the decoder rejects, pictures that it reports as damaged
        self._gaps = self._cut = 0  # frames
        self._last: float | None = None     # latest of a packet, s
        self._end = 0.0             # of all streams, s

    @property
    def missing(self) -> int:
        """Frames missing so far."""
        lost = self._refused
        if self.one_frame_each:
            lost = max(lost, self._expected - self._decoded)
        return lost + self._gaps + self._cut

    @property
    def reason(self) -> str:
        """Why, in a few words."""
        if not self._cut:
            return 'it is damaged'
        if self._is_avi:    # whose times are only the indices of the remaining packets
            return 'it is damaged or ends too early'
        # Where it is cut off, one packet is incomplete.
        return 'it ends too early' if self.missing <= self._cut + 1 else 'it is damaged and ends too early'

    def count_other_packet(self, packet: Packet) -> None:
        """Count a packet of sound or other data."""
        if packet.pts is not None:
            self._end = max(self._end, float((packet.pts + (packet.duration or 0)) * packet.time_base))

    def packet(self, packet: Packet, after_damage: bool) -> None:
        """Count the next packet of the video. after_damage: the container is damaged between the last one and it."""
        self.count_other_packet(packet)
        if packet.is_discard:   # cut away by an edit list; it only serves to decode others
            return
        self._delivered += 1
        if packet.dts is not None:
            self._last_decoded = packet.dts
        time = packet.dts if packet.pts is None else packet.pts
        if time is not None:
            time = float(time * packet.time_base)
            if self._last is None:
                self._last = time
            if after_damage and not self._listed and time - self._last > _MIN_GAP_RATIO * self._interval:
                self._gaps += max(round((time - self._last) / self._interval) - 1, 1)
            self._last = max(time, self._last)
        if self._codec == 'vp8' and not memoryview(packet)[0] & 0x10:    # never shown, others refer to it
            return
        self._expected += 1
        if not self._decoded and packet.pts is not None:
            self._early.append(packet.pts)

    def refused(self) -> None:
        """Count a packet, or its picture, that the decoder reports as damaged."""
        self._refused += 1

    def decoded(self, frame: VideoFrame) -> None:
        """Count a good picture."""
        if not self._decoded and not self._refused and frame.pts is not None:
            # A recording that begins between key frames: frames that refer to earlier ones cannot be decoded.
            self._expected -= sum(time < frame.pts for time in self._early)
        self._early.clear()
        self._decoded += 1
        if frame.interlaced_frame:      # its two halves may have come in packets of their own
            self.one_frame_each = False

    def end(self, after_damage: bool) -> None:
        """The end of the file. after_damage: the container ends too early."""
        container = self._stream.container
        assert isinstance(container, InputContainer)
        if self._listed:
            times = [entry.timestamp for entry in self._stream.index_entries
                     if entry.size > 0 and not entry.is_discard]
            missing = max(len(times) - self._delivered, 0)
            if self._is_avi:    # Its table is at its end and may be missing; its header has the number of frames.
                announced = self._stream.frames - self._last_decoded - 1
                self._cut = max(missing, announced if announced * self._interval < _MAX_DURATION else 0)
            else:
                self._cut = min(missing, sum(time > self._last_decoded for time in times))
                self._gaps = missing - self._cut
        elif 'matroska' in container.format.name and after_damage and container.duration is not None:
            missing = (container.duration * 1e-6 - self._end) / self._interval
            self._cut = round(missing) if missing > _MIN_EARLY_END else 0
