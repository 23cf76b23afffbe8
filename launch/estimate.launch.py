"""Start the whole-body pose node; it configures and activates itself unless autostart:=false."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, ExecuteProcess, LogInfo, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node
from launch_ros.parameter_descriptions import ParameterValue

from hand4whole_ros.ros.node.companions import missing_rviz
from hand4whole_ros.ros.node.launch_arguments import (
    ARGUMENTS,
    choose_camera_driver,
    make_launch_plan,
    rviz_command,
)
from hand4whole_ros.ros.topics import VIEWER_NODE_NAME
from hand4whole_ros.viewer.server import missing_library
from launch import LaunchDescription

SHARE = Path(get_package_share_directory('hand4whole_ros'))


def as_they_are(parameters):
    """Parameters whose texts launch does not take for numbers."""
    return {name: ParameterValue(value, value_type=type(value)) for name, value in parameters.items()}


def start(context):
    """The node, and RViz and the viewer where they are wanted."""
    values = {a.name: LaunchConfiguration(a.name).perform(context) for a in ARGUMENTS}
    camera = choose_camera_driver(make_launch_plan(values, SHARE))
    plan = camera.node
    actions = [LifecycleNode(
        package='hand4whole_ros', executable='hand4whole_node', name='hand4whole',
        namespace=plan.namespace, output='screen', remappings=plan.remappings,
        parameters=[str(plan.params_file), as_they_are(plan.parameters)],
        ros_arguments=['--log-level', plan.log_level])]
    if camera.remark:
        actions.append(LogInfo(msg=camera.remark))
    if camera.driver is not None:
        executable, namespace, parameters = camera.driver
        actions.append(Node(executable=executable, name='camera', namespace=namespace, output='screen',
                            parameters=[as_they_are(parameters)]))
    if plan.rviz and (problem := missing_rviz()):
        actions.append(LogInfo(msg=problem))
    elif plan.rviz:
        actions.append(ExecuteProcess(cmd=rviz_command(plan, SHARE), name='rviz2', output='screen'))
    if plan.viewer is not None and (problem := missing_library()):
        actions.append(LogInfo(msg=f'{problem}. The node runs without it'))
    elif plan.viewer is not None:
        actions.append(Node(
            package='hand4whole_ros', executable='hand4whole_viewer_node', name=VIEWER_NODE_NAME,
            namespace=plan.namespace, output='screen', parameters=[as_they_are(plan.viewer)]))
    return actions


def generate_launch_description():
    """Arguments are those of hand4whole_ros.ros.node.launch_arguments."""
    return LaunchDescription(
        [DeclareLaunchArgument(a.name, default_value=a.default, description=a.description) for a in ARGUMENTS]
        + [OpaqueFunction(function=start)])
