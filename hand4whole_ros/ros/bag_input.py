"""A bag as `hand4whole replay` and `hand4whole play` read it: every message as it was written, in order of time."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..output_files import printable
from . import topics

IMAGE, COMPRESSED_IMAGE = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'

#: Bytes of a bag's metadata.yaml at most; those of thousands of files have one megabyte.
MOST_METADATA = 10 << 20

#: Files that hold messages.
STORAGE_SUFFIXES = ('.mcap', '.db3')


class BagError(ValueError):
    """A bag cannot be used; the message is the one line to show."""


class Entry(NamedTuple):
    """One message: where it belongs, when it was received (ns), and its bytes."""

    connection: object      # rosbags' Connection
    time: int
    data: bytes


def is_bag(path: Path) -> bool:
    """Whether this looks like one: a folder with metadata or message files, or a message file."""
    if path.is_dir():
        return (path / 'metadata.yaml').exists() or any(_storages(path))
    return path.suffix in STORAGE_SUFFIXES


def _storages(folder):
    return sorted(path for path in folder.iterdir() if path.suffix in STORAGE_SUFFIXES)


class Bag:
    """An open bag. Raises BagError, in one line, where there is none or it is damaged."""

    def __init__(self, path: Path):
        from rosbags.rosbag2 import Reader

        from .bag_unpacking import limit_rosbags
        self.path = Path(path)
        if not self.path.exists():
            raise BagError(f'{path}: no such bag')
        if not is_bag(self.path):
            raise BagError(f'{path}: not a bag: expected a folder with metadata.yaml, or a file '
                           f'{" or ".join(STORAGE_SUFFIXES)}')
        found = self.path
        if found.is_dir() and not (found / 'metadata.yaml').exists():
            inside = _storages(found)
            if len(inside) > 1:
                raise BagError(f'{path}: no metadata.yaml beside {len(inside)} files; `ros2 bag reindex` makes it')
            found = inside[0]
        metadata = found / 'metadata.yaml'
        if found.is_dir() and metadata.stat().st_size > MOST_METADATA:
            raise BagError(f'{path}: metadata.yaml has {metadata.stat().st_size:,} bytes, at most {MOST_METADATA:,}')
        limit_rosbags()
        try:
            self._reader = Reader(found)
            self._reader.open()
        except Exception as error:  # Whatever a parser of YAML, SQLite, MCAP or zstd raises on broken bytes.
            raise BagError(f'{printable(path)}: {_trouble(error)}') from None
        self.connections = list(self._reader.connections)
        empty = self._reader.message_count == 0
        #: Time of the first message and after the last one, ns; 0 and 0 where there are none.
        self.start, self.end = (0, 0) if empty else (self._reader.start_time, self._reader.end_time)

    def __enter__(self) -> Bag:
        return self

    def __exit__(self, *error) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        self._reader.close()

    @property
    def files(self) -> list[Path]:
        """Everything it consists of."""
        return sorted(self.path.iterdir()) if self.path.is_dir() else [self.path]

    def messages(self, connections=None, start: int | None = None, stop: int | None = None) -> Iterator[Entry]:
        """Messages of these connections (all of them by default) from `start` to before `stop`, ns."""
        chosen = self.connections if connections is None else connections
        if not chosen:
            return
        messages = self._reader.messages(chosen, start, stop)
        while True:
            try:
                connection, time, data = next(messages)
            except StopIteration:
                return
            except Exception as error:  # As above; the bag may be damaged anywhere.
                raise BagError(f'{printable(self.path)}: {_trouble(error)}') from None
            yield Entry(connection, time, bytes(data))


def _trouble(error):
    if isinstance(error, BagError):
        return str(error)
    if isinstance(error, MemoryError):
        return 'a part of it has, or claims to have, more bytes than there is memory'
    if isinstance(error, UnicodeEncodeError):
        return 'SQLite opens no file whose path is not UTF-8: rename it'
    text = ' '.join(str(error).split()) or type(error).__name__
    if isinstance(error, OSError) and error.errno is not None:
        return f'cannot be read: {error.strerror}'
    return f'damaged or cut off while it was recorded: {text}'


def choose_images(bag: Bag, wanted: str | None):
    """The connection with the images to look at. BagError lists what there is to choose from."""
    pictures = {connection.topic: connection for connection in bag.connections
                if connection.msgtype in (IMAGE, COMPRESSED_IMAGE) and connection.msgcount}
    if wanted is not None:
        for name in (wanted, '/' + wanted, wanted + topics.COMPRESSED, '/' + wanted + topics.COMPRESSED):
            if name in pictures:
                return pictures[name]
        raise BagError(f'{bag.path}: no images on {wanted}; {_list(pictures)}')
    # What a node has drawn is no camera, and of one camera's raw and compressed images the raw ones are better.
    cameras = {name: connection for name, connection in pictures.items()
               if not name.removesuffix(topics.COMPRESSED).endswith(topics.OVERLAY.removeprefix('~'))
               and not (name.endswith(topics.COMPRESSED) and name.removesuffix(topics.COMPRESSED) in pictures)}
    cameras = cameras or pictures
    if len(cameras) != 1:
        raise BagError(f'{bag.path}: {_list(cameras)}' + ('; choose one with --image-topic' if cameras else ''))
    return next(iter(cameras.values()))


def _list(pictures):
    if not pictures:
        return 'it holds no images (sensor_msgs/Image or CompressedImage)'
    return 'it holds images on ' + ', '.join(sorted(pictures))


def camera_info_of(bag: Bag, image_topic: str, wanted: str | None):
    """The connection of the camera's calibration: the sibling of the image topic unless named; None without one."""
    name = wanted or topics.sibling_camera_info(image_topic)
    for connection in bag.connections:
        if connection.topic in (name, '/' + name) and connection.msgtype == CAMERA_INFO and connection.msgcount:
            return connection
    if wanted:
        raise BagError(f'{bag.path}: no sensor_msgs/CameraInfo on {wanted}')
    return None


def stamp_of(data: bytes) -> int:
    """The stamp, ns, of a serialised message that begins with a Header; nothing else is deserialised.

    0 where the message is too short to have one.
    """
    if len(data) < 12:
        return 0
    seconds, nanoseconds = struct.unpack_from('<iI' if data[1] & 1 else '>iI', data, 4)
    return seconds * 1_000_000_000 + nanoseconds


def fingerprint(paths: list[Path]) -> list:
    """Names, sizes and times of change of files, to tell whether they are still the same."""
    rows = []
    for path in paths:
        about = path.stat()
        rows.append([path.name, about.st_size, about.st_mtime_ns])
    return rows
