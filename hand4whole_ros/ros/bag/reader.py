"""A bag as `hand4whole replay` and `hand4whole play` read it: every message as it was written, in order of time."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterator
from contextlib import ExitStack
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from rosbags.interfaces import Connection

from .. import topics
from .errors import BagError, format_names, make_read_error, sanitise_line
from .folder import is_bag, list_contents
from .mcap import McapFile
from .metadata import compare_topics
from .sqlite import SqliteFile

__all__ = ['Bag', 'BagError', 'Entry', 'fingerprint', 'is_bag', 'select_camera_info_connection',
           'select_image_connection']

log = logging.getLogger(__name__)

IMAGE, COMPRESSED_IMAGE = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'

#: Types of video streams: their packets depend on each other, and nothing here decodes them.
VIDEO_PACKETS = (
    'ffmpeg_image_transport_msgs/msg/FFMPEGPacket', 'theora_image_transport/msg/Packet',
    'foxglove_msgs/msg/CompressedVideo', 'sensor_msgs/msg/CompressedVideo')

class Entry(NamedTuple):
    """One message: its connection, when it was received (ns), and its bytes."""

    connection: Connection
    time: int
    data: bytes


class _StorageFile(NamedTuple):
    """One file of a bag."""

    path: Path
    storage: McapFile | SqliteFile
    connections: dict[int, Connection]  # of the file, by number -> of the bag


class Bag:
    """An open bag. Raises BagError, in one line, if there is none or nothing of it can be read.

    The content of its files counts, not metadata.yaml; if the two differ, or a part cannot be
    read, that is logged, and `incomplete` is true if messages are missing.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self._is_incomplete = False
        self._exit_stack = ExitStack()
        self._parts: list[_StorageFile] = []
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self):
        from .connections import merge_connections
        found = list_contents(self.path)
        storages = self._open_files(found.files)
        promised = {} if found.metadata is None else found.metadata.topics
        self.connections, belongs = merge_connections(self.path, [storage for _, storage in storages], promised)
        self._parts = [_StorageFile(file, storage, ids) for (file, storage), ids in zip(storages, belongs)]
        for remark in found.remarks:
            log.warning('%s', sanitise_line(remark))
        self._is_incomplete |= found.missing
        if found.metadata is not None:
            self._check_metadata(promised)
        spans = [(s.metadata.start_time, s.metadata.end_time) for _, s in storages if s.metadata.message_count]
        #: Time of the first message and after the last one, ns; 0 and 0 if there are none.
        self.start, self.end = (min(spans)[0], max(end for _, end in spans)) if spans else (0, 0)

    def _open_files(self, files):
        """The readable files; BagError if there are none."""
        from .storage import open_storage
        storages, errors = [], []
        for file in files:
            try:
                storages.append((file, open_storage(file, self._exit_stack)))
            except BagError as error:
                if len(files) == 1:
                    raise
                errors.append(error)
        if not storages:
            raise errors[0]
        for error in errors:
            log.warning('%s; the other files of the bag are read', error)
            self._is_incomplete = True
        for file, storage in storages:
            remarks = '; '.join(filter(None, [storage.remark, storage.lost]))
            if remarks:
                rest = 'the rest' if storage.lost else 'all that is there'
                log.warning('%s', sanitise_line(f'{file}: {remarks}: {rest} is read'))
        return storages

    def _check_metadata(self, promised):
        found: dict[tuple[str, str], int] = {}
        for part in self._parts:
            for connection in part.storage.connections:
                key = connection.topic, connection.msgtype
                found[key] = found.get(key, 0) + connection.msgcount
        differences, missing = compare_topics(promised, found)
        if differences:
            lack = f', {missing:,} messages are missing' if missing else ''
            log.warning(
                '%s',
                sanitise_line(f'{self.path}: metadata.yaml and the files differ{lack}; the files are right: '
                              f'{differences}'),
            )
        self._is_incomplete |= missing > 0

    def __enter__(self) -> Bag:
        return self

    def __exit__(self, *error) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        self._exit_stack.close()

    @property
    def incomplete(self) -> bool:
        """Whether expected messages are missing, as far as it has been read."""
        return self._is_incomplete or any(part.storage.lost for part in self._parts)

    @property
    def files(self) -> list[Path]:
        """All its files."""
        from .sqlite import list_journals
        return sorted(self.path.iterdir()) if self.path.is_dir() else [self.path, *list_journals(self.path)]

    def messages(self, connections=None, start: int | None = None, stop: int | None = None) -> Iterator[Entry]:
        """Messages of these connections (all of them by default) from `start` to before `stop`, ns."""
        wanted = {connection.id for connection in (self.connections if connections is None else connections)}
        rows = [self._iterate_file(part, wanted, start, stop) for part in self._parts]
        for _, entry in heapq.merge(*rows, key=itemgetter(0)):
            if entry is not None:
                yield entry

    def latched_before(self, start: int, connections) -> Iterator[Entry]:
        """Messages that late subscribers get at `start`: all earlier ones of latched topics, as each of several
        publishers may have sent its own; but no images, of which only new ones are useful.
        """
        from .types import is_latched
        if start > self.start:
            yield from self.messages([c for c in connections if is_latched(c)
                                      and c.msgtype not in (IMAGE, COMPRESSED_IMAGE)], stop=start)

    def _iterate_file(self, part, wanted, start, stop):
        """(time, Entry) of one file; before them (its start, None), so that it is read only in its turn."""
        chosen = [c for c in part.storage.connections
                  if c.id in part.connections and part.connections[c.id].id in wanted and c.msgcount]
        about = part.storage.metadata
        if not chosen or start is not None and about.end_time <= start or stop is not None and about.start_time >= stop:
            return
        yield about.start_time, None
        from .storage import decompress_message
        messages = part.storage.messages(chosen, start, stop)
        while True:
            try:
                connection, time, data = next(messages)
                data = decompress_message(data)
            except StopIteration:
                return
            except Exception as error:  # Any exception of SQLite, MCAP, LZ4 or zstd; it may be damaged anywhere.
                raise make_read_error(part.path, error) from None
            yield time, Entry(part.connections[connection.id], time, data)


def select_image_connection(bag: Bag, wanted: str | None):
    """The connection with the images to estimate. BagError lists the available ones."""
    pictures = {connection.topic: connection for connection in bag.connections
                if connection.msgtype in (IMAGE, COMPRESSED_IMAGE) and connection.msgcount}
    if wanted is not None:
        for name in (wanted, '/' + wanted, wanted + topics.COMPRESSED, '/' + wanted + topics.COMPRESSED):
            if name in pictures:
                return pictures[name]
        raise BagError(f'{bag.path}: no images on {wanted}; {_format_image_topics(bag, pictures)}')
    # Images drawn by a node are no camera's, and of one camera's raw and compressed images the raw ones are better.
    cameras = {name: connection for name, connection in pictures.items()
               if not name.removesuffix(topics.COMPRESSED).endswith(topics.OVERLAY.removeprefix('~'))
               and not (name.endswith(topics.COMPRESSED) and name.removesuffix(topics.COMPRESSED) in pictures)}
    cameras = cameras or pictures
    if len(cameras) != 1:
        raise BagError(
            f'{bag.path}: {_format_image_topics(bag, cameras)}' + ('; choose one with --image-topic' if cameras else '')
        )
    return next(iter(cameras.values()))


def _format_image_topics(bag, pictures):
    if pictures:
        return 'it holds images on ' + ', '.join(sorted(pictures))
    if not any(connection.msgcount for connection in bag.connections):
        return 'it holds no messages at all: nothing was published, or heard, while it was recorded'
    streams = sorted(c.topic for c in bag.connections if c.msgtype in VIDEO_PACKETS and c.msgcount)
    if streams:
        return (f'it holds no images, but a video stream on {format_names(streams)}: play it, and record what '
                '`ros2 run image_transport republish` makes of it')
    empty = sorted(c.topic for c in bag.connections if c.msgtype in (IMAGE, COMPRESSED_IMAGE))
    return ('it holds no images (sensor_msgs/Image or CompressedImage)'
            + (f'; none was recorded on {format_names(empty)}' if empty else ''))


def select_camera_info_connection(bag: Bag, image_topic: str, wanted: str | None):
    """The connection of the camera's calibration: the sibling of the image topic unless named; None without one."""
    name = wanted or topics.sibling_camera_info(image_topic)
    for connection in bag.connections:
        if connection.topic in (name, '/' + name) and connection.msgtype == CAMERA_INFO and connection.msgcount:
            return connection
    if wanted:
        raise BagError(f'{bag.path}: no sensor_msgs/CameraInfo on {wanted}')
    return None


def fingerprint(paths: list[Path]) -> list:
    """Names, sizes and modification times of files, to detect changes."""
    rows = []
    for path in paths:
        about = path.stat()
        rows.append([path.name, about.st_size, about.st_mtime_ns])
    return rows
