"""Steps of the training that Hand4Whole++ was published with: CHAM between frozen experts."""

from __future__ import annotations

import time
from types import SimpleNamespace

import torch

from ..body.published import PublishedBody
from ..training.published.cham_training import prepare_training, run_network
from .device_networks import hand_boxes, load_hand4whole_pp, random_image

_BATCH = 4
#: As train_cham's.
_LR = 1e-4


def train_steps(body: PublishedBody, size: str, device: torch.device, steps: int) -> dict:
    """'ms' a step, the median, 'first_loss' and 'last_loss', 'steps', 'batch', and on a GPU 'memory_mb'.

    The target is the mesh of another CHAM of random weights for one constant batch.
    Raises ValueError if a loss is not finite.
    """
    mixed = device.type == 'cuda'
    network = load_hand4whole_pp(body, size, device, None)
    batch = SimpleNamespace(patches=random_image(_BATCH, 512, 384, device), boxes=hand_boxes(_BATCH, device))
    prepare_training(network, device, mixed)
    with torch.no_grad():
        target = run_network(network, batch, mixed).vertices.clone()    # pyright: ignore[reportArgumentType]
        for parameter in network.hand_control_net.parameters():     # away from the target
            parameter.mul_(0.9)
    optimiser = torch.optim.AdamW(network.hand_control_net.parameters(), lr=_LR)
    losses, times = [], []
    for _ in range(steps):
        begun = time.perf_counter()
        optimiser.zero_grad(set_to_none=True)
        loss = (run_network(network, batch, mixed).vertices - target).abs().mean()  # pyright: ignore[reportArgumentType]
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))     # waits for the device
        times.append(time.perf_counter() - begun)
    if not all(loss < float('inf') for loss in losses):
        raise ValueError(f'a loss is not finite: {losses[:3]} ...')
    found = {'steps': steps, 'batch': _BATCH, 'ms': 1e3 * sorted(times)[len(times) // 2], 'first_loss': losses[0],
             'last_loss': losses[-1]}
    return {**found, 'memory_mb': torch.cuda.max_memory_allocated() / 2 ** 20} if device.type == 'cuda' else found
