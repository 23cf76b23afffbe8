"""Networks whose parts are read from published files: the expected contents of each part, and loading it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from torch import Tensor, nn

#: Part of a network -> its state dict.
Weights = Mapping[str, Mapping[str, Tensor]]

_Network = TypeVar('_Network', bound=nn.Module)


def expected_parts(network: nn.Module, parts: Iterable[str]) -> dict[str, dict[str, Tensor]]:
    """Part -> its state dict, of a network on the meta device: names, shapes and kinds, no numbers."""
    return {part: network.get_submodule(part).state_dict() for part in parts}


def assign_parts(network: _Network, weights: Weights) -> _Network:
    """A network on the meta device, made of these very tensors: part -> its whole state dict, floats of any kind.

    They are not copied, so that the weights are in memory once. Raises RuntimeError if some are missing.
    """
    for part, state in weights.items():
        module = network.get_submodule(part)
        wanted = module.state_dict()
        module.load_state_dict({name: value.to(wanted[name].dtype) for name, value in state.items()}, assign=True)
    empty = [name for tensors in (network.named_parameters(), network.named_buffers())
             for name, value in tensors if value.is_meta]
    if empty:
        raise RuntimeError(f'{len(empty)} tensors of the network were never filled, the first: {empty[0]}')
    return network
