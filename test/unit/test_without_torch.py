"""The default estimator, the node and a replay need no torch, smplx or roma: processes that cannot import them."""

import json
import subprocess
import sys

import pytest
from locations import ROOT

pytest.importorskip('ai_edge_litert')

#: Not sys.modules[name] = None: scipy looks there whether torch is loaded.
WITHOUT = """
import importlib.abc
import sys


class NotInstalled(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in ('torch', 'smplx', 'roma'):
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)


sys.meta_path.insert(0, NotInstalled())
"""


#: `hand4whole` with the arguments of the process.
COMMAND = 'from hand4whole_ros.cli.main import main\nsys.exit(main(sys.argv[1:]))'


def run(program, *arguments):
    return subprocess.run([sys.executable, '-c', WITHOUT + program, *map(str, arguments)], capture_output=True,
                          text=True, timeout=240)


def test_a_photograph_is_estimated_and_drawn(tmp_path):
    picture = ROOT / 'docs/images/people.jpg'
    done = run(COMMAND, 'estimate', picture, '--json', tmp_path / 'out.json', '--overlay', tmp_path / 'drawn')
    assert done.returncode == 0, done.stderr
    people = json.loads((tmp_path / 'out.json').read_text())[picture.name]
    assert people and people[0]['estimator'] == 'mediapipe' and len(people[0]['joints_3d']) == 55
    assert list((tmp_path / 'drawn').iterdir())


@pytest.mark.parametrize('module', [
    'ros.node.main', 'ros.replay.command', 'ros.demo.camera', 'ros.teleop.programs', 'ros.viewer.program',
    'viewer.body_mesh', 'evaluation.photographs', 'apps.doctor.report', 'apps.replay.packed_estimates'])
def test_what_needs_no_network_of_torch_is_imported_without_it(module):
    done = run(f'import hand4whole_ros.{module}')
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize('name', ['open', 'hand4whole_pp', 'hand4whole', 'wilor', 'unihope'])
def test_another_estimator_names_the_command_that_installs_its_libraries(tmp_path, name):
    done = run(COMMAND, 'estimate', ROOT / 'docs/images/people.jpg', '--estimator', name,
               '--json', tmp_path / 'out.json')
    assert done.returncode == 1 and 'Traceback' not in done.stderr
    assert f'estimator {name} needs the extra networks: torch is not installed; run: pip install' in done.stderr
    assert done.stderr.count('torch>=2.6') == 1


def test_training_names_the_same_command(tmp_path):
    done = run(COMMAND, 'train', 'lift', '--detections',
               tmp_path, '--run', tmp_path / 'run', '--output', tmp_path / 'out.npz')
    assert done.returncode in (1, 2) and 'Traceback' not in done.stderr
    assert 'torch is not installed; run: pip install' in done.stderr, done.stderr
