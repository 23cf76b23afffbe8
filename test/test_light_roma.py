"""roma without torch's compiler: what is loaded, and what is not."""

import os
import subprocess
import sys

import pytest


def in_a_new_process(program, *folders):
    path = os.pathsep.join([*map(str, folders), os.environ.get('PYTHONPATH', '')])
    child = subprocess.run([sys.executable, '-c', program], env={**os.environ, 'PYTHONPATH': path},
                           capture_output=True, text=True)
    assert not child.returncode, child.stderr


@pytest.mark.parametrize('module', ['estimators.hand4whole_pp', 'estimators.mediapipe', 'replay.as_json'])
def test_the_compiler_is_not_loaded_and_can_be(module):
    in_a_new_process(f"""
import sys
import hand4whole_ros.{module}
assert 'roma' in sys.modules and 'torch._dynamo' not in sys.modules
import roma, torch, torch._dynamo
assert torch._dynamo is sys.modules['torch._dynamo'] and torch._dynamo.optimize
from hand4whole_ros._vendor_patches.roma_import import roma as ours
assert ours is roma
turns = roma.random_rotmat(5).requires_grad_()
roma.special_procrustes(turns + 0.01).sum().backward()
assert torch.isfinite(turns.grad).all()
""")


def test_a_version_that_wants_more_of_the_compiler_gets_it(tmp_path):
    (tmp_path / 'roma').mkdir()
    (tmp_path / 'roma/__init__.py').write_text('import torch\nwanted = torch._dynamo.disable, torch._dynamo.reset\n')
    in_a_new_process("""
import sys
from hand4whole_ros._vendor_patches.roma_import import roma
import torch._dynamo
assert roma.wanted == (torch._dynamo.disable, torch._dynamo.reset)
""", tmp_path)


def test_a_compiler_that_is_there_is_left_alone():
    in_a_new_process("""
import torch._dynamo
before = torch._dynamo
from hand4whole_ros._vendor_patches.roma_import import roma
assert torch._dynamo is before and roma.rotvec_to_rotmat
""")
