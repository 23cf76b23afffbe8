"""Body models that come as pickles: their numbers come out, and nothing that is named in them is run."""

import os
import pickle
import sys
import types

import numpy as np
import pytest
import scipy.sparse

from hand4whole_ros.checkpoints import CheckpointError
from hand4whole_ros.checkpoints.convert import convert_pickle
from hand4whole_ros.checkpoints.safe_pickle.array_pickles import read_pickle


@pytest.fixture(scope='module')
def mano(published_folder):
    with np.load(published_folder / 'mano/MANO_RIGHT.npz') as arrays:
        return dict(arrays)


@pytest.fixture
def chumpy(monkeypatch):
    """Classes whose objects are pickled as chumpy's own are, for as long as something is being written."""
    modules = {'chumpy': types.ModuleType('chumpy')}
    made = {}
    for path in ('chumpy.ch.Ch', 'chumpy.reordering.Select', 'chumpy.ch_ops.multiply'):
        module, name = path.rsplit('.', 1)
        made[name] = type(name, (), {'__module__': module})
        modules[module] = types.ModuleType(module)
        setattr(modules[module], name, made[name])

    def make(name, **state):
        value = made[name]()
        # What chumpy keeps besides, in every object.
        value.__dict__.update(_dirty_vars=set(), _itr=None, _depends_on_deps={'r': {'deps': ('x',)}}, **state)
        return value

    def dumps(value, protocol):
        with monkeypatch.context() as patch:
            for name, module in modules.items():
                patch.setitem(sys.modules, name, module)
            return pickle.dumps(value, protocol)

    return types.SimpleNamespace(make=make, dumps=dumps)


def says(path, *words):
    with pytest.raises(CheckpointError) as caught:
        convert_pickle(path)
    message = str(caught.value)
    assert '\n' not in message and not path.with_suffix('.npz').exists()
    assert os.listdir(path.parent) == [path.name], 'a temporary file was left'
    for word in words:
        assert word in message, message


@pytest.mark.parametrize('name', ['mano/MANO_RIGHT', 'mano/MANO_LEFT', 'smplx/MANO_SMPLX_vertex_ids',
                                  'smplx/SMPLX_NEUTRAL'])
def test_every_kind_of_file_becomes_the_same_arrays(published_folder, tmp_path, name):
    with np.load(published_folder / f'{name}.npz') as arrays:
        expected = dict(arrays)
    (tmp_path / 'model.pkl').write_bytes(pickle.dumps(expected, protocol=2))
    output, left_out = convert_pickle(tmp_path / 'model.pkl', tmp_path / 'out/model.npz')
    assert output == tmp_path / 'out/model.npz' and not left_out
    with np.load(output, allow_pickle=False) as found:
        assert set(found.files) == set(expected)
        for key in found.files:
            assert found[key].dtype == expected[key].dtype and np.array_equal(found[key], expected[key]), key


@pytest.mark.parametrize('protocol', [0, 2, 4, 5])
@pytest.mark.parametrize('kind', [scipy.sparse.csc_matrix, scipy.sparse.csr_matrix, scipy.sparse.coo_matrix])
def test_sparse_matrices_and_chumpy_arrays_are_evaluated(tmp_path, mano, chumpy, protocol, kind):
    wide = np.concatenate([mano['shapedirs'], mano['shapedirs'] + 1], axis=2)
    chosen = np.arange(wide.size).reshape(wide.shape)[:, :, :10]
    path = tmp_path / 'MANO_RIGHT.pkl'
    path.write_bytes(chumpy.dumps({
        **mano, 'J_regressor': kind(mano['J_regressor']), 'v_template': chumpy.make('Ch', x=mano['v_template']),
        'shapedirs': chumpy.make('Select', a=chumpy.make('Ch', x=wide), idxs=chosen.ravel(),
                                 preferred_shape=chosen.shape),
        'weights': np.asfortranarray(mano['weights'].astype('>f8')), 'scale': np.float64(2.5),
        'empty': np.zeros((0, 3)), 'counts': [1, 2, 3], 'bs_type': 'lrotmin',
        'names': np.array(['a', None], object), 'nothing': None}, protocol))
    output, left_out = convert_pickle(path)
    assert left_out == ['bs_type', 'names', 'nothing']
    with np.load(output, allow_pickle=False) as found:
        for key in ('J_regressor', 'v_template', 'shapedirs', 'weights', 'kintree_table'):
            assert np.array_equal(found[key], mano[key]), key
        assert found['scale'] == 2.5 and found['empty'].shape == (0, 3) and found['counts'].tolist() == [1, 2, 3]


class Trap:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('protocol', [0, 2, 4])
@pytest.mark.parametrize('name, call', [
    ('system', lambda trace: Trap(os.system, f'touch {trace}')), ('mkdir', lambda trace: Trap(os.mkdir, str(trace))),
    ('eval', lambda trace: Trap(eval, f'open({str(trace)!r}, "w")'))])
def test_code_in_a_pickle_never_runs(tmp_path, mano, protocol, name, call):
    path, trace = tmp_path / 'models/MANO_RIGHT.pkl', tmp_path / 'trace'
    path.parent.mkdir()
    path.write_bytes(pickle.dumps({**mano, 'extra': call(trace)}, protocol))
    says(path, name, 'could run code: refused')
    assert not trace.exists()
    pickle.loads(path.read_bytes())
    assert trace.exists()  # the trap is one


def test_other_classes_are_refused_by_name(tmp_path, mano, chumpy):
    path = tmp_path / 'MANO_RIGHT.pkl'
    path.write_bytes(chumpy.dumps({**mano, 'J': chumpy.make('multiply', a=1, b=2)}, 2))
    says(path, 'chumpy.ch_ops.multiply')
    path.write_bytes(pickle.dumps({**mano, 'J': types.SimpleNamespace()}, 4))
    says(path, 'types.SimpleNamespace')
    # What is admitted serves only for what it is admitted for.
    path.write_bytes(b"c_codecs\nencode\n(Vx\nVutf-7\ntR.")
    says(path, 'utf-7')
    path.write_bytes(b"ccopy_reg\n_reconstructor\n(c__builtin__\nset\nc__builtin__\nobject\nNtR.")
    says(path, 'an object of')


def test_sizes_that_lie_are_noticed(tmp_path, mano, chumpy):
    path = tmp_path / 'MANO_RIGHT.pkl'
    outside = scipy.sparse.csc_matrix(mano['J_regressor'])
    outside.indices[0] = 10_000  # would be written beyond the array's end
    huge = scipy.sparse.csc_matrix(mano['J_regressor'])
    huge._shape = (1 << 40, 1 << 20)
    cycle = chumpy.make('Ch')
    cycle.x = cycle
    for value, words in ((outside, 'out of bounds'), (huge, 'a sparse matrix of shape'), (cycle, 'without end')):
        path.write_bytes(chumpy.dumps({**mano, 'J_regressor': value}, 2))
        says(path, 'cannot be read as a pickled body model', words)
    content = pickle.dumps({'hands_mean': np.arange(3.0)}, 2)
    path.write_bytes(content.replace(b'K\x03\x85', b'K\x7f\x85'))  # three numbers, said to be 127
    says(path, 'the wrong number of bytes')


def test_damaged_and_other_files_are_one_line(published_folder, tmp_path, mano):
    path = tmp_path / 'MANO_RIGHT.pkl'
    content = (published_folder / 'mano/MANO_RIGHT.pkl').read_bytes()
    for length in (0, 1, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        says(path, 'MANO_RIGHT.pkl', 'is the download complete?')
    path.write_bytes(b'PK\x03\x04' + bytes(100))
    says(path, 'cannot be read as a pickled body model')
    path.write_bytes(pickle.dumps([1, 2]))
    says(path, 'holds no dictionary')
    path.write_bytes(pickle.dumps({'betas': np.zeros(3), 'name': 'x'}))
    says(path, 'neither SMPL-X, MANO nor', 'its arrays are betas')
    path.write_bytes(pickle.dumps({**mano, 'v_template': mano['v_template'] * np.nan}))
    says(path, 'MANO_RIGHT.pkl: v_template', 'not finite')
    path.write_bytes(pickle.dumps({key: value for key, value in mano.items() if key != 'posedirs'}))
    says(path, 'lacks posedirs')
    with pytest.raises(CheckpointError, match='No such file'):
        convert_pickle(tmp_path / 'none.pkl')


def test_what_is_there_already_is_kept(published_folder, tmp_path):
    path = tmp_path / 'MANO_RIGHT.pkl'
    path.write_bytes((published_folder / 'mano/MANO_RIGHT.pkl').read_bytes())
    path.with_suffix('.npz').write_bytes(b'mine')
    with pytest.raises(CheckpointError, match='is there already'):
        convert_pickle(path)
    assert path.with_suffix('.npz').read_bytes() == b'mine'


def test_a_file_too_large_to_be_one_is_not_read(tmp_path):
    path = tmp_path / 'SMPLX_NEUTRAL.pkl'
    with open(path, 'wb') as stream:
        stream.truncate(3 << 30)  # a hole, not bytes
    with pytest.raises(CheckpointError, match='has 3072 MB'):
        read_pickle(path)
