"""metadata.yaml of a bag: expected files and their content. If they differ, the files themselves count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

from .errors import BagError, format_names
from .types import parse_offered_qos
from .yaml_reader import load_yaml

METADATA_FILE = 'metadata.yaml'

#: Its maximum size, bytes; that of thousands of files has one megabyte.
MAX_METADATA_BYTES = 10 << 20

#: Maximum number of topics in a line.
_MAX_NAMED_TOPICS = 6

#: Key of an entry.
TopicAndType = tuple[str, str]


@dataclass
class TopicMetadata:
    """Entry of metadata.yaml about the messages of one type on one topic."""

    messages: int = 0
    qos: list = field(default_factory=list)     # rosbags' Qos
    digest: str = ''


@dataclass(frozen=True)
class Metadata:
    """The valid part of metadata.yaml."""

    #: Names, without folders: a bag may have been moved or renamed.
    files: tuple[str, ...]
    topics: Mapping[TopicAndType, TopicMetadata]


def read_metadata(folder: Path) -> Metadata:
    """Raises BagError if it is too large, ValueError, in one line, if it is no metadata."""
    path = folder / METADATA_FILE
    try:
        size = path.stat().st_size
        if size > MAX_METADATA_BYTES:
            raise BagError(f'{folder}: {METADATA_FILE} has {size:,} bytes, at most {MAX_METADATA_BYTES:,}')
        text = path.read_bytes()
    except OSError as error:
        raise ValueError(f'cannot be read: {error.strerror}') from None
    if not text.strip(b' \r\n\t\0'):
        raise ValueError('is empty')
    about = _as_dict(_as_dict(load_yaml(text)).get('rosbag2_bagfile_information'))
    if not about:
        raise ValueError('describes no bag')
    files = tuple(PureWindowsPath(name).name for name in _as_list(about.get('relative_file_paths'))
                  if isinstance(name, str) and PureWindowsPath(name).name)
    topics: dict[TopicAndType, TopicMetadata] = {}
    for row in _as_list(about.get('topics_with_message_count')):
        topic = _as_dict(_as_dict(row).get('topic_metadata'))
        name, kind, count = topic.get('name'), topic.get('type'), _as_dict(row).get('message_count')
        if isinstance(name, str) and isinstance(kind, str):
            promise = topics.setdefault((name, kind), TopicMetadata())
            promise.messages += count if isinstance(count, int) and count > 0 else 0
            promise.qos += parse_offered_qos(topic.get('offered_qos_profiles'))
            promise.digest = str(topic.get('type_description_hash') or '')
    return Metadata(files, topics)


def _as_dict(value):
    return value if isinstance(value, dict) else {}


def _as_list(value):
    return value if isinstance(value, list) else []


def compare_topics(
    expected_topics: Mapping[TopicAndType, TopicMetadata], found: Mapping[TopicAndType, int]
) -> tuple[str, int]:
    """Text about differences between the messages in the files and those listed; and the number missing."""
    differences, missing = [], 0
    wanted_of, found_of = (
        _group_by_topic({key: about.messages for key, about in expected_topics.items()}),
        _group_by_topic(found),
    )
    for topic in sorted({*wanted_of, *found_of}):
        wanted, there = wanted_of.get(topic, {}), found_of.get(topic, {})
        expected, number = sum(wanted.values()), sum(there.values())
        missing += max(expected - number, 0)
        if number != expected:
            differences.append(f'{topic} has {number:,} messages, not {expected:,}')
        elif there.keys() != wanted.keys():
            differences.append(f'{topic} is of type {_format_types(there)}, not {_format_types(wanted)}')
    return format_names(differences, _MAX_NAMED_TOPICS), missing


def _group_by_topic(counts):
    """Topic -> type -> messages, if there are any."""
    found: dict[str, dict[str, int]] = {}
    for (topic, kind), count in counts.items():
        if count:
            found.setdefault(topic, {})[kind] = count
    return found


def _format_types(counts):
    return ' and '.join(sorted(counts))
