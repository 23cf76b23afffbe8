"""Weights are in memory once while a checkpoint is read, and their files no longer than they are needed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from locations import child_environment
from test_checkpoints import saved_by_lightning, saved_by_trainer

from hand4whole_ros.checkpoints import mapped_weights, random_weights
from hand4whole_ros.checkpoints.mapped_weights import read_ahead, release_pages
from hand4whole_ros.checkpoints.safe_pickle import torch_files
from hand4whole_ros.networks.cham import CHAMConfig
from hand4whole_ros.networks.hand4whole_pp import Hand4WholePPConfig
from hand4whole_ros.networks.packed_layers import can_pack
from hand4whole_ros.networks.smpler_x import SMPLerXConfig
from hand4whole_ros.networks.vit import ViTConfig
from hand4whole_ros.networks.wilor import WiLoRConfig

_VIT = ViTConfig(embed_dim=512, depth=12, num_heads=8)
#: 300 MB in float32: large enough to be seen in what a process holds.
MIDDLING = Hand4WholePPConfig(SMPLerXConfig(_VIT), WiLoRConfig(_VIT), CHAMConfig(512, 512, 12, num_layers=1))

LOADING = """
import sys, torch
from pathlib import Path
from hand4whole_ros.checkpoints.hand4whole_pp import load_body, load_hand4whole_pp
from hand4whole_ros.checkpoints.store import Store
from test_checkpoints_memory import MIDDLING
store = Store(Path(sys.argv[1]))
def peak():  # not getrusage's, which begins with what the parent process held
    return int(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0]) / 1024
body = load_body(store)
torch.nn.functional.linear(torch.ones(99, 99), torch.ones(99, 99))
before = peak()
load_hand4whole_pp(store, MIDDLING, body, precision=getattr(torch, sys.argv[2]))
print(peak() - before)
"""


def test_weights_are_in_memory_once(tmp_path, published_folder, published_body):
    precision, size = ('bfloat16', 2) if can_pack(torch.bfloat16) else ('float32', 4)
    network = random_weights.load_random(published_body, MIDDLING)
    torch.save(saved_by_trainer(network), tmp_path / 'snapshot_6.pth')
    torch.save(saved_by_lightning(network), tmp_path / 'wilor_final.ckpt')
    (tmp_path / 'human_model_files').symlink_to(published_folder)
    count = sum(value.numel() for part in (network.encoder, network.wilor.backbone) for value in part.parameters())
    rest = sum(value.nbytes for value in network.state_dict().values()) / 2**20 - 4 * count / 2**20
    del network
    child = subprocess.run([sys.executable, '-c', LOADING, str(tmp_path), precision], env=child_environment(),
                           capture_output=True, text=True)
    assert not child.returncode, child.stderr
    # The files' 300 MB go by, and what one layer takes while it is turned.
    assert float(child.stdout) < 1.05 * (size * count / 2**20 + rest) + 20


def test_pages_of_a_file_are_let_go_and_read_again(tmp_path):
    torch.save({'state_dict': torch.arange(8 << 20)}, tmp_path / 'numbers.pt')
    tensor = torch_files.load_checkpoint(tmp_path / 'numbers.pt')['state_dict']
    total = tensor.sum()
    before = mapped_mb()
    release_pages(tensor)
    assert mapped_mb() < before - 50
    assert tensor.sum() == total and torch.equal(tensor, torch.arange(8 << 20))
    own = torch.ones(8 << 20)
    release_pages(own)
    release_pages(tensor[:0])
    release_pages(tensor[::2])
    assert own.sum() == 8 << 20


@pytest.mark.skipif(not hasattr(os, 'RWF_NOWAIT'), reason='this system does not say what it has in memory')
def test_files_are_read_before_they_are_needed(tmp_path):
    path = tmp_path / 'weights'
    with open(path, 'wb') as file:
        file.write(os.urandom(20 << 20))
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if in_memory(path):
        pytest.skip('this file system keeps its files in memory')
    read_ahead([tmp_path / 'missing', path]).join()
    until = time.monotonic() + 30
    while not in_memory(path):  # the system was asked, and takes its time
        assert time.monotonic() < until
        time.sleep(0.01)


def test_what_does_not_fit_into_memory_is_not_read_ahead(tmp_path, monkeypatch):
    (tmp_path / 'a').write_bytes(bytes(12 << 20))
    (tmp_path / 'b').write_bytes(bytes(12 << 20))
    asked = []
    monkeypatch.setattr(mapped_weights.os, 'posix_fadvise', lambda file, start, size, wish: asked.append(start >> 20))
    monkeypatch.setattr(mapped_weights, '_available_bytes', lambda: 40 << 20)
    read_ahead([tmp_path / 'a', tmp_path / 'b']).join()
    assert asked == [0, 8, 0]


def in_memory(path):
    """Whether the end of a file can be read without waiting for the disk."""
    with open(path, 'rb') as file:
        try:
            return os.preadv(file.fileno(), [bytearray(4096)], path.stat().st_size - 4096, os.RWF_NOWAIT) > 0
        except BlockingIOError:
            return False
        except OSError:  # a file system that cannot tell
            return True


def mapped_mb():
    return int(Path('/proc/self/status').read_text().partition('RssFile:')[2].split()[0]) / 1024
