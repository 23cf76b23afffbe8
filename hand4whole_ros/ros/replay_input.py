"""What `hand4whole replay` reads, as entries for the new bag; here, those of a bag."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from .. import skeleton
from . import result_messages, topics
from .bag_input import COMPRESSED_IMAGE, Bag, BagError, Entry, camera_info_of, choose_images, stamp_of
from .bag_types import is_latched, ros_type, type_store
from .received import ReceivedImage


@dataclass(frozen=True)
class InputOptions:
    """What of the input is looked at."""

    image_topic: str | None = None          # None: the only one
    camera_info_topic: str | None = None    # None: beside the image topic
    focal: float | None = None              # px; instead of camera_info
    start: float = 0.0                      # s after the beginning
    duration: float | None = None           # s; None: to the end


class Picture(NamedTuple):
    """An entry that is an image to look at."""

    item: ReceivedImage
    stamp: int                      # ns
    camera_info: bytes | None       # the one that holds for it, serialised


class Input(Protocol):
    """A source of entries, in the order of their times."""

    files: list[Path]
    connections: list               # rosbags' Connection of everything that is kept
    left_out: list[str]             # topics that are not
    image_topic: str
    rectified: bool
    images: int                     # about how many there will be
    missing: str | None             # once all entries are read: a line about images that are damaged or cut off

    def entries(self) -> Iterator[tuple[Entry, Picture | None]]:
        """Every message that is kept, and which of them are images to look at. Raises BagError."""

    def close(self) -> None:
        """Close what is open."""


#: What an earlier run has said is replaced, not mixed with what this one says.
_OWN = {topics.absolute(topic) for topic in result_messages.TYPES if topic.startswith('~')}
_OWN |= {name + topics.COMPRESSED for name in _OWN}

#: 'body_0' without its number, and so on.
_OWN_FRAMES = {skeleton.frame_name(joint, 0).removesuffix('_0') for joint in skeleton.JOINT_NAMES}


class BagInput:
    """See Input."""

    missing: str | None = None      # whatever a bag misses is an error

    def __init__(self, path: Path, options: InputOptions):
        self._bag = Bag(path)
        self.files = self._bag.files
        chosen = choose_images(self._bag, options.image_topic)
        self._image_type = chosen.msgtype
        self.image_topic = chosen.topic
        self.rectified = topics.is_rectified(chosen.topic)
        self._info = None
        if options.focal is None:
            self._info = camera_info_of(self._bag, chosen.topic, options.camera_info_topic)
        self.left_out = sorted({c.topic for c in self._bag.connections} & (_OWN - {chosen.topic}))
        self.connections = [c for c in self._bag.connections if c.topic not in self.left_out]
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

    def entries(self) -> Iterator[tuple[Entry, Picture | None]]:
        """See Input. What is latched and was said before the start is said at the start."""
        info = self._first_camera_info()
        for entry in self._all():
            topic = entry.connection.topic
            if self._info is not None and topic == self._info.topic and entry.connection.msgtype == self._info.msgtype:
                info = entry.data
            if topic == topics.TF and self.left_out and _is_own_tf(entry):
                continue
            picture = None
            if topic == self.image_topic and entry.connection.msgtype == self._image_type:
                item = ReceivedImage(entry.data, self._image_type == COMPRESSED_IMAGE, entry.time)
                picture = Picture(item, stamp_of(entry.data) or entry.time, info)
            yield entry, picture

    def _all(self):
        if self._start > self._bag.start:
            latched = [c for c in self.connections if is_latched(c)]
            for entry in self._bag.messages(latched, stop=self._start):
                yield entry._replace(time=self._start)
        yield from self._bag.messages(self.connections, self._start, self._stop)

    def _first_camera_info(self):
        """The last one before the start, else the first after it: images may come before their camera_info."""
        if self._info is None:
            return None
        last = None
        for entry in self._bag.messages([self._info]):
            after = entry.time > self._start
            if last is None or not after:
                last = entry.data
            if after:
                break
        return last

    def close(self) -> None:
        """Close the bag."""
        self._bag.close()


def _is_own_tf(entry):
    """A TFMessage about nothing but the joints of people."""
    if entry.connection.msgtype != ros_type(result_messages.TYPES[topics.TF]):
        return False
    transforms = type_store().deserialize_cdr(entry.data, entry.connection.msgtype).transforms
    return bool(transforms) and all(t.child_frame_id.rpartition('_')[0] in _OWN_FRAMES for t in transforms)
