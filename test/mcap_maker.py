"""MCAP files record by record, as https://mcap.dev/spec has them: of any profile, with and without index and end."""

import struct
import zlib

MAGIC = b'\x89MCAP0\r\n'
SCHEMA = b'string data\n'


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack('<I', len(data)) + data


def record(opcode, content):
    return struct.pack('<BQ', opcode, len(content)) + content


def schema(number, name, encoding='ros2msg', data=SCHEMA):
    return record(3, struct.pack('<H', number) + text(name) + text(encoding) + text(data))


def channel(number, schema_number, topic, encoding='cdr', **metadata):
    pairs = b''.join(text(name) + text(value) for name, value in metadata.items())
    return record(4, struct.pack('<HH', number, schema_number) + text(topic) + text(encoding) + text(pairs))


def message(channel_number, time, data):
    return record(5, struct.pack('<HIQQ', channel_number, 0, time, time) + data)


def chunk(records, first=0, last=2**62, compression='', packed=None):
    return record(6, struct.pack('<QQQI', first, last, len(records), zlib.crc32(records)) + text(compression)
                  + struct.pack('<Q', len(packed or records)) + (packed or records))


def file(data, profile='ros2', end=True):
    """A file of these records, without index; `end`: whether its recorder came to the end."""
    whole = MAGIC + record(1, text(profile) + text('test')) + data
    if end:
        whole += record(15, struct.pack('<I', 0)) + record(2, struct.pack('<QQI', 0, 0, 0)) + MAGIC
    return whole


def definitions(topic='/chatter', kind='std_msgs/msg/String', encoding='cdr', schema_encoding='ros2msg', data=SCHEMA,
                number=1):
    return schema(number, kind, schema_encoding, data) + channel(number, number, topic, encoding)
