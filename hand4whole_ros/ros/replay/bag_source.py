"""Inputs of `hand4whole replay`, as entries for the new bag; here, those of a bag."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from .. import topics
from ..bag.image_survey import ImageSurvey
from ..bag.own_results import OwnResults
from ..bag.reader import (
    COMPRESSED_IMAGE,
    Bag,
    BagError,
    Entry,
    select_camera_info_connection,
    select_image_connection,
)
from ..conversions.raw_image import RawImage
from ..conversions.serialised_header import read_frame_id, read_stamp

log = logging.getLogger(__name__)

#: Number of camera_info messages after the start that are searched for the images' frame.
_MAX_CAMERA_INFOS = 10


@dataclass(frozen=True)
class InputOptions:
    """Selection of the input's images."""

    image_topic: str | None = None          # None: the only one
    camera_info_topic: str | None = None    # None: beside the image topic
    frame_id: str | None = None             # of the images; None: that of most images
    focal: float | None = None              # px; instead of camera_info
    start: float = 0.0                      # s after the beginning
    duration: float | None = None           # s; None: to the end


class InputImage(NamedTuple):
    """An entry that is an image to estimate."""

    item: RawImage
    stamp: int                      # ns
    camera_info: bytes | None       # the one that applies to it, serialised
    rejection_reason: str | None = None    # why it is not estimated; None if it is


class ReplaySource(Protocol):
    """A source of entries, in the order of their times."""

    files: list[Path]
    connections: list               # rosbags' Connection of all that are kept
    left_out: list[str]             # topics that are not kept
    image_topic: str
    rectified: bool
    images: int                     # approximate number
    two_clocks: bool                # whether stamps and times of arrival come from different clocks

    @property
    def missing(self) -> str | None:
        """Once all entries are read: a line about damaged or missing images."""

    def entries(self) -> Iterator[tuple[Entry, InputImage | None]]:
        """Every message that is kept; those to estimate as InputImage. Raises BagError."""
        ...

    def close(self) -> None:
        """Close all files."""


class BagSource:
    """A bag as ReplaySource."""

    def __init__(self, path: Path, options: InputOptions):
        self._bag = Bag(path)
        self.files = self._bag.files
        chosen = select_image_connection(self._bag, options.image_topic)
        self._image_type = chosen.msgtype
        self.image_topic = chosen.topic
        self.rectified = topics.is_rectified(chosen.topic)
        self._info = None
        if options.focal is None:
            self._info = select_camera_info_connection(self._bag, chosen.topic, options.camera_info_topic)
        self._start, self._stop = self._bag.start, None
        if options.start or options.duration is not None:
            self._start += int(options.start * 1e9)
            if self._start >= self._bag.end:
                raise BagError(f'{path}: it ends after {(self._bag.end - self._bag.start) * 1e-9:.1f} s, before '
                               f'--start {options.start:g}')
            if options.duration is not None:
                self._stop = self._start + int(options.duration * 1e9)
        stop = min(self._stop or self._bag.end, self._bag.end)
        self.images = round(chosen.msgcount * (stop - self._start) / max(self._bag.end - self._bag.start, 1))
        self._survey = ImageSurvey(self._bag, chosen, self._start, options.frame_id)
        self.two_clocks = bool(self._survey.apart)
        if self.two_clocks:
            log.warning('%s; poses and TF have the stamps, `received` and `published` are left 0, and TF of the other '
                        'clock does not fit', self._survey.clock_remark())
        self._own_results = OwnResults(self._bag.connections, (self._survey.frame,), exclude=(chosen.topic,))
        self.left_out = sorted(self._own_results.topics)
        self.connections = [c for c in self._bag.connections if c.topic not in self._own_results.topics]

    @property
    def missing(self) -> str | None:
        """See ReplaySource."""
        return 'the new bag lacks what is missing in the old one, see above' if self._bag.incomplete else None

    def entries(self) -> Iterator[tuple[Entry, InputImage | None]]:
        """See ReplaySource. Latched messages from before the start come at the start."""
        infos = self._first_camera_infos()
        for entry in map(self._own_results.without, self._iterate_bag()):
            if entry is None:
                continue
            topic = entry.connection.topic
            if self._info is not None and topic == self._info.topic and entry.connection.msgtype == self._info.msgtype:
                infos.put(entry.data)
            picture = None
            if topic == self.image_topic and entry.connection.msgtype == self._image_type:
                picture = self._make_image(entry, infos)
            yield entry, picture

    def _make_image(self, entry, infos):
        frame = read_frame_id(entry.data)
        item = RawImage(entry.data, self._image_type == COMPRESSED_IMAGE, entry.time, stamped=self._survey.stamped)
        return InputImage(
            item, read_stamp(entry.data) or entry.time, infos.of(frame), self._survey.rejection_reason(frame)
        )

    def _iterate_bag(self):
        for entry in self._bag.latched_before(self._start, self.connections):
            yield entry._replace(time=self._start)
        yield from self._bag.messages(self.connections, self._start, self._stop)

    def _first_camera_infos(self):
        """The last ones before the start, else the first after it: images may come before their camera_info."""
        infos, after = _CameraInfoCache(), 0
        if self._info is None:
            return infos
        for entry in self._bag.messages([self._info]):
            if entry.time > self._start:
                after += 1
                if infos and (self._survey.frame in infos.frames or after > _MAX_CAMERA_INFOS):
                    break
            infos.put(entry.data)
        return infos

    def close(self) -> None:
        """Close the bag."""
        self._bag.close()


class _CameraInfoCache:
    """The newest camera_info, and the newest of each frame: two cameras may share a topic."""

    def __init__(self):
        self.frames: dict[str | None, bytes] = {}
        self._newest: bytes | None = None

    def __bool__(self):
        return self._newest is not None

    def put(self, data: bytes) -> None:
        """Add a serialised one."""
        self._newest = self.frames[read_frame_id(data)] = data

    def of(self, frame: str | None) -> bytes | None:
        """The one that applies to an image in this frame."""
        return self.frames.get(frame, self._newest)
