"""Weights of the lifting networks: what is shipped runs, a file written is read again, and a damaged one is named."""

import numpy as np
import pytest
import torch

from hand4whole_ros.checkpoints import CheckpointError
from hand4whole_ros.checkpoints.lifting import (
    LIFTING_FILE,
    load_lifting_networks,
    save_lifting_networks,
)
from hand4whole_ros.networks.lifting import LiftingNetwork
from hand4whole_ros.networks.lifting_inference import LiftingPredictor
from hand4whole_ros.networks.lifting_layout import HAND, LiftingConfig

SMALL = {'width': 32, 'num_blocks': 1}


@pytest.fixture
def networks():
    torch.manual_seed(0)
    made = (LiftingNetwork(LiftingConfig(**SMALL, num_hypotheses=3)),
            LiftingNetwork(LiftingConfig(HAND.num_features, 21, 16, **SMALL)))
    for network in made:    # nothing is one or zero by chance
        for value in network.state_dict().values():
            value += 0.1 * torch.rand(value.shape)
    return [network.eval().requires_grad_(False) for network in made]


@pytest.fixture
def stored(tmp_path, networks):
    path = tmp_path / 'lifting.npz'
    save_lifting_networks(*networks, path)
    return path


def test_what_is_shipped_is_small_and_gives_bodies_and_hands():
    assert LIFTING_FILE.bundled.stat().st_size < 12_000_000 and LIFTING_FILE.matches(LIFTING_FILE.bundled)
    for network in load_lifting_networks():
        lifted = network(np.zeros((2, network.config.num_features), np.float32))
        assert all(np.isfinite(part).all() and part.dtype == np.float32 for part in lifted)
        assert lifted.points.shape[2:] == (network.config.num_points, 3)
        products = lifted.rotations @ lifted.rotations.swapaxes(-1, -2)
        np.testing.assert_allclose(products, np.broadcast_to(np.eye(3), products.shape), atol=1e-4)


def test_networks_come_back_as_they_were_but_for_half_precision(stored, networks):
    for one, other in zip(networks, load_lifting_networks(stored)):
        assert one.config == other.config
        features = torch.randn(5, one.config.num_features)
        for a, b in zip(one(features), other(features.numpy())):
            np.testing.assert_allclose(a, b, atol=2e-2)


def test_numpy_gives_what_torch_gives(networks):
    for network in networks:
        weights = {name: value.numpy() for name, value in network.state_dict().items()}
        assert {name: value.shape for name, value in weights.items()} == network.config.weight_shapes
        features = 6 * torch.randn(40, network.config.num_features)     # some beyond what is clipped
        expected, found = network(features), LiftingPredictor(network.config, weights)(features.numpy())
        for part in expected._fields:
            np.testing.assert_allclose(getattr(found, part), getattr(expected, part), atol=2e-5, err_msg=part)


def _without(arrays):
    del arrays['hand/enter.weight']


def _of_another_shape(arrays):
    arrays['body/enter.bias'] = arrays['body/enter.bias'][:-1]


def _not_finite(arrays):
    arrays['hand/leave.weight'][0, 0] = np.nan


def _without_sizes(arrays):
    del arrays['body/config/width']


def _of_no_size(arrays):
    arrays['body/config/num_blocks'] = np.array(10 ** 9)


def _with_more(arrays):
    arrays['body/blocks.7.norm.weight'] = np.ones(3)


@pytest.mark.parametrize('change, named', [
    (_without, 'hand/enter.weight'), (_of_another_shape, 'body/enter.bias'), (_not_finite, 'hand/leave.weight'),
    (_without_sizes, 'body'), (_of_no_size, 'num_blocks'), (_with_more, 'blocks.7.norm.weight')])
def test_a_changed_file_is_named_with_what_is_wrong(stored, change, named):
    with np.load(stored) as found:
        arrays = dict(found)
    change(arrays)
    with open(stored, 'wb') as stream:
        np.savez(stream, **arrays)
    with pytest.raises(CheckpointError) as error:
        load_lifting_networks(stored)
    assert str(stored) in str(error.value) and named in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize('content', [b'', b'not an archive', b'PK\x03\x04 cut off'])
def test_a_damaged_or_missing_file_is_one_clear_line(tmp_path, content):
    path = tmp_path / 'weights.npz'
    with pytest.raises(CheckpointError, match='no such file'):
        load_lifting_networks(path)
    path.write_bytes(content)
    assert not LIFTING_FILE.matches(path)
    with pytest.raises(CheckpointError, match='cannot be read') as error:
        load_lifting_networks(path)
    assert '\n' not in str(error.value)


def test_a_small_file_of_large_arrays_is_not_unpacked(tmp_path):
    path = tmp_path / 'weights.npz'
    np.savez_compressed(path, **{'body/enter.weight': np.zeros(LIFTING_FILE.max_bytes + 10_000_000, np.int8)})
    assert path.stat().st_size < 1_000_000
    with pytest.raises(CheckpointError, match='holds 110 MB; a file of the lifting networks has at most 100'):
        load_lifting_networks(path)


def test_pickles_are_not_run(tmp_path):
    path = tmp_path / 'weights.npz'
    np.savez(path, **{'body/config/width': np.array([object()], dtype=object)}, allow_pickle=True)
    with pytest.raises(CheckpointError):
        load_lifting_networks(path)
