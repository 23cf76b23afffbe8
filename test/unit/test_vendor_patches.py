"""Changes to other people's libraries: that they do what they are for, with the versions they were made for."""

from importlib.metadata import version

import forked_process
import pytest
import torch

from hand4whole_ros._vendor_patches import onednn_linear, roma_import
from hand4whole_ros.networks.packed_layers import can_pack


def in_a_new_process(program, *arguments):
    child = forked_process.run(program, *arguments)
    assert not child.returncode, child.stdout


@pytest.mark.parametrize('module', ['estimators.hand4whole_pp', 'estimators.open', 'body.mano'])
def test_the_compiler_is_not_loaded(module):
    in_a_new_process(f"""
assert not {{'roma', 'torch._dynamo'}} & set(sys.modules)
import hand4whole_ros.{module}
assert 'roma' in sys.modules and 'torch._dynamo' not in sys.modules
""")


def test_the_compiler_can_be_loaded_afterwards():
    in_a_new_process("""
import hand4whole_ros.body.mano
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
sys.path.insert(0, sys.argv[1])
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


@pytest.mark.parametrize('library', ['roma', 'torch', 'rosbags'])
def test_the_version_is_the_one_that_was_tested(library):
    """A newer one may make a change needless, or wrong: look at it, then raise TESTED."""
    if library == 'rosbags':
        changes = pytest.importorskip('hand4whole_ros._vendor_patches.rosbags_limits')
    else:
        changes = {'roma': roma_import, 'torch': onednn_linear}[library]
    assert version(library).startswith(f'{changes.TESTED}.')


def test_a_rosbags_without_the_table_is_refused_with_the_version_to_take(monkeypatch):
    rosbags_limits = pytest.importorskip('hand4whole_ros._vendor_patches.rosbags_limits')
    monkeypatch.delattr(rosbags_limits.storage_mcap, 'DECOMPRESSORS')
    with pytest.raises(RuntimeError, match='pip install "rosbags==0.11'):
        rosbags_limits.set_decompressors(None, None)


def test_a_packed_layer_multiplies_as_torch_does():
    if not can_pack(torch.float32):
        pytest.skip('this build of torch has no oneDNN')
    linear, x = torch.nn.Linear(48, 24), torch.rand(5, 7, 48)
    with torch.no_grad():
        ours = onednn_linear.linear(x, onednn_linear.pack(linear.weight), linear.bias, 'gelu')
        assert torch.allclose(ours, torch.nn.functional.gelu(linear(x)), atol=1e-5)
