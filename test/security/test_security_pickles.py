"""No file runs code: weights of the detector, and body models that grow when they are opened."""

import os
import zipfile

import numpy as np
import pytest
import torch
from fault_figures import note

from hand4whole_ros.body import npz_file
from hand4whole_ros.body.npz_file import BodyModelError
from hand4whole_ros.checkpoints import CheckpointError
from hand4whole_ros.checkpoints.safe_pickle import torch_files


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, proof):
        self._proof = proof

    def __reduce__(self):
        return os.mkdir, (str(self._proof),)


@pytest.fixture
def proof(tmp_path):
    """A folder that exists once something was run; at the end it must not."""
    folder = tmp_path / 'it_was_run'
    yield folder
    assert not folder.exists()


def saved(path, what):
    torch.save(what, path)
    return path


def test_a_checkpoint_that_would_run_something_is_refused(tmp_path, proof):
    with pytest.raises(CheckpointError, match='mkdir, which could run code: refused'):
        torch_files.load_checkpoint(saved(tmp_path / 'evil.ckpt', {'state_dict': Evil(proof)}))
    note('a checkpoint that would run a command', 'torch.save of an object that makes a folder when unpickled', 1,
         'refused with one line that names the call; the folder never appears')


def test_a_body_file_that_grows_when_opened_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(npz_file, 'MAX_ARRAY_BYTES', 1 << 26)   # a sixteenth, to make the file in no time
    path = tmp_path / 'bomb.npz'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive, archive.open('v_template.npy', 'w') as out:
        np.lib.format.write_array_header_1_0(out, {'descr': '<f8', 'fortran_order': False, 'shape': (1 << 23, 3)})
        for _ in range(65):
            out.write(bytes(1 << 20))
    with pytest.raises(BodyModelError, match='v_template has 68157568 bytes, at most 67108864'):
        npz_file.read_npz(path, ['v_template'], 'SMPL-X', 'SMPLX_NEUTRAL.npz')
    note('a body model that grows when opened', 'an .npz of zeros, with the limit lowered from 1 GB to 67 MB', 1,
         f'a file of {path.stat().st_size / 1e3:.0f} kB that holds 68 MB is refused by its table of contents')


def test_an_array_that_lies_about_its_shape_is_damage(tmp_path):
    path = tmp_path / 'short.npz'
    with zipfile.ZipFile(path, 'w') as archive, archive.open('v_template.npy', 'w') as out:
        header = {'descr': '<f8', 'fortran_order': False, 'shape': (1 << 40, 3)}
        np.lib.format.write_array_header_1_0(out, header)
    with pytest.raises(BodyModelError, match='cannot be read as an SMPL-X .npz'):
        npz_file.read_npz(path, ['v_template'], 'SMPL-X', 'SMPLX_NEUTRAL.npz')
