"""The package as it is installed: interfaces, share/, entry points, and metadata that agree."""

import configparser
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from importlib.metadata import entry_points, version

import pytest
from locations import ROOT

import hand4whole_ros
from hand4whole_ros import skeleton
from hand4whole_ros.ros.compat import share_directory

#: What `ros2 run` knows.
PROGRAMS = ('hand4whole', 'hand4whole_node', 'hand4whole_demo_camera', 'hand4whole_retarget_node',
            'hand4whole_wrist_teleop_node', 'hand4whole_openxr_node', 'hand4whole_sim_node', 'hand4whole_viewer_node')


@pytest.fixture(scope='module')
def manifest():
    return ElementTree.parse(ROOT / 'package.xml').getroot()


@pytest.fixture(scope='module')
def setup_cfg():
    config = configparser.ConfigParser()
    config.read(ROOT / 'setup.cfg')
    return config


# Interfaces

def test_sizes_of_message_fields_follow_the_tables():
    from hand4whole_ros.msg import HandPose, Skeleton, WholeBodyPose
    pose, hand, table = WholeBodyPose(), HandPose(), Skeleton()
    assert len(pose.joints) == len(table.names) == len(table.parents) == skeleton.NUM_JOINTS
    assert len(hand.keypoints) == len(table.hand_keypoints) == skeleton.NUM_HAND_KEYPOINTS
    assert len(hand.keypoints_2d) == 2 * skeleton.NUM_HAND_KEYPOINTS
    for name, joints in skeleton.POSE_SLICES.items():
        assert len(getattr(pose, name)) == 3 * (joints.stop - joints.start), name
    assert len(hand.finger_pose) == len(pose.left_hand_pose) == len(pose.right_hand_pose)
    assert (len(pose.betas), len(pose.expression), len(pose.transl), len(hand.betas)) == (10, 10, 3, 10)


def test_fixed_size_fields_refuse_another_size():
    from hand4whole_ros.msg import WholeBodyPose
    with pytest.raises(AssertionError, match='betas'):
        WholeBodyPose(betas=[0.0] * 11, check_fields=True)


def test_states_of_a_hand_are_those_of_the_tables():
    from hand4whole_ros.msg import HandPose, WholeBodyPose
    assert (HandPose.LOST, HandPose.HELD, HandPose.OK) == (skeleton.LOST, skeleton.HELD, skeleton.OK)
    assert (WholeBodyPose.HELD, WholeBodyPose.OK) == (skeleton.HELD, skeleton.OK)
    assert (HandPose.LEFT, HandPose.RIGHT) == skeleton.SIDES


@pytest.mark.parametrize('name', ['HandPose', 'NamedPoseArray', 'OperatorStatus', 'Skeleton',
                                  'TeleopState', 'WholeBodyPose', 'WholeBodyPoseArray'])
def test_messages_survive_serialisation(name):
    from rclpy.serialization import deserialize_message, serialize_message

    import hand4whole_ros.msg
    message_type = getattr(hand4whole_ros.msg, name)
    message = message_type()
    assert deserialize_message(serialize_message(message), message_type) == message


def test_tf_message_has_the_real_name_and_layout():
    from tf2_msgs.msg import TFMessage
    assert TFMessage.get_fields_and_field_types() == {'transforms': 'sequence<geometry_msgs/TransformStamped>'}
    assert TFMessage.__module__.startswith('tf2_msgs.msg')


def test_detections_have_the_real_names_and_layout():
    """Those of version 4: Humble and later."""
    from vision_msgs.msg import BoundingBox3D, Detection3D, Detection3DArray, ObjectHypothesis, ObjectHypothesisWithPose
    assert {kind.__name__: kind.get_fields_and_field_types() for kind in (
        BoundingBox3D, Detection3D, Detection3DArray, ObjectHypothesis, ObjectHypothesisWithPose)} == {
        'Detection3DArray': {'header': 'std_msgs/Header', 'detections': 'sequence<vision_msgs/Detection3D>'},
        'Detection3D': {'header': 'std_msgs/Header', 'results': 'sequence<vision_msgs/ObjectHypothesisWithPose>',
                        'bbox': 'vision_msgs/BoundingBox3D', 'id': 'string'},
        'ObjectHypothesisWithPose': {'hypothesis': 'vision_msgs/ObjectHypothesis',
                                     'pose': 'geometry_msgs/PoseWithCovariance'},
        'ObjectHypothesis': {'class_id': 'string', 'score': 'double'},
        'BoundingBox3D': {'center': 'geometry_msgs/Pose', 'size': 'geometry_msgs/Vector3'}}


# What is installed

@pytest.mark.parametrize('file', [
    'package.xml', 'config/estimate.yaml', 'config/hand4whole.rviz',
    'launch/estimate.launch.py', 'launch/demo.launch.py', 'launch/teleop.launch.py',
    'msg/WholeBodyPose.msg', 'cmake/hand4whole_rosConfig.cmake'])
def test_share_holds(file):
    assert (share_directory() / file).is_file()


def test_the_ament_index_lists_the_package():
    index = share_directory().parent / 'ament_index' / 'resource_index'
    assert (index / 'packages' / 'hand4whole_ros').is_file()
    assert 'msg/HandPose.msg' in (index / 'rosidl_interfaces' / 'hand4whole_ros').read_text()


def test_the_marker_of_the_ament_index_has_one_maker():
    """ament_package() makes and installs the marker: installing resource/ as well would write one file twice."""
    marker = share_directory().parent / 'ament_index' / 'resource_index' / 'packages' / 'hand4whole_ros'
    assert (ROOT / 'resource' / 'hand4whole_ros').read_bytes() == marker.read_bytes() == b''
    commands = [line.partition('#')[0] for line in (ROOT / 'CMakeLists.txt').read_text().splitlines()]
    assert 'ament_package()' in commands
    assert not [line for line in commands if 'resource' in line.lower()]
    assert 'resource/hand4whole_ros' not in (ROOT / 'setup.py').read_text() + (ROOT / 'setup.cfg').read_text()


@pytest.mark.parametrize('name', PROGRAMS)
def test_ros2_run_finds(name):
    program = share_directory().parent.parent / 'lib' / 'hand4whole_ros' / name
    assert program.is_file() and program.stat().st_mode & 0o111


@pytest.mark.parametrize('name', PROGRAMS)
def test_console_script_leads_to_a_function(name):
    found = [script for script in entry_points(group='console_scripts') if script.name == name]
    if not found:
        pytest.skip('installed by colcon, which makes no console scripts')
    assert callable(found[0].load())


def test_every_folder_of_modules_is_a_package():
    """A folder without __init__.py works from the source tree and is missing from an installation."""
    folders = {file.parent for file in (ROOT / 'hand4whole_ros').rglob('*.py')}
    assert [str(folder) for folder in sorted(folders) if not (folder / '__init__.py').is_file()] == []


@pytest.mark.timeout(900)
@pytest.mark.skipif(not os.environ.get('HAND4WHOLE_TEST_WHEEL'), reason='half a minute; set HAND4WHOLE_TEST_WHEEL=1')
def test_a_wheel_holds_modules_interfaces_and_share(tmp_path):
    subprocess.run([sys.executable, '-m', 'pip', '-q', 'wheel', '--no-deps', '-w', tmp_path, ROOT], check=True,
                   capture_output=True)
    names = zipfile.ZipFile(next(tmp_path.glob('*.whl'))).namelist()
    wanted = {str(file.relative_to(ROOT)) for file in (ROOT / 'hand4whole_ros').rglob('*.py')}
    wanted |= {f'hand4whole_ros/msg/{name}.py' for name in ('__init__', '_hand_pose', '_skeleton')}
    for folder in ('weights', 'landmarks/models'):
        wanted |= {str(file.relative_to(ROOT)) for file in (ROOT / 'hand4whole_ros' / folder).iterdir()}
    assert wanted - set(names) == set()
    wanted = {str(file.relative_to(ROOT)) for folder in ('hands', 'hand_model')
              for file in (ROOT / 'hand4whole_ros' / 'teleop' / folder).glob('*.*') if file.suffix != '.pyc'}
    assert len(wanted) > 8 and wanted - set(names) == set()
    data = {name.partition('.data/data/')[2] for name in names}
    assert sum(name.endswith('share/ament_index/resource_index/packages/hand4whole_ros') for name in names) == 1
    for folder in ('launch', 'config'):
        assert {f'share/hand4whole_ros/{folder}/{file.name}' for file in (ROOT / folder).glob('*.*')} <= data
    assert {'lib/hand4whole_ros/hand4whole_node', 'share/hand4whole_ros/msg/HandPose.msg',
            'lib/libhand4whole_ros__rosidl_typesupport_c.so'} <= data


# Metadata

def test_versions_agree(manifest, setup_cfg):
    assert manifest.findtext('version') == setup_cfg['metadata']['version'] == hand4whole_ros.__version__
    try:
        assert version('hand4whole_ros') == hand4whole_ros.__version__
    except ModuleNotFoundError:
        pytest.skip('installed by colcon, which leaves no Python metadata')


def test_constraints_satisfy_what_setup_cfg_asks_for(setup_cfg):
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name
    pins = [Requirement(line) for line in (ROOT / 'constraints.txt').read_text().splitlines()
            if line and not line.startswith('#')]
    pinned = {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in pins}
    asked = setup_cfg['options']['install_requires'].splitlines()
    for extra in ('ros', 'open', 'viewer', 'teleop', 'dev', 'docs'):
        asked += setup_cfg['options.extras_require'][extra].splitlines()
    for requirement in (Requirement(line) for line in asked if line and not line.startswith('#')):
        name = canonicalize_name(requirement.name)
        assert name in pinned, f'{name} is not pinned in constraints.txt'
        assert requirement.specifier.contains(pinned[name]), f'constraints.txt pins {name} to {pinned[name]}'


def test_cmake_and_manifest_name_the_same_interface_packages(manifest):
    depends = {element.text for element in manifest.iter('depend')}
    listed = (ROOT / 'CMakeLists.txt').read_text().partition('DEPENDENCIES')[2].partition(')')[0].split()
    assert set(listed) == depends


def test_manifest_names_every_ros_package_that_is_imported(manifest):
    import ast
    known = {'ament_index_python', 'builtin_interfaces', 'cv_bridge', 'diagnostic_msgs', 'geometry_msgs',
             'launch', 'launch_ros', 'lifecycle_msgs', 'rcl_interfaces', 'rclpy', 'sensor_msgs', 'std_msgs',
             'std_srvs', 'tf2_msgs', 'tf2_ros', 'tf_transformations', 'trajectory_msgs', 'vision_msgs',
             'visualization_msgs'}
    named = {element.text for element in manifest if element.tag.endswith('depend')}
    imported = set()
    for file in [*(ROOT / 'hand4whole_ros').rglob('*.py'), *(ROOT / 'launch').glob('*.py')]:
        if file.parent.name == 'msg':
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                imported.add(node.module.partition('.')[0])
            elif isinstance(node, ast.Import):
                imported |= {alias.name.partition('.')[0] for alias in node.names}
    assert imported & known <= named


def test_files_that_types_are_not_checked_in_exist():
    """A file that was moved or mended must not stay on the list: pyright says nothing of names that are no files."""
    section = (ROOT / 'pyproject.toml').read_text().partition('[tool.pyright]')[2]
    names = re.findall(r'"(hand4whole_ros/[^"]+)"', section)
    assert names == sorted(set(names)) and not [name for name in names if not (ROOT / name).is_file()]


def test_rviz_shows_the_topics_of_the_node():
    """RViz itself is not on every machine: its topics are checked against the node's."""
    import yaml

    from hand4whole_ros.ros import topics
    content = yaml.safe_load((ROOT / 'config' / 'hand4whole.rviz').read_text())
    displays = content['Visualization Manager']['Displays']
    shown = {display['Topic']['Value'] for display in displays if 'Topic' in display}
    assert shown == {f'/{topics.IMAGE}'} | {
        topic.replace('~', f'/{topics.NODE_NAME}') for topic in (topics.MARKERS, topics.OVERLAY)}
