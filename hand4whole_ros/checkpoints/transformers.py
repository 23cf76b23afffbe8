"""Networks of transformers, prepared to run on one device in one precision."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from ..networks.hand4whole_pp import HandExpert
from ..networks.packed_layers import can_pack, pack_network
from ..networks.wilor import WiLoR
from .mapped_weights import release_pages

_Network = TypeVar('_Network', bound=HandExpert | WiLoR)


def prepare_transformers(network: _Network, quantized: nn.Module, device: torch.device | str,
                         precision: torch.dtype) -> _Network:
    """Prepare the network for inference only, on that device in that precision; the same object.

    What tolerates less than float32 gets it: on a GPU as the network's to_precision defines it, on a processor products
    alone (networks.packed_layers). quantized: the part of it that int8 is for; the rest is in the next precision then.
    In memory there is one copy of the weights, and none is mapped from a file any more. Raises ValueError for a
    precision that this device does not support.
    """
    on_cpu = torch.device(device).type == 'cpu'
    if precision == torch.int8 and not (on_cpu and can_pack(torch.int8)):
        raise ValueError('int8 is for processors with AVX-512 VNNI instructions; choose another precision')
    if on_cpu:
        _copy_storage(network.buffers())  # first: a body's tables are large, and nothing else is in memory yet
    if on_cpu and can_pack(precision):
        if precision == torch.int8:
            pack_network(quantized, precision, release_pages)
            precision = torch.bfloat16 if can_pack(torch.bfloat16) else torch.float32
        pack_network(network, precision, release_pages)
    else:
        network.to_precision(precision)
    if on_cpu:
        _copy_storage(network.parameters())
    return network.to(device)


def _copy_storage(values):
    """Copy them into memory of their own: a single tensor that is left keeps its whole file."""
    for value in values:
        mapped, value.data = value.data, value.data.clone()
        release_pages(mapped)
