"""Bags to replay: a camera, its calibration, some chatter and a type that nobody knows."""

from rclpy.serialization import serialize_message
from ros_peer import camera_info, compressed_message, image_message
from rosbags.interfaces import MessageDefinitionFormat
from rosbags.rosbag2 import CompressionFormat, CompressionMode, Reader, StoragePlugin, Writer
from scripted_node import picture
from std_msgs.msg import String

from hand4whole_ros.ros.bag.types import load_type_store, make_latched_profile

START = 1_700_000_000_000_000_000
PERIOD = 100_000_000
IMAGE, INFO, CHATTER, ODD = '/cam/image_raw', '/cam/camera_info', '/chatter', '/odd'
FRAME = 'cam_optical'

COMPRESSIONS = {'plain': None, 'file': CompressionMode.FILE, 'message': CompressionMode.MESSAGE,
                'storage': CompressionMode.STORAGE}


def messages(pictures, infos=True, info_delay=0, stamps=None):
    """(topic, time, bytes) of each: one image, camera_info and chatter a PERIOD.

    `pictures` are RGB arrays, or JPEG bytes; camera_info is recorded `info_delay` ns after its image.
    """
    for k, rgb in enumerate(pictures):
        time = START + k * PERIOD
        stamp = divmod(time - 5_000_000 if stamps is None else stamps[k], 10**9)
        image = (compressed_message(rgb, stamp, FRAME) if isinstance(rgb, bytes)
                 else image_message(rgb, stamp, FRAME))
        yield IMAGE, time, bytes(serialize_message(image))
        if infos:
            info = camera_info()
            info.header = image.header
            yield INFO, time + info_delay + 1, bytes(serialize_message(info))
        yield CHATTER, time + 2, bytes(serialize_message(String(data=f'word {k}')))
        yield ODD, time + 3, b'\x00\x01\x00\x00' + bytes([k % 256] * 7)


def write(path, rows=None, storage='mcap', compression='plain', image_type='sensor_msgs/msg/Image', latched=(),
          kinds=(), profile=None):
    """A bag at `path` of (topic, time, bytes); by default three images with one person. Returns the path.

    kinds: topic -> type of topics besides those of `messages`; all others are images. profile: instead of a latched
    one.
    """
    rows = list(messages([picture(1)] * 3) if rows is None else rows)
    types = {INFO: 'sensor_msgs/msg/CameraInfo', CHATTER: 'std_msgs/msg/String', ODD: 'odd_msgs/msg/Odd',
             **dict(kinds)}
    writer = Writer(path, version=9, storage_plugin=StoragePlugin[storage.upper()])
    if COMPRESSIONS[compression] is not None:
        writer.set_compression(COMPRESSIONS[compression], CompressionFormat.ZSTD)
    with writer:
        connections = {}
        for topic in dict.fromkeys(row[0] for row in rows):
            kind = types.get(topic, image_type)
            known = {'typestore': load_type_store()} if topic != ODD else {
                'msgdef': 'uint8[7] numbers\n', 'rihs01': 'RIHS01_' + '7' * 64}
            connections[topic] = writer.add_connection(
                topic,
                kind,
                offered_qos_profiles=[profile or make_latched_profile()] if topic in latched else (),
                **known,
            )
        for topic, time, data in sorted(rows, key=lambda row: row[1]):
            writer.write(connections[topic], time, data)
    return path


def read(path):
    """{topic: [(time, bytes), ...]} of a bag."""
    with Reader(path) as reader:
        found = {connection.topic: [] for connection in reader.connections}
        for connection, time, data in reader.messages():
            found[connection.topic].append((time, bytes(data)))
    return found


def decoded(path, topic):
    """The messages of one topic as rosbags' own types; the types are those the bag itself defines."""
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore
    with Reader(path) as reader:
        store = get_typestore(Stores.EMPTY)
        (connection,) = [c for c in reader.connections if c.topic == topic]
        assert connection.msgdef.format == MessageDefinitionFormat.MSG
        store.register(get_types_from_msg(connection.msgdef.data, connection.msgtype))
        return [store.deserialize_cdr(data, connection.msgtype) for _, _, data in reader.messages([connection])]


def files(path):
    """{name: bytes} of everything in a bag's folder."""
    return {file.name: file.read_bytes() for file in path.iterdir()}
