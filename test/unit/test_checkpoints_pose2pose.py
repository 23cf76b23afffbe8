"""Hand4Whole's checkpoint: a small network in the published layout comes back, and what does not fit is named."""

import json

import pytest
import torch
from locations import DATA
from parity import deterministic as D

from hand4whole_ros.checkpoints import CheckpointError, command, selection
from hand4whole_ros.checkpoints.pose2pose import expected_state, load_pose2pose, load_random_pose2pose, load_smplx_layer
from hand4whole_ros.checkpoints.store import Store
from hand4whole_ros.networks.pose2pose import POSE2POSE_TINY

KEYS = json.loads((DATA / 'parity/keys_pose2pose.json').read_text())


@pytest.fixture(scope='module')
def smplx(published_folder):
    return load_smplx_layer(Store(published_folder))


@pytest.fixture(scope='module')
def network(smplx):
    return load_random_pose2pose(smplx, POSE2POSE_TINY)


@pytest.fixture
def folder(published_folder, tmp_path):
    (tmp_path / 'human_model_files').symlink_to(published_folder)
    return tmp_path


def saved(network):
    """What its trainer saves: everything but the body model, with DataParallel's prefix, and an optimiser."""
    tensors = {f'module.{name}': value.clone() for name, value in network.state_dict().items()
               if not name.startswith('smplx_layer.')}
    return {'epoch': 6, 'network': tensors, 'optimizer': {'state': {}, 'param_groups': [{'lr': 1e-4}]}}


@pytest.mark.parametrize('zipped', [True, False])
def test_a_network_in_the_published_layout_comes_back(folder, network, zipped):
    torch.save(saved(network), folder / 'snapshot_6.pth.tar', _use_new_zipfile_serialization=zipped)
    loaded = load_pose2pose(Store(folder), config=POSE2POSE_TINY)
    assert not loaded.training and not any(value.requires_grad for value in loaded.parameters())
    patches = D.image('p', 512, 384)
    assert torch.equal(loaded(patches).vertices, network(patches).vertices)


def test_all_published_names_and_shapes_fit():
    shapes = {name: shape for component, names in KEYS.items() if not component.startswith('_')
              and isinstance(names, dict) for name, shape in names.items()}
    tensors = {name: torch.empty(shape, device='meta', dtype=torch.int64 if name.endswith('num_batches_tracked')
                                 else torch.float32) for name, shape in shapes.items()}
    chosen, misfits = selection.select_parts(selection.POSE2POSE_CONTENTS, tensors, expected_state())
    assert not misfits, misfits
    assert sum(map(len, chosen.values())) == 834


@pytest.mark.parametrize('change, words', [
    (lambda t: t.pop('module.box_net.deconv.3.weight'), '1 missing: box_net.deconv.3.weight'),
    (lambda t: t.update({'module.encoder.x': torch.zeros(1)}), '1 left over: encoder.x'),
    (lambda t: t['module.backbone.conv1.weight'].fill_(float('nan')), '1 not finite: backbone.conv1.weight')])
def test_a_tensor_that_does_not_fit_is_named(folder, network, change, words):
    content = saved(network)
    change(content['network'])
    torch.save(content, folder / 'snapshot_6.pth.tar')
    with pytest.raises(CheckpointError, match=r'snapshot_6.pth.tar does not fit Hand4Whole') as caught:
        load_pose2pose(Store(folder), config=POSE2POSE_TINY)
    assert words in str(caught.value) and '\n' not in str(caught.value)


def test_a_missing_file_is_named_with_the_command_that_helps(folder):
    with pytest.raises(CheckpointError, match='hand4whole weights fetch snapshot_6.pth.tar gets it or prints how'):
        load_pose2pose(Store(folder), config=POSE2POSE_TINY)


def test_it_is_listed_and_verified(folder, capsys, network):
    command.list_files(Store(folder))
    listed = capsys.readouterr().out
    assert 'to run the estimator hand4whole:' in listed and 'SMPLX_NEUTRAL.npz, see above' in listed
    torch.save(saved(network), folder / 'snapshot_6.pth.tar')
    assert not command.verify(Store(folder))    # it is a small one, which verify does not expect
    assert 'snapshot_6.pth.tar does not fit Hand4Whole' in capsys.readouterr().out


def test_random_weights_give_people_in_front_of_the_camera(smplx, network):
    output = network(D.image('p', 512, 384, batch=2))
    assert output.vertices.isfinite().all() and (output.joints[..., 2] > 1).all()
    again = load_random_pose2pose(smplx, POSE2POSE_TINY)
    other = load_random_pose2pose(smplx, POSE2POSE_TINY, seed=1)
    name = 'hand_rotation_net.hand_pose_out.0.weight'
    assert torch.equal(again.state_dict()[name], network.state_dict()[name])
    assert not torch.equal(other.state_dict()[name], network.state_dict()[name])


@pytest.mark.parametrize('precision, metres', [(torch.float32, 2e-4), (torch.bfloat16, 0.05)])
def test_prepared_for_inference_it_gives_the_same_people(smplx, network, precision, metres):
    prepared = load_random_pose2pose(smplx, POSE2POSE_TINY, precision=precision)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for name, module in prepared.backbone.named_modules())
    patches = D.image('p', 512, 384, batch=2)
    there, here = (output.vertices - output.joints[:, :1] for output in (network(patches), prepared(patches)))
    assert (there - here).norm(dim=-1).mean() < metres
    assert here.dtype == torch.float32
