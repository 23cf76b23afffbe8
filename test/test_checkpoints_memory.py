"""Weights are in memory once while a checkpoint is read, and their files no longer than they are needed."""

import subprocess
import sys
from pathlib import Path

import torch
from test_checkpoints import saved_by_lightning, saved_by_trainer

from hand4whole_ros.checkpoints import random_weights, safe_load
from hand4whole_ros.checkpoints.mapped import let_go
from hand4whole_ros.networks.cham import CHAMConfig
from hand4whole_ros.networks.hand4whole_pp import Hand4WholePPConfig
from hand4whole_ros.networks.packed import can_pack
from hand4whole_ros.networks.smpler_x import SMPLerXConfig
from hand4whole_ros.networks.vit import ViTConfig
from hand4whole_ros.networks.wilor import WiLoRConfig

_VIT = ViTConfig(embed_dim=512, depth=12, num_heads=8)
#: 300 MB in float32: large enough to be seen in what a process holds.
MIDDLING = Hand4WholePPConfig(SMPLerXConfig(_VIT), WiLoRConfig(_VIT), CHAMConfig(512, 512, 12, num_layers=1))

LOADING = """
import resource, sys, torch
from pathlib import Path
from hand4whole_ros.checkpoints.hand4whole_pp import load_body, load_hand4whole_pp
from hand4whole_ros.checkpoints.store import Store
from test_checkpoints_memory import MIDDLING
store, peak = Store(Path(sys.argv[1])), lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
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
    child = subprocess.run([sys.executable, '-c', LOADING, str(tmp_path), precision], cwd=Path(__file__).parent,
                           capture_output=True, text=True)
    assert not child.returncode, child.stderr
    # The files' 300 MB go by, and what a layer takes while it is turned.
    assert float(child.stdout) < 1.1 * (size * count / 2**20 + rest) + 30


def test_pages_of_a_file_are_let_go_and_read_again(tmp_path):
    torch.save({'state_dict': torch.arange(8 << 20)}, tmp_path / 'numbers.pt')
    tensor = safe_load.load(tmp_path / 'numbers.pt')['state_dict']
    total = tensor.sum()
    before = mapped_mb()
    let_go(tensor)
    assert mapped_mb() < before - 50
    assert tensor.sum() == total and torch.equal(tensor, torch.arange(8 << 20))
    own = torch.ones(8 << 20)
    let_go(own)
    let_go(tensor[:0])
    let_go(tensor[::2])
    assert own.sum() == 8 << 20


def mapped_mb():
    return int(Path('/proc/self/status').read_text().partition('RssFile:')[2].split()[0]) / 1024
