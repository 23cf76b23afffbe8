"""Play a bag, estimate the people in it, and look at them in RViz."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, ExecuteProcess, IncludeLaunchDescription, LogInfo, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from hand4whole_ros.ros.node.companions import missing_rviz
from hand4whole_ros.ros.node.launch_arguments import make_launch_plan, rviz_command
from hand4whole_ros.ros.play.launch_plan import ARGUMENTS, make_replay_plan
from launch import LaunchDescription

SHARE = Path(get_package_share_directory('hand4whole_ros'))


def start(context):
    """The node as estimate.launch.py starts it, the player, and RViz in the frame of the bag's images."""
    values = {a.name: LaunchConfiguration(a.name).perform(context) for a in ARGUMENTS}
    wanted = make_replay_plan(values)
    node = make_launch_plan(wanted.node, SHARE)
    actions = [
        IncludeLaunchDescription(PythonLaunchDescriptionSource(str(SHARE / 'launch' / 'estimate.launch.py')),
                                 launch_arguments={**wanted.node, 'rviz': 'false'}.items()),
        ExecuteProcess(cmd=wanted.player, name='player', output='screen')]
    if node.rviz and (problem := missing_rviz()):
        actions.append(LogInfo(msg=problem))
    elif node.rviz:
        actions.append(ExecuteProcess(cmd=rviz_command(node, SHARE, wanted.frame), name='rviz2', output='screen'))
    if wanted.remark:
        actions.append(LogInfo(msg=wanted.remark))
    return actions


def generate_launch_description():
    """Arguments are those of hand4whole_ros.ros.play.launch_plan."""
    return LaunchDescription(
        [DeclareLaunchArgument(a.name, default_value=a.default, description=a.description) for a in ARGUMENTS]
        + [OpaqueFunction(function=start)])
