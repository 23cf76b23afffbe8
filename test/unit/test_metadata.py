"""package.xml and setup.cfg declare what is imported, all of it and nothing else."""

import ast
import configparser
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from locations import ROOT
from packaging.requirements import Requirement

from hand4whole_ros.apps.doctor import report
from hand4whole_ros.system.requirements import VERSIONS, install_command

sys.path.insert(0, str(ROOT / 'build_support'))

import wheel_table  # noqa: E402

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
    'hri_msgs': (None, None),       # who wants its topics installs it: not every distribution has it
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
    'rich': ('viser', None),                # its own dependency, which prints for it
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
    'torch': ('torch', None),               # of extra networks: the default estimator does without
    'tqdm': ('tqdm', 'python3-tqdm'),
    'trajectory_msgs': ('ros-trajectory-msgs', 'trajectory_msgs'),
    'trimesh': ('trimesh', None),
    'vision_msgs': (None, 'vision_msgs'),   # likewise: build_support/vision_msgs
    'viser': ('viser', None),
    'visualization_msgs': ('ros-visualization-msgs', 'visualization_msgs'),
    'warp': ('warp-lang', None),
    'websockets': ('viser', None),          # its own dependency, which is its server
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
        # compression is Python's own from 3.14 on.
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            else:
                continue
            modules = {name.partition('.')[0] for name in names}
            for module in modules - set(sys.stdlib_module_names) - {'hand4whole_ros', 'compression'}:
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


# Every Python that ROS computers have

PYTHONS = wheel_table.supported_pythons()
TARGETS = [wheel_table.Target(python, machine) for python in PYTHONS for machine in wheel_table.MACHINES]


@pytest.fixture(scope='module')
def setup_cfg():
    config = configparser.ConfigParser()
    config.read(ROOT / 'setup.cfg')
    return config


def test_supported_pythons_are_the_same_everywhere():
    assert PYTHONS == [f'3.{minor}' for minor in range(10, 15)]
    assert ' | '.join(PYTHONS) + ') ;;' in (ROOT / 'build_support' / 'prepare_machine.sh').read_text()
    assert [f'{major}.{minor}' for major, minor in report.PYTHONS] == [PYTHONS[0], PYTHONS[-1]]
    for page in ('README.md', 'docs/getting_started/installation.md'):
        assert f'Python {PYTHONS[0]} to {PYTHONS[-1]}' in (ROOT / page).read_text(), page


@pytest.mark.parametrize('target', TARGETS, ids='-'.join)
def test_constraints_have_one_version_a_project(target):
    names = [pin.partition('==')[0] for pin in wheel_table.pins(target, (ROOT / 'constraints.txt').read_text())]
    assert len(names) == len(set(names))


@pytest.mark.parametrize('target', TARGETS, ids='-'.join)
def test_constraints_satisfy_setup_cfg(target, setup_cfg):
    pinned = dict(pin.split('==') for pin in wheel_table.pins(target, (ROOT / 'constraints.txt').read_text()))
    lines = setup_cfg['options']['install_requires'] + ''.join(
        setup_cfg['options.extras_require'][extra] for extra in ('ros', 'open', 'viewer', 'teleop', 'dev', 'docs'))
    for line in lines.splitlines():
        requirement = Requirement(line) if line and not line.startswith('#') else None
        if requirement and (requirement.marker is None or requirement.marker.evaluate(target.markers())):
            assert requirement.specifier.contains(pinned[requirement.name.lower()]), line


def test_the_oracle_is_left_out_where_it_has_no_wheel(setup_cfg):
    (line,) = [line for line in setup_cfg['options.extras_require']['dev'].splitlines() if 'mediapipe' in line]
    marker = Requirement(line).marker
    assert [target for target in TARGETS if marker.evaluate(target.markers())] == [
        wheel_table.Target(python, 'x86_64') for python in ('3.10', '3.11', '3.12')]
    printed = subprocess.run([sys.executable, ROOT / 'build_support' / 'requirements.py', '--only', 'dev'],
                             capture_output=True, text=True, check=True).stdout
    assert line in printed.splitlines()


def test_advice_names_the_versions_of_setup_cfg(setup_cfg):
    lists = [setup_cfg['options']['install_requires'], *setup_cfg['options.extras_require'].values()]
    wanted = {one.name: str(one.specifier) for one in (
        Requirement(line) for lines in lists for line in lines.splitlines() if line and not line.startswith('#'))}
    for project, version in VERSIONS.items():
        assert set(version.split(',')) == set(wanted[project].split(',')), project
    assert install_command('anny', 'mujoco') == "pip install anny==0.6.2 'mujoco>=3.4'"


def test_nothing_advises_to_install_this_package_from_an_index():
    """Its name is on none: who takes it would have nothing of ours."""
    files = [path for folder in ('hand4whole_ros', 'docs', 'launch', 'test') for path in (ROOT / folder).rglob('*')
             if path.suffix in ('.py', '.md')]
    advice = re.compile(r"""pip install[^\n]*['" ]hand4whole_ros(\[|['"]|$)""", re.MULTILINE)
    assert [str(path) for path in [*files, ROOT / 'README.md'] if advice.search(path.read_text())] == []


def test_requirements_beside_ros_are_those_of_setup_cfg(setup_cfg):
    extras = setup_cfg['options.extras_require']
    wanted = setup_cfg['options']['install_requires'] + extras['open'] + next(
        f'\n{line}' for line in extras['ros'].splitlines() if line.startswith('rosbags'))
    lines = (ROOT / 'requirements-open.txt').read_text().splitlines()
    assert {line for line in lines if not line.startswith('#')} == {*filter(None, wanted.splitlines()),
                                                                    '-c constraints.txt'}


def test_what_is_installed_beside_ros_is_printed_before_it_is_done(tmp_path):
    def run(*words, **environ):
        script = ROOT / 'build_support' / 'install_beside_ros.sh'
        return subprocess.run([script, *words], text=True, capture_output=True,
                              env={**os.environ, 'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}',
                                   **environ})
    done = run(str(tmp_path / 'env'), ROS_DISTRO='jazzy')
    assert done.returncode == 0, done.stderr
    assert f'python3 -m venv --system-site-packages {tmp_path}/env' in done.stdout.splitlines()
    assert done.stdout.splitlines()[-1].endswith('install -r requirements-open.txt')
    assert 'nothing was done' in done.stderr and list(tmp_path.iterdir()) == []
    refused = run(ROS_DISTRO='')
    assert refused.returncode == 2 and refused.stderr.startswith('hand4whole_ros: no ROS is sourced. Run: source ')
    assert run('--what', ROS_DISTRO='jazzy').returncode == 2


# The table of wheels

#: Answers as uv does, with a lock of one wheel a project; the name of a project says of what tag, or what is wrong.
UV = """
import pathlib, sys
pins = pathlib.Path(sys.argv[-1]).read_text().split()
if any(pin.startswith('broken') for pin in pins):
    sys.exit('no network')
if any(pin.startswith('excluded') for pin in pins):
    sys.exit('error: No solution found when resolving dependencies')
tags = {'pure': 'py3-none-any', 'old': 'cp313-cp313-manylinux_2_17_aarch64', 'other': 'py3-none-manylinux_2_28_x86_64',
        'fresh': 'py3-none-manylinux_2_39_aarch64'}
with open(sys.argv[sys.argv.index('--output-file') + 1], 'w') as lock:
    for name, _, version in (pin.partition('==') for pin in pins):
        file = f'{name}-{version}-' + tags.get(name, 'cp314-cp314-manylinux_2_17_aarch64') + '.whl'
        print('[[packages]]', f'name = "{name}"', sep=chr(10), file=lock)
        if name != 'source':
            print(f'wheels = [[ url = "a/{file}" ]]', file=lock)
"""


def test_pins_without_a_wheel_are_found_and_other_failures_are_not_taken_for_one(tmp_path, monkeypatch):
    """uv is not needed for the tests: a program that answers as it does."""
    program = tmp_path / 'uv'
    program.write_text(f'#!{sys.executable}{UV}')
    program.chmod(0o755)
    monkeypatch.setenv('PATH', f'{tmp_path}:{os.environ["PATH"]}')
    target = wheel_table.Target('3.14', 'aarch64')
    assert wheel_table.without_wheel(target, ['pure==1', 'b==1', 'c==1']) == []
    lost = ['excluded==1', 'old==1', 'other==1', 'fresh==2', 'source==1']
    assert wheel_table.without_wheel(target, ['a==1', *lost, 'c==1']) == lost
    with pytest.raises(RuntimeError, match='uv failed for Python 3.14 on aarch64: no network'):
        wheel_table.without_wheel(target, ['a==1', 'broken==1'])


def test_the_table_of_wheels_is_of_these_constraints():
    """After a change of constraints.txt: python build_support/wheel_table.py --write."""
    text = (ROOT / 'constraints.txt').read_text()
    rows = re.findall(r'^\| (3\.\d+) \| (\w+) \| (\d+) \| (\d+) \| (.*) \|$', wheel_table.PAGE.read_text(),
                      re.MULTILINE)
    assert [(*target, str(len(wheel_table.pins(target, text)))) for target in TARGETS] == [row[:3] for row in rows]
    for python, machine, _, _, without in rows:
        pins = wheel_table.pins(wheel_table.Target(python, machine), text)
        assert set(re.findall(r'`([^`*]+==[^`]+)`', without)) <= set(pins)
