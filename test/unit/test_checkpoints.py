"""Published checkpoints: a small network in the official layout comes back, and nothing else is let in."""

import json
import os
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from fault_figures import note
from locations import DATA

from hand4whole_ros.checkpoints import CheckpointError, command, random_weights, selection, transformers
from hand4whole_ros.checkpoints.body_files import load_body
from hand4whole_ros.checkpoints.hand4whole_pp import expected_state, load_hand4whole_pp, load_training_start
from hand4whole_ros.checkpoints.store import Store
from hand4whole_ros.checkpoints.verify import run_test_image
from hand4whole_ros.networks.hand4whole_pp import HAND4WHOLE_PP, HAND4WHOLE_PP_TINY, Hand4WholePP
from hand4whole_ros.networks.packed_layers import PackedBlock, can_pack

TINY = HAND4WHOLE_PP_TINY
KEYS = json.loads((DATA / 'parity/keys.json').read_text())


@pytest.fixture(scope='module')
def network(published_body):
    return random_weights.load_random(published_body, TINY)


@pytest.fixture(scope='module')
def outputs(network):
    return run_test_image(network)


@pytest.fixture
def folder(published_folder, tmp_path):
    """A folder of weights that links to the models' one."""
    (tmp_path / 'human_model_files').symlink_to(published_folder)
    return tmp_path


def saved_by_trainer(network):
    """What Hand4Whole++'s trainer saves: its own parts, with DataParallel's prefix, and an optimiser."""
    tensors = {f'module.{part}.{name}': value for part in selection.HAND4WHOLE_PP_CONTENTS.parts
               for name, value in network.get_submodule(part).state_dict().items()}
    return {'epoch': 6, 'network': tensors,
            'optimizer': {'state': {0: {'step': 3, 'exp_avg': torch.zeros(4)}}, 'param_groups': [{'lr': 1e-4}]}}


def saved_by_lightning(network):
    """What WiLoR's trainer saves: the network with its hand model and discriminator, and settings."""
    tensors = network.wilor.state_dict()
    tensors.update({'mano.betas': torch.zeros(1, 10), 'discriminator.D_conv1.bias': torch.zeros(32),
                    'initialized': torch.tensor(True)})
    return {'epoch': 3, 'global_step': np.int64(9), 'best': np.float64(0.5), 'state_dict': tensors,
            'hyper_parameters': {'cfg': _settings({'TRAIN': _settings({'LR': 1e-5}), 'NAMES': ['a']})}}


def _settings(values):
    """An instance of what the pickle calls yacs.config.CfgNode: a dictionary with attributes."""
    name = 'yacs.config'
    if name not in sys.modules:
        module = types.ModuleType(name)
        module.CfgNode = type('CfgNode', (dict,), {'__module__': name})
        sys.modules.update({'yacs': types.ModuleType('yacs'), name: module})
    node = sys.modules[name].CfgNode(values)
    node.__dict__.update(__immutable__=False, __new_allowed__=True)
    return node


@pytest.fixture(autouse=True)
def no_fake_yacs():
    """Reading works without the package whose objects are in the file."""
    yield
    sys.modules.pop('yacs.config', None), sys.modules.pop('yacs', None)


def write(folder, network, **options):
    torch.save(saved_by_trainer(network), folder / 'snapshot_6.pth', **options)
    torch.save(saved_by_lightning(network), folder / 'wilor_final.ckpt', **options)
    sys.modules.pop('yacs.config', None), sys.modules.pop('yacs', None)


def says(folder, *words):
    """Loading fails with one line that has these words."""
    with pytest.raises(CheckpointError) as caught:
        load_hand4whole_pp(Store(folder), TINY)
    message = str(caught.value)
    assert '\n' not in message
    for word in words:
        assert word in message, message
    return message


@pytest.mark.parametrize('zipped', [True, False])
def test_a_network_in_the_official_layout_comes_back(folder, network, outputs, zipped):
    write(folder, network, _use_new_zipfile_serialization=zipped)
    found = load_hand4whole_pp(Store(folder), TINY)
    assert not found.training and not any(value.requires_grad for value in found.parameters())
    for name, value in network.state_dict().items():
        assert torch.equal(found.state_dict()[name], value), name
    for name, value in run_test_image(found).items():
        assert torch.equal(outputs[name], value), name


def test_weights_that_vanish_after_the_start(folder, network, outputs):
    """They are mapped from their files, whose bytes stay for as long as somebody has them open."""
    files = [folder / 'snapshot_6.pth', folder / 'wilor_final.ckpt']
    write(folder, network)
    for removed in (True, False):
        found = load_hand4whole_pp(Store(folder), TINY)
        for path in files:
            if removed:
                path.unlink()
            else:       # as a download does that is finished
                path.with_suffix('.part').write_bytes(b'something else')
                path.with_suffix('.part').replace(path)
        for name, value in run_test_image(found).items():
            assert torch.equal(outputs[name], value), name
        if removed:
            says(folder, 'snapshot_6.pth is not in')
            write(folder, network)
        else:
            says(folder, 'cannot be read as a torch checkpoint')
    note('weights vanish after the start', 'both checkpoints are deleted, or replaced by other bytes, once they are '
         'loaded', 2, 'the same numbers as before from the loaded network; loading anew is one line')


@pytest.mark.parametrize('packs', [True, False])
def test_lower_precision_where_the_network_bears_it(folder, network, published_body, outputs, packs, monkeypatch):
    write(folder, network)
    if not packs:
        monkeypatch.setattr(transformers, 'can_pack', lambda precision: False)
    elif not can_pack(torch.bfloat16):
        pytest.skip('no bf16 on this processor')
    found = load_hand4whole_pp(Store(folder), TINY, published_body, precision=torch.bfloat16)
    kind = torch.float32 if packs else torch.bfloat16
    assert found.encoder.pos_embed.dtype == found.wilor.backbone.pos_embed.dtype == kind
    assert isinstance(found.encoder.blocks[0], PackedBlock) == packs
    assert found.body_regressor.cam_out[0].weight.dtype == torch.float32
    halves, whole = run_test_image(found)['vertices'], outputs['vertices']
    assert halves.dtype == torch.float32 and 0 < (halves - whole).abs().max() < 0.5


def test_training_starts_from_smpler_x_and_the_face_of_hand4whole(folder, network, published_body):
    write(folder, network)
    ours = saved_by_trainer(network)['network']
    expert = {name: value for name, value in ours.items() if name.startswith(('module.encoder', 'module.body'))}
    face = {name: value for name, value in ours.items() if name.startswith('module.face')}
    expert.update({'module.face_regressor.expr_out.0.weight': torch.zeros(10, 1024),
                   'module.hand_roi_net.conv.0.weight': torch.zeros(2), 'module.smplx_layer.betas': torch.zeros(1)})
    face.update({'module.backbone.conv1.weight': torch.zeros(64, 3, 7, 7),
                 'module.body_position_net.conv.0.weight': torch.zeros(200, 2048, 1, 1)})
    torch.save({'epoch': 1, 'network': expert}, folder / 'smpler_x_l32.pth.tar')
    torch.save({'epoch': 6, 'network': face}, folder / 'snapshot_6.pth.tar')
    found = load_training_start(Store(folder), TINY, published_body)
    for part in ('encoder', 'body_position_net', 'body_regressor', 'face_roi_net', 'face_regressor', 'wilor'):
        for name, value in network.get_submodule(part).state_dict().items():
            assert torch.equal(found.get_submodule(part).state_dict()[name], value), f'{part}.{name}'
    assert all(value.requires_grad for value in found.parameters())
    convolutions = [*found.hand_control_net.zero_convs_rhand, *found.hand_control_net.zero_convs_lhand]
    assert not any(conv.weight.any() or conv.bias.any() for conv in convolutions)
    assert found.hand_control_net.cross_attn[0].w_qs.weight.any()


@pytest.mark.parametrize('contents, section, count', [
    (selection.HAND4WHOLE_PP_CONTENTS, 'hand4whole_pp', 694), (selection.WILOR_CONTENTS, 'wilor_final_ckpt', 430),
    (selection.SMPLER_X_CONTENTS, 'smpler_x_l32', 306), (selection.HAND4WHOLE_CONTENTS, 'hand4whole', 124)])
def test_all_official_names_and_shapes_fit(contents, section, count):
    shapes = {name: shape for part in KEYS[section].values() for name, shape in part.items()}
    if section == 'hand4whole_pp':  # what the trainer has in memory besides, should a file hold it
        shapes.update({pattern.replace('*', 'weight'): [1] for pattern in KEYS['hand4whole_pp_in_memory_only']})
    tensors = {name: torch.empty(shape, device='meta', dtype=torch.int64 if name.endswith('num_batches_tracked')
                                 else torch.float32) for name, shape in shapes.items()}
    selected, misfits = selection.select_parts(contents, tensors, expected_state(HAND4WHOLE_PP))
    assert not misfits, misfits
    assert sum(map(len, selected.values())) == count


def test_every_part_that_has_weights_is_loaded(published_body):
    states, network = expected_state(TINY), Hand4WholePP(TINY, published_body)
    for part, state in states.items():
        assert state.keys() == network.get_submodule(part).state_dict().keys()
    rest = [name for name in network.state_dict() if not name.startswith(tuple(f'{part}.' for part in states))]
    assert rest and all(name.startswith('smplx_layer.') for name in rest)


BROKEN = 'module.encoder.blocks.1.attn.qkv.weight'


@pytest.mark.parametrize('change, words', [
    (lambda t: t.pop(BROKEN), ['1 missing: encoder.blocks.1.attn.qkv.weight']),
    (lambda t: t.update({'module.encoder.other': t.pop(BROKEN)}), ['1 missing', '1 left over: encoder.other']),
    (lambda t: t.update({BROKEN: t[BROKEN][:, :-1]}), ['1 other shape', '(expected (192, 64), found (192, 63))']),
    (lambda t: t.update({BROKEN: t[BROKEN].long()}), ['1 other kind', '(expected float32, found int64)']),
    (lambda t: t.update({BROKEN: 'text'}), ['1 other kind', 'no plain tensor']),
    (lambda t: t[BROKEN].__setitem__((3, 4), float('nan')), ['1 not finite: encoder.blocks.1.attn.qkv.weight']),
    (lambda t: t[BROKEN].__setitem__((3, 4), float('-inf')), ['1 not finite: encoder.blocks.1.attn.qkv.weight']),
    (lambda t: [t.pop(name) for name in list(t) if '.blocks.' in name], ['36 missing', ', ...']),
    (lambda t: t.clear(), ['missing']),
])
def test_a_tensor_that_does_not_fit_is_named(folder, network, change, words):
    write(folder, network)
    saved = saved_by_trainer(network)
    saved['network'] = {name: value.clone() for name, value in saved['network'].items()}
    change(saved['network'])
    torch.save(saved, folder / 'snapshot_6.pth')
    assert len(says(folder, 'snapshot_6.pth does not fit', *words)) < 400


def test_files_that_are_no_such_checkpoint(folder, network):
    write(folder, network)
    torch.save({'model': {}, 'epoch': 1}, folder / 'snapshot_6.pth')
    says(folder, "it lacks 'network'", 'found model, epoch')
    torch.save([1, 2], folder / 'snapshot_6.pth')
    says(folder, 'holds a list')
    (folder / 'snapshot_6.pth').write_text('<html>Google Drive - Virus scan warning</html>')
    says(folder, 'snapshot_6.pth cannot be read as a torch checkpoint')
    (folder / 'snapshot_6.pth').unlink()
    says(folder, f'snapshot_6.pth is not in {folder}', 'hand4whole weights fetch snapshot_6.pth')


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('share', [0.0, 0.1, 0.9, 0.999])
def test_a_file_cut_short_is_one_line(folder, network, zipped, share):
    write(folder, network, _use_new_zipfile_serialization=zipped)
    path = folder / 'wilor_final.ckpt'
    content = path.read_bytes()
    path.write_bytes(content[:int(share * len(content))])
    says(folder, 'wilor_final.ckpt cannot be read', 'cut short')


class Trap:
    """Unpickling this calls something."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('function', [os.system, os.mkdir, exec, Path.touch])
def test_code_in_a_checkpoint_never_runs(folder, network, monkeypatch, zipped, function):
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')  # would open the door for careless callers
    trace = folder / 'trace'
    argument = {os.system: f'touch {trace}', exec: f'open({str(trace)!r}, "w").close()', Path.touch: trace}.get(
        function, str(trace))
    write(folder, network)
    saved = {**saved_by_trainer(network), 'hook': Trap(function, argument)}
    torch.save(saved, folder / 'snapshot_6.pth', _use_new_zipfile_serialization=zipped)
    before = set(torch.serialization.get_safe_globals())
    says(folder, 'snapshot_6.pth asks for', 'refused')
    assert not trace.exists() and set(torch.serialization.get_safe_globals()) == before
    if function is not Path.touch:  # the trap is one: without the guard it snaps
        torch.load(folder / 'snapshot_6.pth', weights_only=False)
        assert trace.exists()


def test_another_smplx_file_can_take_the_place_of_the_stores(published_folder, tmp_path, published_body):
    for name in ('mano', 'smplx/MANO_SMPLX_vertex_ids.npz'):
        (tmp_path / Path(name).name).symlink_to(published_folder / name)
    with pytest.raises(CheckpointError, match='SMPLX_NEUTRAL.npz is not in'):
        load_body(Store(tmp_path))
    found = load_body(Store(tmp_path), smplx=published_folder / 'smplx/SMPLX_NEUTRAL.npz')
    assert np.array_equal(found.arrays['v_template'], published_body.arrays['v_template'])


def test_an_old_torch_that_could_be_tricked_reads_nothing(folder, network, monkeypatch):
    write(folder, network)
    monkeypatch.setattr(torch, '__version__', torch.torch_version.TorchVersion('2.5.1+cu121'))
    says(folder, 'torch 2.5.1+cu121 cannot read checkpoints safely; install 2.6 or newer')


def test_verify_reads_all_and_runs_the_network(folder, network, capsys):
    write(folder, network)
    assert command.verify(Store(folder), config=TINY)
    said = capsys.readouterr().out
    assert said.count('ok ') == 7 and 'the network runs, all outputs are finite' in said
    saved = saved_by_trainer(network)
    saved['network'].pop(BROKEN)
    torch.save(saved, folder / 'snapshot_6.pth')
    assert not command.verify(Store(folder), config=TINY)
    said = capsys.readouterr().out
    assert f'WRONG   {folder}/snapshot_6.pth does not fit' in said and said.count('as recorded') == 5
    assert 'the network runs' not in said


def test_random_weights_are_the_same_everywhere(network, published_body):
    name = 'encoder.blocks.0.attn.qkv.weight'
    assert random_weights.random_tensor('wilor.backbone.decpose.weight', (2, 2)).tolist() == [
        [-0.0017825996037572622, 0.0017710649408400059], [0.0009403395815752447, -0.0028834643308073282]]
    assert not torch.equal(
        random_weights.random_tensor(name, (3, 3)), random_weights.random_tensor(name, (3, 3), seed=1)
    )
    again = random_weights.load_random(published_body, TINY)
    for key, value in network.state_dict().items():
        assert torch.equal(again.state_dict()[key], value), key
    assert abs(network.encoder.blocks[0].mlp.fc1.weight.std() / random_weights.STD - 1) < 0.05


def test_random_weights_give_people_within_reason(outputs):
    assert all(value.isfinite().all() for value in outputs.values())
    # Rotations are regressed around none at all, in the layout that each head has.
    for name in ('global_orient', 'body_pose', 'jaw_pose'):
        assert (outputs[name] - torch.eye(3)).abs().max() < 0.6, name
    assert outputs['right hand hand_pose'].abs().max() < 0.6
    assert 1 < outputs['transl'][0, 2] < 60
