"""`hand4whole play` of results that another version of this package has recorded."""

import subprocess
import sys

from bag_maker import START
from rclpy.serialization import serialize_message
from rosbags.interfaces import MessageDefinition, MessageDefinitionFormat
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from hand4whole_ros.msg import HandPoseArray, TeleopState
from hand4whole_ros.ros.bag.reader import Bag
from hand4whole_ros.ros.bag.types import has_other_fields, load_type_store
from hand4whole_ros.ros.compat import share_directory

HANDS, STATE = '/hand4whole/hands', '/retarget/state'
LINE = '=' * 80 + '\n'


def definition(name, *parts, without='no such line'):
    """Text of a message of this package and of those in it, as bags hold it, without a line of HandPose."""
    folder, text = share_directory('hand4whole_ros') / 'msg', ''
    for k, part in enumerate((name, *parts)):
        text += '' if k == 0 else f'{LINE}MSG: hand4whole_ros/{part}\n'
        text += (folder / f'{part}.msg').read_text().replace(without, '') + '\n'
    standard = get_typestore(Stores.ROS2_KILTED)
    for kind in ('std_msgs/msg/Header', 'geometry_msgs/msg/Pose', 'sensor_msgs/msg/RegionOfInterest'):
        found = standard.generate_msgdef(kind, ros_version=2)[0]
        text += f'{LINE}MSG: {kind.replace("/msg/", "/")}\n{found}'
    return text


def write(path, without):
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for topic, message, text in (
                (HANDS, HandPoseArray(), definition('HandPoseArray', 'HandPose', without=without)),
                (STATE, TeleopState(), definition('TeleopState'))):
            connection = writer.add_connection(topic, f'hand4whole_ros/msg/{type(message).__name__}', msgdef=text,
                                               rihs01='RIHS01_' + '0' * 64)
            writer.write(connection, START, bytes(serialize_message(message)))
    return path


def test_results_of_another_version_are_left_out_in_one_line(tmp_path):
    source = write(tmp_path / 'bag', 'float32 agreement -1.0')
    player = subprocess.run([sys.executable, '-m', 'hand4whole_ros.cli.main', 'play', str(source)], text=True,
                            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120)
    assert player.returncode == 0 and 'Traceback' not in player.stderr, player.stderr
    assert (f'{HANDS} is left out: it was recorded by another version of hand4whole_ros, whose '
            'hand4whole_ros/msg/HandPoseArray has other fields') in player.stderr
    assert STATE not in player.stderr


def test_what_this_version_records_has_no_other_fields(tmp_path):
    with Bag(write(tmp_path / 'bag', 'no such line')) as bag:
        assert [has_other_fields(connection) for connection in bag.connections] == [False, False]
        hands = bag.connections[0]
        nothing = hands._replace(msgdef=MessageDefinition(MessageDefinitionFormat.NONE, ''))
        right = load_type_store().hash_rihs01(hands.msgtype)
        assert [has_other_fields(nothing._replace(digest=digest)) for digest in ('', right, 'RIHS01_' + '0' * 64)] == [
            False, False, True]
        assert not has_other_fields(nothing._replace(msgtype='std_msgs/msg/String', digest='RIHS01_' + '0' * 64))
