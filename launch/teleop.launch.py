"""A robot hand and wrist follow the operator whom the node hand4whole follows; with sim:=true a simulated hand."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from hand4whole_ros.ros.teleop.launch_arguments import ARGUMENTS, plan
from launch import LaunchDescription

SHARE = Path(get_package_share_directory('hand4whole_ros'))


def start(context):
    """The nodes that the arguments ask for."""
    values = {a.name: LaunchConfiguration(a.name).perform(context) for a in ARGUMENTS}
    return [Node(package='hand4whole_ros', executable=one.executable, output='screen', arguments=one.ros_arguments)
            for one in plan(values, SHARE)]


def generate_launch_description():
    """Arguments are those of hand4whole_ros.ros.teleop.launch_arguments."""
    return LaunchDescription(
        [DeclareLaunchArgument(a.name, default_value=a.default, description=a.description) for a in ARGUMENTS]
        + [OpaqueFunction(function=start)])
