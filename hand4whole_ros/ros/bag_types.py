"""What bags say of the messages in them: names of types, their definitions, quality of service."""

from __future__ import annotations

import functools

from .compat import share_directory


def ros_type(kind: type) -> str:
    """'sensor_msgs/msg/Image' of its class."""
    package, folder, _ = kind.__module__.split('.')
    return f'{package}/{folder}/{kind.__name__}'


@functools.cache
def type_store():
    """rosbags' types of ROS 2 with those of this package added, read from the installed .msg files."""
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore
    store = get_typestore(Stores.ROS2_KILTED)
    folder = share_directory() / 'msg'
    added = {}
    for path in sorted(folder.glob('*.msg')):
        added.update(get_types_from_msg(path.read_text(), f'hand4whole_ros/msg/{path.stem}'))
    store.register(added)
    return store


def latched_profile():
    """Quality of service of a topic whose last message late subscribers get."""
    from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
    forever = QosTime(2147483647, 4294967295)
    return Qos(QosHistory.KEEP_LAST, 1, QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL, forever, forever,
               QosLiveliness.AUTOMATIC, forever, False)


def is_latched(connection) -> bool:
    """Whether late subscribers got the last message of this topic; of rosbags' Connection."""
    from rosbags.interfaces import QosDurability
    return any(profile.durability == QosDurability.TRANSIENT_LOCAL for profile in connection.ext.offered_qos_profiles)


def normalised(data: bytes, kind: type) -> bytes:
    """A serialised message with zeros between the fields, where rclpy leaves whatever was in memory."""
    store, name = type_store(), ros_type(kind)
    return bytes(store.serialize_cdr(store.deserialize_cdr(data, name), name))
