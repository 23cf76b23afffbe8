"""The first images of a topic in a bag: their frame, and whether stamps and recorder shared a clock."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from statistics import median_low
from typing import Any

from ..conversions.raw_image import MAX_FRAME_ID_LENGTH
from ..conversions.serialised_header import read_frame_id, read_stamp
from .errors import format_names, quote_path
from .reader import Bag, BagError

log = logging.getLogger(__name__)

#: Number of images read.
_SURVEYED_IMAGES = 30

#: Consecutive images of other frames after which the camera is assumed to have another name.
_FRAME_CHANGE_IMAGES = 30

#: Seconds between stamp and recording above which they come from two clocks; listeners of TF keep ten.
MIN_CLOCK_OFFSET = 10.0


class ImageSurvey:
    """Properties of the images of one connection, determined before they are estimated."""

    def __init__(self, bag: Bag, connection: Any, start: int | None = None, required_frame: str | None = None):
        """start: ns; required_frame: instead of that of most of the first images.

        Raises BagError if none of them has it.
        """
        self._topic, self._frame_is_fixed, self._other_frame_count = connection.topic, required_frame is not None, 0
        first = list(itertools.islice(bag.messages([connection], start), _SURVEYED_IMAGES))
        #: frame_id -> number of the first images with it.
        self.frames = Counter(frame for entry in first if (frame := read_frame_id(entry.data)) is not None)
        self.frame = max(self.frames, key=self.frames.__getitem__, default='')
        if required_frame is not None:
            self.frame = required_frame.lstrip('/')
            if self.frame not in self.frames:
                raise BagError(f'{bag.path}: no image on {self._topic} has frame_id {self.frame!r}; the first have '
                               + format_names(sorted(map(repr, self.frames))))
        #: Whether any of the first images has a stamp: images without one are then unusable.
        self.stamped = any(read_stamp(entry.data) for entry in first)
        late = [entry.time - stamp for entry in first if (stamp := read_stamp(entry.data))]
        #: Seconds from stamp to recording if they come from two clocks; else 0.
        self.apart = median_low(late) * 1e-9 if late else 0.0
        if abs(self.apart) <= MIN_CLOCK_OFFSET:
            self.apart = 0.0

    def rejection_reason(self, frame: str | None) -> str | None:
        """Why the next image is not of the camera; None if it is, or has no frame.

        If no image of the camera came for a while, it has another name now, unless a certain one is requested.
        """
        if frame is None:
            return None
        self._other_frame_count = 0 if frame == self.frame else self._other_frame_count + 1
        if self._other_frame_count > _FRAME_CHANGE_IMAGES and not self._frame_is_fixed:
            log.warning("%s: the camera's frame_id is %r from here on, and no longer %r", self._topic,
                        frame[:MAX_FRAME_ID_LENGTH], self.frame)
            self.frame, self._other_frame_count = frame, 0
        if frame == self.frame:
            return None
        frame = frame[:MAX_FRAME_ID_LENGTH]
        return (f'its frame_id is {frame!r}, not {self.frame!r}: another camera on the same topic? `--frame-id '
                f'{quote_path(frame)}` looks at those instead')

    def clock_remark(self) -> str | None:
        """Text about the difference of the two clocks; None if there is one."""
        if not self.apart:
            return None
        return (f'{self._topic}: images were recorded {_format_duration(abs(self.apart))} '
                f'{"after" if self.apart > 0 else "before"} their stamps: two clocks')

    def frames_remark(self) -> str | None:
        """Text about the frames; None if there is one."""
        if len(self.frames) < 2:
            return None
        return f'{self._topic}: images of several frames on one topic, {format_names(sorted(map(repr, self.frames)))}'


def _format_duration(seconds):
    for size, name in ((31_556_952, 'years'), (86400, 'days'), (3600, 'hours'), (60, 'minutes')):
        if seconds >= 2 * size:
            return f'{seconds / size:.1f} {name}'
    return f'{seconds:.1f} s'
