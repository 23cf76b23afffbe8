"""Metadata of the messages in bags: names of types, their definitions, quality of service."""

from __future__ import annotations

import functools
import importlib

from ..compat import Detection3DArray, share_directory
from .yaml_reader import load_yaml

#: Last parts of topics, and their types, that are always latched, regardless of the bag: their messages are
#: sent once, for all later subscribers.
_ALWAYS_LATCHED = {
    'tf_static': 'tf2_msgs/msg/TFMessage', 'robot_description': 'std_msgs/msg/String',
    'robot_description_semantic': 'std_msgs/msg/String', 'map': 'nav_msgs/msg/OccupancyGrid',
    'map_metadata': 'nav_msgs/msg/MapMetaData'}

#: Prefix of the names of this package's types.
OWN_PACKAGE = 'hand4whole_ros/msg/'

#: Maximum characters of the quality of service of one topic.
_MAX_QOS_LENGTH = 100_000

#: Values that complete a partial profile.
_PLAIN_PROFILE = {
    'history': 'unknown', 'depth': 0, 'reliability': 'unknown', 'durability': 'unknown', 'liveliness': 'unknown',
    'avoid_ros_namespace_conventions': False,
    **{name: {'sec': 0, 'nsec': 0} for name in ('deadline', 'lifespan', 'liveliness_lease_duration')}}


def ros_type_name(kind: type) -> str:
    """'sensor_msgs/msg/Image' of its class."""
    package, folder, _ = kind.__module__.split('.')
    return f'{package}/{folder}/{kind.__name__}'


def message_class(name: str) -> type | None:
    """The class of 'sensor_msgs/msg/Image', or None if it is not installed."""
    try:
        package, folder, kind = name.split('/')
        return getattr(importlib.import_module(f'{package}.{folder}'), kind)
    except (ImportError, AttributeError, ValueError):
        return None


@functools.cache
def load_type_store():
    """rosbags' types of ROS 2 with those of this package added, read from the installed .msg files."""
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore
    store = get_typestore(Stores.ROS2_KILTED)
    added = {}
    for package in ('hand4whole_ros', *(('vision_msgs',) if Detection3DArray else ())):
        for path in sorted((share_directory(package) / 'msg').glob('*.msg')):
            added.update(get_types_from_msg(path.read_text(), f'{package}/msg/{path.stem}'))
    store.register({name: kind for name, kind in added.items() if name not in store.fielddefs})
    return store


def has_other_fields(connection) -> bool:
    """Whether a bag's messages of this package have other fields than this version's; of rosbags' Connection.

    False for types of other packages, and if the bag has no definition of its messages.
    """
    from rosbags.interfaces import MessageDefinitionFormat
    from rosbags.typesys import get_types_from_msg
    name = connection.msgtype
    if not name.startswith(OWN_PACKAGE):
        return False
    known = load_type_store().fielddefs
    if connection.msgdef.format == MessageDefinitionFormat.MSG and connection.msgdef.data:
        try:
            recorded = get_types_from_msg(connection.msgdef.data, name)
        except Exception:       # Bags may contain anything.
            return False
        return any(kind.startswith(OWN_PACKAGE) and (kind not in known or known[kind][1] != fields)
                   for kind, (_, fields) in recorded.items())
    return bool(connection.digest) and name in known and connection.digest != load_type_store().hash_rihs01(name)


def parse_offered_qos(value: str | list | None) -> list:
    """rosbags' Qos of each publisher, from YAML text or what it holds; of any version: numbers or names.

    Invalid profiles are skipped: they must not make the topic unreadable.
    """
    return list(_parse_profiles_text(value) if isinstance(value, str) else _parse_profiles(value))


@functools.lru_cache(maxsize=1024)
def _parse_profiles_text(text):
    if len(text) > _MAX_QOS_LENGTH:
        return ()
    try:
        return _parse_profiles(load_yaml(text))
    except ValueError:
        return ()


def _parse_profiles(value):
    from rosbags.rosbag2.metadata import parse_qos
    found = []
    for profile in [value] if isinstance(value, dict) else value if isinstance(value, list) else ():
        try:
            definition = {str(name): int(part) if isinstance(part, str) and part.isdigit() else part
                    for name, part in profile.items() if part is not None}
            found += parse_qos([{**_PLAIN_PROFILE, **definition}])    # pyright: ignore[reportArgumentType]  # any keys
        except Exception:       # Bags may contain anything.
            continue
    return tuple(found)


def make_latched_profile(depth: int = 1):
    """Quality of service of a topic whose last `depth` messages late subscribers get."""
    from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
    forever = QosTime(2147483647, 4294967295)
    return Qos(QosHistory.KEEP_LAST, depth, QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL, forever, forever,
               QosLiveliness.AUTOMATIC, forever, False)


def is_latched(connection) -> bool:
    """Whether late subscribers get the last messages of this topic; of rosbags' Connection."""
    from rosbags.interfaces import QosDurability
    return is_always_latched(connection.topic, connection.msgtype) or any(
        profile.durability == QosDurability.TRANSIENT_LOCAL for profile in connection.ext.offered_qos_profiles)


def is_always_latched(topic: str, kind: str) -> bool:
    """Whether topics of this name and type are latched everywhere."""
    return _ALWAYS_LATCHED.get(topic.rpartition('/')[2]) == kind


def zero_padding(data: bytes, kind: type) -> bytes:
    """A serialised message with zeros between the fields, where rclpy leaves uninitialised memory."""
    store, name = load_type_store(), ros_type_name(kind)
    return bytes(store.serialize_cdr(store.deserialize_cdr(data, name), name))
