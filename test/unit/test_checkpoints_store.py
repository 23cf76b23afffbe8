"""The folder of weights: what is found in it, and that a file which changed is noticed."""

import json
import os

import pytest

from hand4whole_ros.checkpoints import CheckpointError, MissingFileError
from hand4whole_ros.checkpoints.files import (
    ESTIMATOR,
    FILES,
    MANO_RIGHT,
    SMPLX,
    SNAPSHOT,
    TRAINING,
    WILOR,
    published_file,
)
from hand4whole_ros.checkpoints.store import CHECKSUMS, Store, default_folder, sha256


def put(path, content=b'x'):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_the_folder_is_the_argument_or_the_variable_or_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.delenv('HAND4WHOLE_WEIGHTS', raising=False)
    monkeypatch.delenv('XDG_DATA_HOME', raising=False)
    assert default_folder() == tmp_path / '.local/share/hand4whole_ros'
    monkeypatch.setenv('XDG_DATA_HOME', '/data')
    assert str(Store().folder) == '/data/hand4whole_ros'
    monkeypatch.setenv('HAND4WHOLE_WEIGHTS', '~/weights')
    assert Store().folder == tmp_path / 'weights'
    assert str(Store('/other').folder) == '/other'
    with pytest.raises(CheckpointError, match='is a file; name the folder'):
        Store(put(tmp_path / 'snapshot_6.pth'))


def test_files_are_found_in_the_authors_own_folders(tmp_path):
    authors = tmp_path / 'Hand4Whole-plus-plus_RELEASE'
    mano = put(authors / 'common/utils/human_model_files/mano/MANO_RIGHT.npz')
    wilor = put(authors / 'common/nets/WiLoR/pretrained_models/wilor_final.ckpt')
    put(authors / '.git/snapshot_6.pth')
    put(tmp_path / 'a/b/c/d/e/f/g/snapshot_6.pth')  # too deep to be meant
    (authors / 'loop').symlink_to(tmp_path)
    (authors / 'nowhere').symlink_to(tmp_path / 'missing')
    store = Store(tmp_path)
    assert store.find(MANO_RIGHT) == mano and store.find(WILOR) == wilor and store.find(SNAPSHOT) is None
    near = put(tmp_path / 'wilor_final.ckpt')
    assert store.find(WILOR) == near


def test_a_folder_that_is_no_folder_of_weights_is_not_searched_to_its_end(tmp_path, monkeypatch, caplog):
    for k in range(20):
        put(tmp_path / f'{k:02}.jpg')
    put(tmp_path / 'wilor_final.ckpt')
    monkeypatch.setattr('hand4whole_ros.checkpoints.store._MAX_ENTRIES', 10)
    assert Store(tmp_path).find(WILOR) is None
    assert 'holds more than 10 files' in caplog.text


def test_what_is_missing_is_said_with_what_to_do(tmp_path):
    store = Store(tmp_path / 'not/yet/there')
    assert len(store.missing(ESTIMATOR)) == 6 and len(store.missing(TRAINING)) == 2
    with pytest.raises(
        MissingFileError, match='wilor_final.ckpt is not in .* hand4whole weights fetch wilor_final.ckpt'
    ):
        store.require(WILOR)
    pickled = put(store.folder / 'SMPLX_NEUTRAL.pkl')
    assert SMPLX in store.missing(ESTIMATOR)
    with pytest.raises(MissingFileError, match=f'hand4whole weights convert {pickled}'):
        store.require(SMPLX)
    npz = put(store.folder / 'smplx/SMPLX_NEUTRAL.npz')
    assert store.require(SMPLX) == npz


def test_the_two_snapshots_are_told_apart(tmp_path):
    assert published_file('snapshot_6.pth') is SNAPSHOT and published_file('snapshot_6.pth.tar') is not SNAPSHOT
    assert published_file('MANO_RIGHT.pkl') is published_file('MANO_RIGHT') is MANO_RIGHT
    put(tmp_path / 'snapshot_6.pth.tar')
    assert Store(tmp_path).find(SNAPSHOT) is None
    assert len({name for file in FILES for name in file.file_names}) == sum(len(file.file_names) for file in FILES)


def test_a_file_that_changed_is_noticed(tmp_path, monkeypatch):
    store, path = Store(tmp_path), put(tmp_path / 'sub/wilor_final.ckpt', b'weights')
    assert store.check(path) is None and store.require(WILOR) == path  # nothing recorded, nothing to compare
    store.record(path, sha256(path))
    read = []
    monkeypatch.setattr('hand4whole_ros.checkpoints.store.sha256', lambda path: read.append(path) or sha256(path))
    assert store.check(path) == sha256(path) and not read  # same size and time: not read again
    os.utime(path, (1, 1))
    assert store.require(WILOR) == path and len(read) == 1  # copied or touched: read once, and remembered
    assert store.require(WILOR) == path and len(read) == 1
    path.write_bytes(b'Weights')
    for _ in range(2):
        with pytest.raises(CheckpointError, match='wilor_final.ckpt has changed.*verify --renew') as caught:
            store.require(WILOR)
        assert '\n' not in str(caught.value)
    assert list(json.loads((tmp_path / CHECKSUMS).read_text())) == ['sub/wilor_final.ckpt']
    store.record(path, sha256(path))
    assert store.require(WILOR) == path


def test_thorough_reading_finds_what_size_and_time_hide(tmp_path):
    store, path = Store(tmp_path), put(tmp_path / 'wilor_final.ckpt', b'weights')
    store.record(path, sha256(path))
    stat = path.stat()
    path.write_bytes(b'Weights')
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert store.check(path)
    with pytest.raises(CheckpointError, match='has changed'):
        store.check(path, thorough=True)


@pytest.mark.parametrize('content', [b'{', b'[1]', b'{"a": 1}', b'\xff'])
def test_a_damaged_list_of_checksums_is_said(tmp_path, content):
    put(tmp_path / 'wilor_final.ckpt'), put(tmp_path / CHECKSUMS, content)
    with pytest.raises(CheckpointError, match='checksums.json is damaged .*delete it'):
        Store(tmp_path).require(WILOR)
