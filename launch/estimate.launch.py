"""Start the whole-body pose node; it configures and activates itself unless autostart:=false."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node

from hand4whole_ros.ros.node.launch_arguments import ARGUMENTS, make_launch_plan, rviz_remappings
from hand4whole_ros.ros.topics import VIEWER_NODE_NAME
from hand4whole_ros.viewer.server import missing_library
from launch import LaunchDescription

SHARE = Path(get_package_share_directory('hand4whole_ros'))


def start(context):
    """The node, and RViz and the viewer where they are wanted."""
    values = {a.name: LaunchConfiguration(a.name).perform(context) for a in ARGUMENTS}
    plan = make_launch_plan(values, SHARE)
    actions = [LifecycleNode(
        package='hand4whole_ros', executable='hand4whole_node', name='hand4whole',
        namespace=plan.namespace, output='screen', remappings=plan.remappings,
        parameters=[str(plan.params_file), plan.parameters],
        ros_arguments=['--log-level', plan.log_level])]
    if plan.rviz:
        parameters = {k: v for k, v in plan.parameters.items() if k == 'use_sim_time'}
        actions.append(Node(
            package='rviz2', executable='rviz2', name='rviz2', output='screen',
            arguments=['-d', str(SHARE / 'config' / 'hand4whole.rviz')],
            remappings=rviz_remappings(plan), parameters=[parameters]))
    if plan.viewer is not None and (problem := missing_library()):
        actions.append(LogInfo(msg=f'{problem}. The node runs without it'))
    elif plan.viewer is not None:
        actions.append(Node(
            package='hand4whole_ros', executable='hand4whole_viewer_node', name=VIEWER_NODE_NAME,
            namespace=plan.namespace, output='screen', parameters=[plan.viewer]))
    return actions


def generate_launch_description():
    """Arguments are those of hand4whole_ros.ros.node.launch_arguments."""
    return LaunchDescription(
        [DeclareLaunchArgument(a.name, default_value=a.default, description=a.description) for a in ARGUMENTS]
        + [OpaqueFunction(function=start)])
