"""One MCAP file of a bag: of any profile, with or without an index, also without its end.

rosbags reads messages from chunks; it accepts only files of profile `ros2` with a complete end, and stops at schemas
that are not ROS 2's. The other records are therefore read here, as https://mcap.dev/spec defines them.
"""

from __future__ import annotations

import heapq
import logging
import re
import struct
from collections import Counter
from collections.abc import Collection, Iterator
from io import BytesIO
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

from rosbags.interfaces import Connection, ConnectionExtRosbag2, MessageDefinition, MessageDefinitionFormat
from rosbags.rosbag2.errors import ReaderError
from rosbags.rosbag2.metadata import ReaderMetadata
from rosbags.rosbag2.storage_mcap import (
    DECOMPRESSORS,
    ChunkInfo,
    McapReader,
    decompress,
    msgsrc,
    read_bytes,
    read_sized,
    read_string,
)

from .errors import BagError, repair_command, sanitise_line
from .types import parse_offered_qos

log = logging.getLogger(__name__)

_MAGIC = b'\x89MCAP0\r\n'

# Records, and the last one in the specification; those from _PRIVATE on are an application's own.
_HEADER, _FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _CHUNK_INDEX, _STATISTICS, _DATA_END, _PRIVATE = (
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x08, 0x0B, 0x0F, 0x80)

#: Bytes of a record before its content; of a message before its data; of the footer and the magic after it.
_RECORD_HEAD, _MESSAGE_HEAD, _FILE_END = 9, 22, 37

_FORMATS = {'ros2msg': MessageDefinitionFormat.MSG, 'ros2idl': MessageDefinitionFormat.IDL,
            'omgidl': MessageDefinitionFormat.IDL}

#: Exceptions of broken records.
_DAMAGE_ERRORS = (ReaderError, struct.error, IndexError, ValueError, ArithmeticError)


class McapFile(McapReader):
    """A file with the interface of rosbags' McapReader."""

    path: Path
    bio: BinaryIO       # while it is open; nothing is read while it is not

    def __init__(self, path: Path):
        super().__init__(path)
        self.profile = ''
        #: Text about unreadable parts of the file; empty if there are none. More may be found while reading.
        self.lost = ''
        #: Remarks although all can be read.
        self.remark = ''
        self._damaged: set[int] = set()     # offsets of chunks
        self._reset()

    def _reset(self):
        self.chunks, self.connections = [], []
        self._schemas: dict[int, tuple[str, str, bytes]] = {}       # name, encoding, data
        self._counts: Counter[int] = Counter()                      # channel -> messages
        self._loose: list[tuple[int, int, int, int]] = []           # outside chunks: time, channel, offset, size
        self._first, self._last = 2**63 - 1, 0

    def _open(self) -> None:
        """Called by open(). Raises any exception for broken bytes."""
        bio, size = self.bio, self.path.stat().st_size
        if bio.read(8) != _MAGIC or bio.read(1) != bytes([_HEADER]):
            raise ReaderError('it does not begin as an MCAP file')
        self.profile = read_string(BytesIO(read_sized(bio)))
        self.data_start = bio.tell()
        end = self._read_footer(size)
        if end is None:
            self._scan(size)
            self.remark = 'it has no end, as a recording that was killed or a copy that was cut off'
        elif not self._read_summary(end, size - _FILE_END):
            self._reset()
            self._scan(end or size - _FILE_END)
        count = sum(self._counts.values())
        if not count and self.lost:
            raise ReaderError(f'{self.lost}, and there is no other message')
        if strange := {chunk.compression for chunk in self.chunks} - DECOMPRESSORS.keys():
            raise ReaderError(f'compressed with {", ".join(sorted(strange))}, which is not known here')
        self.connections = [c._replace(msgcount=self._counts[c.id]) for c in self.connections]
        self.metadata = ReaderMetadata(self._last + 1 - self._first if count else 0, self._first,
                                       self._last + 1 if count else 0, count, None, None, None, None)

    def _read_footer(self, size):
        """Offset of the summary, 0 without one; None if the file has no end."""
        if size < self.data_start + _FILE_END:
            return None
        self.bio.seek(-_FILE_END, 2)
        data = self.bio.read(_FILE_END)
        if data[-8:] != _MAGIC or data[:_RECORD_HEAD] != struct.pack('<BQ', _FOOTER, 20):
            return None
        (start,) = struct.unpack_from('<Q', data, _RECORD_HEAD)
        return start if self.data_start <= start <= size - _FILE_END else 0

    def _read_summary(self, start, end):
        """Connections and chunks from the index; False if there is none, or if it is not of the whole file."""
        if not start:
            return False
        self.bio.seek(start)
        data, total = self.bio.read(end - start), None
        try:
            for opcode, at, length in _iterate_records(data):
                record = data[at:at + length]
                if opcode in (_SCHEMA, _CHANNEL):
                    self._read_definition(opcode, record)
                elif opcode == _CHUNK_INDEX:
                    self._add_chunk_index(record)
                elif opcode == _STATISTICS:
                    total, self._first, self._last = struct.unpack_from('<Q18xQQ', record)
        except _DAMAGE_ERRORS:
            return False
        for chunk in self.chunks:
            self._counts.update(chunk.channel_count)
        return total == sum(self._counts.values()) and self._counts.keys() <= {c.id for c in self.connections}

    def _add_chunk_index(self, record):
        first, last, offset, length = struct.unpack_from('<QQQQ', record)
        bio = BytesIO(record[32:])
        indexes = {channel: where for channel, where in struct.iter_unpack('<HQ', read_bytes(bio))}
        (index_length,) = struct.unpack('<Q', bio.read(8))
        compression = read_string(bio)
        packed, unpacked = struct.unpack('<QQ', bio.read(16))
        ordered = sorted((where, channel) for channel, where in indexes.items())
        ends = [where for where, _ in ordered[1:]] + [offset + length + index_length]
        # 15 bytes before the entries of a message index, 16 for each.
        counts = {channel: (stop - where - 15) // 16 for (where, channel), stop in zip(ordered, ends)}
        self.chunks.append(ChunkInfo(first, last, offset, length, indexes, index_length, compression, packed, unpacked,
                                     counts))

    def _scan(self, end):
        """Read the whole file, from its beginning to the first byte that belongs to no record."""
        bio, at, damaged = self.bio, self.data_start, 0
        while at < end:
            bio.seek(at)
            head = bio.read(_RECORD_HEAD)
            opcode, length = struct.unpack('<BQ', head) if len(head) == _RECORD_HEAD else (0, 0)
            content = at + _RECORD_HEAD
            if opcode in (_DATA_END, _FOOTER):
                break
            if not opcode or _DATA_END < opcode < _PRIVATE or content + length > end:
                self.lost = f'the last {end - at:,} bytes cannot be read'
                break
            try:
                if opcode in (_SCHEMA, _CHANNEL):
                    self._read_definition(opcode, bio.read(length))
                elif opcode == _MESSAGE:
                    channel, _, time = struct.unpack_from('<HIQ', bio.read(_MESSAGE_HEAD))
                    self._loose.append((time, channel, content + _MESSAGE_HEAD, length - _MESSAGE_HEAD))
                    self._count_message(channel, time)
                elif opcode == _CHUNK:
                    self._scan_chunk(at, bio.read(length))
            except BagError:
                raise       # It unpacks to more than it may.
            except Exception:       # Any exception of zstd, LZ4 or a broken record.
                damaged += 1
            at = content + length
        if damaged:
            self.lost = '; '.join(filter(None, [f'{damaged} damaged parts of it cannot be read', self.lost]))
        self._loose.sort(key=itemgetter(0))

    def _scan_chunk(self, at, record):
        unpacked_size, crc, word = struct.unpack_from('<16xQII', record)
        compression = record[32:32 + word].decode()
        (packed_size,) = struct.unpack_from('<Q', record, 32 + word)
        packed = record[40 + word:40 + word + packed_size]
        data = decompress(packed, compression, unpacked_size, crc)
        times, counts = [], Counter()
        for opcode, start, length in _iterate_records(data):
            if opcode in (_SCHEMA, _CHANNEL):
                self._read_definition(opcode, data[start:start + length])
            elif opcode == _MESSAGE:
                channel, _, time = struct.unpack_from('<HIQ', data, start)
                times.append(time)
                counts[channel] += 1
        if times:
            self.chunks.append(ChunkInfo(min(times), max(times), at, len(record) + _RECORD_HEAD, {}, 0, compression,
                                         packed_size, unpacked_size, dict(counts)))
            self._first, self._last = min(self._first, *times), max(self._last, *times)
            self._counts.update(counts)

    def _count_message(self, channel, time):
        self._counts[channel] += 1
        self._first, self._last = min(self._first, time), max(self._last, time)

    def _read_definition(self, opcode, record):
        """Read a schema or a channel."""
        bio = BytesIO(record)
        (number,) = struct.unpack('<H', bio.read(2))
        if opcode == _SCHEMA:
            self._schemas[number] = read_string(bio), read_string(bio), read_bytes(bio)
            return
        if any(connection.id == number for connection in self.connections):
            return
        (schema,) = struct.unpack('<H', bio.read(2))
        topic, encoding, metadata = read_string(bio), read_string(bio), _read_strings(read_bytes(bio))
        name, schema_encoding, data = self._schemas.get(schema, ('__schemaless__', '', b''))
        definition = parse_message_definition(schema_encoding, data)
        if not encoding and (self.profile == 'ros2' or schema_encoding in _FORMATS):
            encoding = 'cdr'
        self.connections.append(Connection(
            number, topic, normalise_type_name(name) if encoding == 'cdr' else name, definition,
            metadata.get('topic_type_hash', ''), 0,
            ConnectionExtRosbag2(encoding, parse_offered_qos(metadata.get('offered_qos_profiles', ''))), self))

    def messages(self, connections: Collection[Connection], start: int | None = None,
                 stop: int | None = None) -> Iterator[tuple[Connection, int, bytes]]:
        """Messages in the order of their times; see McapReader."""
        wanted = {connection.id: connection for connection in connections}
        start, stop = 0 if start is None else start, 2**64 if stop is None else stop
        parts = [self._chunk_messages(chunk, wanted, start, stop) for chunk in self.chunks
                 if start <= chunk.message_end_time and chunk.message_start_time < stop
                 and wanted.keys() & chunk.channel_count.keys()]
        for time, connection, data in heapq.merge(
            *parts, self._unchunked_messages(wanted, start, stop), key=itemgetter(0)
        ):
            if connection is not None and data is not None:
                yield connection, time, data

    def _chunk_messages(self, chunk, wanted, start, stop):
        """(time, connection, data), sorted; a damaged chunk loses only its own messages."""
        if chunk.chunk_start_offset in self._damaged:
            return
        try:
            for message in msgsrc(chunk, wanted, start, stop, self.bio):
                yield message.timestamp, message.connection, message.data
        except BagError:
            raise       # It unpacks to more than it may.
        except Exception as error:      # Any exception of zstd, LZ4 or a broken record.
            self._damaged.add(chunk.chunk_start_offset)
            self.lost = (f'{len(self._damaged)} damaged chunks cannot be read, with '
                         f'{self._messages_in_damaged_chunks():,} messages')
            log.warning('%s', sanitise_line(
                f'{self.path}: a damaged chunk with {sum(chunk.channel_count.values()):,} messages is left out '
                f'({" ".join(str(error).split())}); {repair_command(self.path)}'))

    def _messages_in_damaged_chunks(self):
        return sum(sum(chunk.channel_count.values()) for chunk in self.chunks
                   if chunk.chunk_start_offset in self._damaged)

    def _unchunked_messages(self, wanted, start, stop):
        for time, channel, where, size in self._loose:
            if channel in wanted and start <= time < stop:
                self.bio.seek(where)
                yield time, wanted[channel], self.bio.read(size)


def _iterate_records(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(opcode, offset of its content, length of its content) of each record. Raises ReaderError if one is cut off."""
    at = 0
    while at < len(data):
        if at + _RECORD_HEAD > len(data):
            raise ReaderError('a record is cut off')
        opcode, length = struct.unpack_from('<BQ', data, at)
        at += _RECORD_HEAD
        if at + length > len(data):
            raise ReaderError('a record is cut off')
        yield opcode, at, length
        at += length


def _read_strings(data):
    bio, found = BytesIO(data), {}
    while bio.tell() < len(data):
        name = read_string(bio)
        found[name] = read_string(bio)
    return found


def parse_message_definition(encoding: str, data: bytes | str) -> MessageDefinition:
    """Definition of a type, if it is written in a language of ROS 2; else none."""
    text = data if isinstance(data, str) else data.decode(errors='replace')
    if encoding not in _FORMATS or not text:
        return MessageDefinition(MessageDefinitionFormat.NONE, '')
    return MessageDefinition(_FORMATS[encoding], text)


def normalise_type_name(name: str) -> str:
    """'sensor_msgs/msg/Image' of 'sensor_msgs/Image' and of DDS's 'sensor_msgs::msg::dds_::Image_'."""
    found = re.fullmatch(r'(\w+)(?:/|::)(?:msg(?:/|::))?(?:dds_::)?(\w+)', name)
    if found is None:
        return name
    kind = found[2].removesuffix('_') if 'dds_::' in name else found[2]
    return f'{found[1]}/msg/{kind}'
