"""The connections of a bag: one for each topic and type, regardless of the quality of service in its files."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from rosbags.interfaces import (
    Connection,
    ConnectionExtRosbag2,
    MessageDefinition,
    MessageDefinitionFormat,
    QosDurability,
)

from .errors import BagError, format_names, sanitise_line
from .mcap import McapFile
from .metadata import TopicAndType, TopicMetadata
from .sqlite import SqliteFile
from .types import is_always_latched, make_latched_profile

log = logging.getLogger(__name__)

#: Serialisation format of the messages in a bag of ROS 2.
CDR = 'cdr'


def merge_connections(
    path: Path, storages: Sequence[McapFile | SqliteFile], expected_topics: Mapping[TopicAndType, TopicMetadata]
) -> tuple[list[Connection], list[dict[int, Connection]]]:
    """The connections of a bag, and for each of its files: number of a connection there -> connection of the bag.

    A topic that only metadata.yaml names has one without messages. Messages that are not ROS 2's are skipped with a
    line in the log; BagError if there are no others.
    """
    parts: dict[TopicAndType, list[tuple[int, Connection]]] = {}
    foreign: dict[str, set[str]] = {}
    for index, storage in enumerate(storages):
        for connection in storage.connections:
            form = connection.ext.serialization_format if isinstance(connection.ext, ConnectionExtRosbag2) else 'ros1'
            if form == CDR:
                parts.setdefault((connection.topic, connection.msgtype), []).append((index, connection))
            else:
                foreign.setdefault(form or 'an encoding without a name', set()).add(connection.topic)
    if foreign:
        _report_foreign_topics(path, foreign, bool(parts))
    known = {topic for topic, _ in parts}.union(*foreign.values())
    connection_maps: list[dict[int, Connection]] = [{} for _ in storages]
    made = []
    for key in [*parts, *(key for key in expected_topics if key[0] not in known)]:
        connection = _merge_connection(
            len(made) + 1, key, [part for _, part in parts.get(key, ())], expected_topics.get(key, TopicMetadata())
        )
        for index, part in parts.get(key, ()):
            connection_maps[index][part.id] = connection
        made.append(connection)
    return made, connection_maps


def _report_foreign_topics(path, foreign, others):
    listed = '; '.join(f'{form} on {format_names(sorted(names))}' for form, names in sorted(foreign.items()))
    if others:
        log.warning('%s', sanitise_line(f'{path}: left out, as ROS 2 writes messages otherwise (CDR): {listed}'))
        return
    advice = 'record the topics of ROS 2 with `ros2 bag record`'
    if 'ros1' in foreign:
        advice = 'convert the ROS 1 bag it was made of with `rosbags-convert --src BAG.bag --dst BAG`'
    raise BagError(f'{path}: no messages of ROS 2 (CDR), but {listed}: {advice}')


def _merge_connection(number, key, parts, promise):
    """One connection from those of the files and of metadata.yaml."""
    topic, kind = key
    count = sum(part.msgcount for part in parts)
    profiles = []
    for profile in [profile for part in parts for profile in part.ext.offered_qos_profiles] or promise.qos:
        if profile not in profiles:
            profiles.append(profile)
    if is_always_latched(topic, kind) and not any(p.durability == QosDurability.TRANSIENT_LOCAL for p in profiles):
        profiles = [make_latched_profile(max(count, 1))]
    definition = next((part.msgdef for part in parts if part.msgdef.data),
                      MessageDefinition(MessageDefinitionFormat.NONE, ''))
    digest = next((part.digest for part in parts if part.digest), promise.digest)
    return Connection(number, topic, kind, definition, digest, count, ConnectionExtRosbag2(CDR, profiles), None)
