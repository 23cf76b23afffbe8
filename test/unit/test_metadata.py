"""package.xml and setup.cfg declare what is imported, all of it and nothing else."""

import ast
import configparser
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

from locations import ROOT

#: A module that is imported -> the project on PyPI, and the key of rosdep. None: it has none there.
#: rosdep's keys: https://github.com/ros/rosdistro, rosdep/python.yaml, and the packages of the distributions.
DISTRIBUTIONS = {
    'PIL': ('pillow', 'python3-pil'),
    'ai_edge_litert': ('ai-edge-litert', None),
    'ament_index_python': (None, 'ament_index_python'),
    'anny': ('anny', None),
    'apsw': ('rosbags', None),              # its own dependency, which reads SQLite for it
    'av': ('av', None),
    'backports': ('rosbags', None),         # its own dependency, which unpacks Zstandard for it
    'builtin_interfaces': ('ros-builtin-interfaces', 'builtin_interfaces'),
    'cv2': ('opencv-python-headless', 'python3-opencv'),
    'cv_bridge': (None, 'cv_bridge'),
    'dexi_rs': ('dexi-rs', None),
    'diagnostic_msgs': ('ros-diagnostic-msgs', 'diagnostic_msgs'),
    'geometry_msgs': ('ros-geometry-msgs', 'geometry_msgs'),
    'launch': (None, 'launch'),
    'launch_ros': (None, 'launch_ros'),
    'lz4': ('rosbags', None),
    'matplotlib': ('matplotlib', None),     # of extra dev: curves are drawn by who trains
    'mediapipe': ('mediapipe', None),
    'mujoco': ('mujoco', None),
    'numpy': ('numpy', 'python3-numpy'),
    'pillow_heif': ('pillow-heif', None),
    'pycocotools': ('pycocotools', None),   # of extra dev: average precision
    'ray': ('ray', None),
    'rcl_interfaces': ('ros-rcl-interfaces', 'rcl_interfaces'),
    'rclpy': ('ros-rclpy', 'rclpy'),
    'roma': ('roma', None),
    'rosbags': ('rosbags', None),
    'rosgraph_msgs': ('ros-rosgraph-msgs', 'rosgraph_msgs'),
    'safetensors': ('safetensors', None),
    'scipy': ('scipy', 'python3-scipy'),
    'sensor_msgs': ('ros-sensor-msgs', 'sensor_msgs'),
    'smplx': ('smplx', None),
    'std_msgs': ('ros-std-msgs', 'std_msgs'),
    'std_srvs': ('ros-std-srvs', 'std_srvs'),
    'tf2_msgs': (None, 'tf2_msgs'),         # on PyPI there is none: build_support/tf2_msgs is compiled
    'tf_transformations': (None, 'tf_transformations'),   # on PyPI there is none: ros/compat.py does without
    'threadpoolctl': ('threadpoolctl', None),
    'torch': ('torch', 'python3-torch'),
    'tqdm': ('tqdm', 'python3-tqdm'),
    'trajectory_msgs': ('ros-trajectory-msgs', 'trajectory_msgs'),
    'visualization_msgs': ('ros-visualization-msgs', 'visualization_msgs'),
    'warp': ('warp-lang', None),
    'yaml': ('pyyaml', 'python3-yaml'),
}

#: Imported by a name that is put together while the program runs, and where.
BY_NAME = {'roma': '_vendor_patches/roma_import.py', 'pillow_heif': 'media/image_formats.py'}

#: What package.xml declares that no module imports.
STARTED = {'ros2launch', 'rviz2'}           # launch files are started by one, and start the other
BUILT_WITH = {'ament_cmake', 'ament_cmake_python', 'rosidl_default_generators', 'rosidl_default_runtime',
              'python3-pytest'}


def imported():
    """{module: files that import it} of all that is neither Python's nor ours."""
    found = {}
    files = [path for path in (ROOT / 'hand4whole_ros').rglob('*.py') if path.parts[-2] != 'msg']
    for path in [*files, *(ROOT / 'launch').glob('*.py')]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            else:
                continue
            modules = {name.partition('.')[0] for name in names}
            for module in modules - set(sys.stdlib_module_names) - {'hand4whole_ros'}:
                found.setdefault(module, []).append(path.relative_to(ROOT))
    for module, place in BY_NAME.items():
        assert f"'{module}'" in (ROOT / 'hand4whole_ros' / place).read_text()
        found.setdefault(module, []).append(Path(place))
    return found


def test_every_module_that_is_imported_is_in_the_table():
    found = imported()
    assert not {module: files for module, files in found.items() if module not in DISTRIBUTIONS}
    assert not set(DISTRIBUTIONS) - set(found), 'not imported any more'


def projects(lines):
    """Of requirements, a line each."""
    return {re.split(r'[\s\[<>=!;]', line)[0].lower() for line in lines.split('\n') if line.strip()}


def test_setup_cfg_declares_what_is_imported():
    config = configparser.ConfigParser()
    config.read(ROOT / 'setup.cfg')
    lists = {'': config['options']['install_requires'], **config['options.extras_require']}
    declared = {name for extra, lines in lists.items() if extra not in ('dev', 'docs') for name in projects(lines)}
    development = projects(lists['dev'])
    wanted = {DISTRIBUTIONS[module][0] for module in imported()} - {None}
    assert not wanted - declared - development, 'imported and not declared'
    assert not declared - wanted, 'declared and not imported'


def test_package_xml_declares_what_is_imported():
    declared = {element.text for element in ElementTree.parse(ROOT / 'package.xml').getroot()
                if element.tag.endswith('depend')}
    wanted = {DISTRIBUTIONS[module][1] for module in imported()} - {None}
    assert not wanted - declared, 'imported and not declared'
    assert not declared - wanted - STARTED - BUILT_WITH, 'declared and not imported'
