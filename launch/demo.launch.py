"""The whole-body pose node with a camera that plays a recorded person; no real camera needed."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from hand4whole_ros.ros.node.launch_arguments import ARGUMENTS
from launch import LaunchDescription

#: The camera is here itself, and plays in wall time.
PROVIDED = {'image_topic': '/demo_camera/image', 'camera_info_topic': '', 'use_sim_time': '', 'camera': '',
            'camera_calibration': ''}


def generate_launch_description():
    """Arguments are those of estimate.launch.py, without the camera's."""
    open_arguments = [a for a in ARGUMENTS if a.name not in PROVIDED]
    estimate = Path(get_package_share_directory('hand4whole_ros'), 'launch', 'estimate.launch.py')
    values = {a.name: LaunchConfiguration(a.name) for a in open_arguments}
    return LaunchDescription(
        [DeclareLaunchArgument(a.name, default_value=a.default, description=a.description)
         for a in open_arguments]
        + [Node(package='hand4whole_ros', executable='hand4whole_demo_camera', name='demo_camera',
                namespace='demo_camera', output='screen'),
           IncludeLaunchDescription(PythonLaunchDescriptionSource(str(estimate)),
                                    launch_arguments={**values, **PROVIDED}.items())])
