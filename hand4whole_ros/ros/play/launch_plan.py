"""The programs that replay.launch.py starts: a bag, the node that processes it, and RViz.

Imports neither `launch` nor a running ROS, so that it works, and is tested, where launch is not installed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage, Image

from .. import topics
from ..bag.own_results import OwnResults
from ..bag.reader import COMPRESSED_IMAGE, Bag, BagError, select_camera_info_connection, select_image_connection
from ..conversions.raw_image import DEFAULT_FRAME_ID
from ..node.companions import missing_ros2_bag, module_command
from ..node.launch_arguments import ARGUMENTS as OF_THE_NODE
from ..node.launch_arguments import LaunchArgument

PLAYERS = ('hand4whole', 'ros2')

#: Arguments that the bag determines.
_BAG_ARGUMENTS = ('image_transport', 'use_sim_time', 'camera', 'camera_calibration')

_CHANGED_ARGUMENTS = {
    'image_topic': ('', 'Image topic of the camera in the bag. Empty: the only one.'),
    'rviz': ('true', "Open RViz with the package's configuration: 'true' or 'false'.")}

ARGUMENTS = (
    LaunchArgument('bag', '', 'The rosbag2 bag to play: a folder, .mcap or .db3.'),
    LaunchArgument('rate', '1.0', 'Playback speed, relative to the recording.'),
    LaunchArgument('loop', 'false', "Restart at the end: 'true' or 'false'."),
    LaunchArgument('start', '0.0', 'Start time from the beginning, s.'),
    LaunchArgument('player', 'hand4whole',
                   "'hand4whole' starts when the node has subscribed; 'ros2' is ros2 bag play."),
    *(replace(argument, default=_CHANGED_ARGUMENTS[argument.name][0], description=_CHANGED_ARGUMENTS[argument.name][1])
      if argument.name in _CHANGED_ARGUMENTS else argument
      for argument in OF_THE_NODE if argument.name not in _BAG_ARGUMENTS))


@dataclass(frozen=True)
class ReplayPlan:
    """What to start."""

    #: Command that plays the bag.
    player: list[str]
    #: Values of all arguments of estimate.launch.py.
    node: dict[str, str]
    #: Frame of the images, for RViz.
    frame: str
    #: One line for the user, or ''.
    remark: str = ''


def make_replay_plan(values: dict[str, str]) -> ReplayPlan:
    """Interpret the arguments. ValueError names the wrong one, or the fault of the bag."""
    if not values['bag']:
        raise ValueError('bag: expected the path of a rosbag2 bag, found nothing')
    rate, start = _parse_number('rate', values), _parse_number('start', values)
    if rate <= 0 or start < 0:
        raise ValueError(f'rate and start: expected positive numbers, found {rate:g} and {start:g}')
    if values['loop'] not in ('true', 'false'):
        raise ValueError(f"loop: expected 'true' or 'false', found {values['loop']!r}")
    path = Path(values['bag']).expanduser()
    with Bag(path) as bag:
        images = select_image_connection(bag, values['image_topic'] or None)
        info = select_camera_info_connection(bag, images.topic, values['camera_info_topic'] or None)
        first = next(bag.messages([images]), None)
        own = OwnResults(bag.connections).topics
        kept = sorted({connection.topic for connection in bag.connections} - own)
    if first is None:
        raise BagError(f'{path}: no image on {images.topic} can be read')
    compressed = images.msgtype == COMPRESSED_IMAGE
    header = deserialize_message(first.data, CompressedImage if compressed else Image).header
    node = {argument.name: values[argument.name] for argument in OF_THE_NODE if argument.name not in _BAG_ARGUMENTS}
    node.update(camera='', camera_calibration='')
    node.update(image_topic=images.topic.removesuffix(topics.COMPRESSED) if compressed else images.topic,
                image_transport='compressed' if compressed else 'raw', use_sim_time='true',
                camera_info_topic='' if info is None else info.topic)
    # Results of an earlier run in the bag would be mixed with those of the node that is started.
    remark = ''
    if values['player'] == 'ros2' and own and topics.TF in kept:
        remark = (f'{path}: {topics.TF} in it may hold people of an earlier run, which only player:=hand4whole leaves '
                  'out')
    return ReplayPlan(_player_command(values, path, rate, start=start, image_topic=images.topic,
                                      kept=kept if own else None), node,
                      header.frame_id or DEFAULT_FRAME_ID, remark)


def _player_command(values, path, rate, *, start, image_topic, kept):
    """kept: the topics to play; None: all."""
    loop = ['--loop'] if values['loop'] == 'true' else []
    if values['player'] == 'hand4whole':
        return module_command('hand4whole_ros.cli.main', 'play', str(path), '--rate', f'{rate:g}',
                              '--start', f'{start:g}', '--wait-for', image_topic, '--without-results', *loop)
    if values['player'] == 'ros2':
        if missing := missing_ros2_bag():
            raise ValueError(f'player: {missing}, or leave player out')
        return ['ros2', 'bag', 'play', str(path), '--clock', '--rate', f'{rate:g}', '--start-offset', f'{start:g}',
                *loop, *(['--topics', *kept] if kept is not None else [])]
    raise ValueError(f"player: expected one of {', '.join(PLAYERS)}, found {values['player']!r}")


def _parse_number(name, values):
    try:
        return float(values[name])
    except ValueError:
        raise ValueError(f'{name}: expected a number, found {values[name]!r}') from None
