"""UniHOPE's checkpoint: a small network in the published layout comes back, and what does not fit is named."""

import json

import pytest
import torch
from locations import DATA
from parity import deterministic as D

from hand4whole_ros.body.mano import Mano
from hand4whole_ros.checkpoints import CheckpointError, command, selection
from hand4whole_ros.checkpoints.store import Store
from hand4whole_ros.checkpoints.unihope import expected_state, load_random_unihope, load_unihope
from hand4whole_ros.networks.unihope import UNIHOPE_TINY

KEYS = json.loads((DATA / 'parity/keys_unihope.json').read_text())


@pytest.fixture(scope='module')
def mano(published_folder):
    return Mano.load(published_folder / 'mano/MANO_RIGHT.npz')


@pytest.fixture(scope='module')
def network(mano):
    return load_random_unihope(mano, UNIHOPE_TINY)


@pytest.fixture
def folder(published_folder, tmp_path):
    (tmp_path / 'human_model_files').symlink_to(published_folder)
    return tmp_path


def scene():
    boxes = torch.tensor([[20., 30, 80, 90], [40., 20, 110, 100]])
    return D.image('scene', 128, 128, batch=2), boxes, boxes + 5


def saved(network, prefix=''):
    """What its trainer saves: the network with its hand model and what serves training, and the trainer's state."""
    tensors = {f'{prefix}{name}': value.clone() for name, value in network.state_dict().items()}
    tensors.update({f'{prefix}{name}': torch.zeros(1) for name in (
        'hand_head.uu', 'hand_head.vv', 'mano_branch.mano_layer.th_betas', 'mano_feature_mapper.fc.weight')})
    return {'epoch': 70, 'state_dict': tensors, 'optimizer': {'state': {}}, 'scheduler': {'last_epoch': 70}}


@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_a_network_in_the_published_layout_comes_back(folder, network, prefix):
    torch.save(saved(network, prefix), folder / 'unihope_dexycb.pth')
    loaded = load_unihope(Store(folder), config=UNIHOPE_TINY)
    assert not loaded.training and not any(value.requires_grad for value in loaded.parameters())
    assert torch.equal(loaded(*scene()).vertices, network(*scene()).vertices)


def test_all_published_names_and_shapes_fit():
    shapes = {name: shape for component, names in KEYS.items() if not component.startswith('_')
              and isinstance(names, dict) for name, shape in names.items()}
    tensors = {name: torch.empty(shape, device='meta', dtype=torch.int64 if name.endswith('num_batches_tracked')
                                 else torch.float32) for name, shape in shapes.items()}
    chosen, misfits = selection.select_parts(selection.UNIHOPE_CONTENTS, tensors, expected_state())
    assert not misfits, misfits
    assert sum(map(len, chosen.values())) == len([name for name in shapes if 'feature_mapper' not in name
                                                  and name not in KEYS['_not_weights']])


def test_another_network_is_named(folder, network):
    content = saved(network)
    del content['state_dict']['obj_conf_layer.3.weight'], content['state_dict']['obj_conf_layer.3.bias']
    torch.save(content, folder / 'unihope_dexycb.pth')
    with pytest.raises(CheckpointError, match=r'unihope_dexycb.pth does not fit UniHOPE') as caught:
        load_unihope(Store(folder), config=UNIHOPE_TINY)
    assert '2 missing: obj_conf_layer.3.weight' in str(caught.value) and '\n' not in str(caught.value)


def test_it_is_listed_and_fetching_says_where_it_is(folder, capsys):
    command.list_files(Store(folder))
    listed = capsys.readouterr().out
    assert 'to run the estimator unihope; the detector of hands is that of wilor: 1 of 2 missing' in listed
    assert not command.fetch(Store(folder), ['unihope_dexycb.pth'])
    assert 'call it unihope_dexycb.pth' in capsys.readouterr().out


def test_random_weights_give_hands(network):
    output = network(*scene())
    assert output.vertices.isfinite().all() and output.vertices.abs().max() < 0.5
    assert ((output.keypoints_2d > 0) & (output.keypoints_2d < 1)).all()
    assert (output.grasp_probability > 0).all() and (output.votes.x.abs() < 10).all()


@pytest.mark.parametrize('precision, metres', [(torch.float32, 1e-5), (torch.bfloat16, 0.02)])
def test_prepared_for_inference_it_gives_the_same_hands(mano, network, precision, metres):
    prepared = load_random_unihope(mano, UNIHOPE_TINY, precision=precision)
    assert len(prepared.obj_conf_layer) == 3
    whole, found = network(*scene()), prepared(*scene())
    assert (whole.vertices - found.vertices).norm(dim=-1).mean() < metres
    torch.testing.assert_close(found.grasp_logits, whole.grasp_logits, rtol=0.1, atol=0.05)
