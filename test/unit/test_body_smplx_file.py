"""Model files that a user names: a stand-in for a licensed SMPL-X file, and everything that is none."""

import pickle

import numpy as np
import pytest
import smplx
import torch
from smplx.vertex_ids import vertex_ids
from test_body import _as_batch, _estimate, _random_poses

from hand4whole_ros import skeleton
from hand4whole_ros.body.model import BodyModel, BodyModelError

V = 10475


class _Trap:
    """Unpickling this leaves a trace."""

    def __reduce__(self):
        return (_spring, ())


def _spring():
    _spring.sprung = True
    return {}


_spring.sprung = False


@pytest.fixture(scope='module')
def arrays():
    """Random numbers in the shapes of SMPLX_NEUTRAL.npz, with 400 components and pose blend shapes."""
    rng = np.random.default_rng(0)
    weights = rng.random((V, skeleton.NUM_JOINTS)) ** 8
    regressor = rng.random((skeleton.NUM_JOINTS, V)) ** 20
    parents = np.array(skeleton.PARENTS, np.int64).astype(np.uint32)
    return {
        'v_template': rng.normal(0, 0.4, (V, 3)), 'f': rng.integers(0, V, (20908, 3)).astype(np.uint32),
        'shapedirs': rng.normal(0, 0.01, (V, 3, 400)).astype(np.float32),
        'posedirs': rng.normal(0, 0.001, (V, 3, 486)).astype(np.float32),
        'J_regressor': regressor / regressor.sum(1, keepdims=True),
        'weights': weights / weights.sum(1, keepdims=True),
        'kintree_table': np.stack([parents, np.arange(skeleton.NUM_JOINTS, dtype=np.uint32)]),
        **{f'hands_components{s}': np.eye(45) for s in 'lr'},
        **{f'hands_mean{s}': rng.normal(size=45) for s in 'lr'},
        'lmk_faces_idx': np.zeros(51, np.int64), 'lmk_bary_coords': np.full((51, 3), 1 / 3)}


@pytest.fixture(scope='module')
def licensed(arrays, tmp_path_factory):
    """Such a file with the pickled extras that SMPL-X's own files carry; these would spring the trap."""
    path = tmp_path_factory.mktemp('smplx') / 'SMPLX_NEUTRAL.npz'
    np.savez(path, joint2num=np.array(_Trap(), dtype=object), **arrays)
    return path


def test_a_licensed_file_takes_the_same_path(licensed, arrays):
    model = BodyModel.load(licensed)
    assert not _spring.sprung
    assert model.name == 'smplx' and model.num_vertices == V
    estimate = _estimate(_random_poses(1, 0.4, seed=1))
    batch = _as_batch(estimate)
    output = model.layer(**batch)
    assert np.abs(model.vertices(estimate) - output.vertices[0].numpy()).max() < 1e-5

    np.savez(licensed.with_name('plain.npz'), **arrays)
    theirs = smplx.SMPLX(str(licensed.with_name('plain.npz')), use_pca=False, flat_hand_mean=True,
                         num_betas=10, num_expression_coeffs=10)
    reference = theirs(**{name: value.reshape(1, -1) for name, value in batch.items()})
    torch.testing.assert_close(output.vertices, reference.vertices, atol=1e-6, rtol=0)
    torch.testing.assert_close(output.joints, reference.joints[:, :55], atol=1e-6, rtol=0)
    for k, finger in enumerate(('thumb', 'index', 'middle', 'ring', 'pinky')):
        for side in ('left', 'right'):
            assert model.fingertips[side][k] == vertex_ids['smplx'][side[0] + finger]


def _says(path, *words):
    with pytest.raises(BodyModelError) as caught:
        BodyModel.load(path)
    message = str(caught.value)
    assert '\n' not in message and str(path) in message
    for word in words:
        assert word in message, message


def test_a_missing_file_and_a_folder(tmp_path):
    _says(tmp_path / 'none.npz', 'does not exist')
    _says(tmp_path, 'folder')


def test_a_pickle_is_refused_and_never_opened(tmp_path):
    path = tmp_path / 'SMPLX_NEUTRAL.pkl'
    path.write_bytes(pickle.dumps(_Trap()))
    _says(path, 'hand4whole weights convert')
    disguised = tmp_path / 'SMPLX_NEUTRAL.npz'
    disguised.write_bytes(path.read_bytes())
    _says(disguised, 'cannot be read')
    assert not _spring.sprung


def test_files_that_are_something_else(tmp_path, licensed):
    picture = tmp_path / 'picture.npz'
    picture.write_bytes(b'\x89PNG' + bytes(100))
    _says(picture, 'cannot be read')
    part = tmp_path / 'part.npz'
    part.write_bytes(licensed.read_bytes()[:1_000_000])
    _says(part, 'download')
    other = tmp_path / 'other.npz'
    np.savez(other, a=np.zeros(3))
    _says(other, 'not an SMPL-X model', 'v_template', 'found a')
    single = tmp_path / 'single.npz'
    with open(single, 'wb') as stream:
        np.save(stream, np.zeros(3))
    _says(single, 'cannot be read')


@pytest.mark.parametrize('key, change, words', [
    ('weights', lambda a: a[:, :24], ('weights', '(10475, 24)')),
    ('posedirs', lambda a: a[..., :207], ('posedirs',)),
    ('shapedirs', lambda a: a[..., :10], ('shapedirs', '20')),
    ('kintree_table', lambda a: np.zeros_like(a), ('parents',)),
    ('f', lambda a: a + 10475, ('triangles',)),
    ('v_template', lambda a: a * np.nan, ('not finite',)),
    ('v_template', lambda a: np.array(_Trap(), dtype=object), ('cannot be read',)),
])
def test_a_file_with_one_wrong_array(tmp_path, arrays, key, change, words):
    small = {**arrays, 'shapedirs': arrays['shapedirs'][..., :20], key: change(
        arrays[key][..., :20] if key == 'shapedirs' else arrays[key])}
    path = tmp_path / 'wrong.npz'
    np.savez(path, **small)
    _says(path, *words)
    assert not _spring.sprung
