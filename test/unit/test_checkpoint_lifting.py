"""Weights of the lifting networks: what is shipped runs, a file written is read again, and a damaged one is named."""

import numpy as np
import pytest
import torch

from hand4whole_ros.checkpoints import CheckpointError
from hand4whole_ros.checkpoints.lifting import (
    LIFTING_FILE,
    LiftingNetworks,
    load_lifting_networks,
    save_lifting_networks,
)
from hand4whole_ros.networks.lifting import HAND, LiftingConfig, LiftingNetwork

SMALL = {'width': 32, 'num_blocks': 1}


@pytest.fixture
def networks():
    torch.manual_seed(0)
    return LiftingNetworks(LiftingNetwork(LiftingConfig(**SMALL, num_hypotheses=3)).eval(),
                           LiftingNetwork(LiftingConfig(HAND.num_features, 21, 16, **SMALL)).eval())


@pytest.fixture
def stored(tmp_path, networks):
    path = tmp_path / 'lifting.npz'
    save_lifting_networks(networks, path)
    return path


def test_what_is_shipped_is_small_and_gives_bodies_and_hands():
    assert LIFTING_FILE.bundled.stat().st_size < 12_000_000 and LIFTING_FILE.matches(LIFTING_FILE.bundled)
    for network in load_lifting_networks():
        lifted = network(torch.zeros(2, network.config.num_features))
        assert all(torch.isfinite(part).all() for part in lifted)
        assert lifted.points.shape[2:] == (network.config.num_points, 3)
        turned = lifted.rotations
        assert torch.allclose(turned @ turned.transpose(-1, -2), torch.eye(3).expand_as(turned), atol=1e-4)


def test_networks_come_back_as_they_were_but_for_half_precision(stored, networks):
    for one, other in zip(networks, load_lifting_networks(stored)):
        assert one.config == other.config
        features = torch.randn(5, one.config.num_features)
        for a, b in zip(one(features), other(features)):
            assert torch.allclose(a, b, atol=2e-2)


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
