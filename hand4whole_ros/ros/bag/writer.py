"""The bag that `hand4whole replay` writes: the messages of the input, and the results of its images."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from rosbags.interfaces import Connection

from ...system.output_files import DISK_FULL_ERRNOS
from .ownership import CUSTOM_DATA
from .reader import Entry
from .types import load_type_store, make_latched_profile, ros_type_name

#: Storage formats of bags that can be written.
STORAGES = ('mcap', 'sqlite3')

#: Not the newest version of the format, so that ROS 2 Humble and later can read it.
_VERSION = 8

_UNKNOWN_HASH = 'RIHS01_' + '0' * 64


def is_disk_full(error: BaseException) -> bool:
    """Whether writing failed because the disk is full."""
    return (isinstance(error, OSError) and error.errno in DISK_FULL_ERRNOS
            or isinstance(error, sqlite3.OperationalError) and 'full' in str(error))


class BagWriter:
    """A new bag. The same calls write the same bytes: no clock is used.

    Use it as a context manager; after an exception the bag is incomplete and has to be deleted.
    """

    def __init__(
        self,
        path: Path,
        storage: str,
        copied_connections: Iterable,
        added_topics: Mapping[str, type],
        *, latched: tuple[str, ...],
        custom_data: str,
        program: str = 'replay',
    ):
        """copied_connections: those of the input that are kept; added_topics: topic -> message class; `latched` are
        those of them that late subscribers get; `custom_data` is stored in the bag's metadata.
        """
        from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
        self._writer = Writer(path, version=_VERSION, storage_plugin=StoragePlugin[storage.upper()])
        if storage == 'mcap':
            self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._writer.set_custom_data(CUSTOM_DATA + program, custom_data)
        self._writer.open()
        self._types = load_type_store()
        #: By the input's connection id, and by topic.
        self._copied_connections: dict[int, Connection] = {}
        self._added_connections: dict[str, Connection] = {}
        made = {}
        for connection in copied_connections:
            key = connection.topic, connection.msgtype, repr(connection.ext)
            if key not in made:
                made[key] = self._add_connection(connection)
            self._copied_connections[connection.id] = made[key]
        for topic, kind in added_topics.items():
            same = (made[key] for key in made if key[:2] == (topic, ros_type_name(kind)))
            self._added_connections[topic] = next(same, None) or self._writer.add_connection(
                topic, ros_type_name(kind), typestore=self._types,
                offered_qos_profiles=[make_latched_profile()] if topic in latched else ())

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(self, kind, error, trace) -> None:
        if error is None:
            self._writer.close()
        else:
            try:
                self._writer.abort()
            except Exception:  # On a full disk closing fails as well; the original error is more informative.
                pass

    def copy(self, entry: Entry) -> None:
        """Copy one message of the input unchanged."""
        self._writer.write(self._copied_connections[entry.connection.id], entry.time, entry.data)

    def write_message(self, topic: str, time: int, data: bytes) -> None:
        """Write one serialised message about an image; `time` in ns, the image's own."""
        self._writer.write(self._added_connections[topic], time, data)

    def add_topic(self, topic: str, kind: type, latched: bool) -> bool:
        """Add a topic of this message class. False if the definition of its type is unknown."""
        if ros_type_name(kind) not in self._types.types:
            return False
        self._added_connections[topic] = self._writer.add_connection(
            topic, ros_type_name(kind), typestore=self._types,
            offered_qos_profiles=[make_latched_profile()] if latched else ())
        return True

    def _add_connection(self, connection):
        definition, digest = connection.msgdef.data, connection.digest
        if not definition and connection.msgtype in self._types.types:
            definition, _ = self._types.generate_msgdef(connection.msgtype, ros_version=2)
        return self._writer.add_connection(
            connection.topic, connection.msgtype, msgdef=definition,
            rihs01=digest or self._type_hash(connection.msgtype, definition),
            serialization_format=connection.ext.serialization_format,
            offered_qos_profiles=connection.ext.offered_qos_profiles)

    def _type_hash(self, kind, definition):
        """Hash of a type by its own definition; zeros for an invalid definition."""
        from rosbags.typesys import Stores, get_types_from_msg, get_typestore
        try:
            store = get_typestore(Stores.EMPTY)
            store.register(get_types_from_msg(definition, kind))
            return store.hash_rihs01(kind)
        except Exception:  # Definitions in bags may be invalid; the messages are copied nevertheless.
            return _UNKNOWN_HASH
