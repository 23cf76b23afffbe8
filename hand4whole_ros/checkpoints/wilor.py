"""WiLoR's reconstruction by itself, with its published weights or with random ones, ready to run."""

from __future__ import annotations

import torch

from ..body.mano import Mano
from ..networks.wilor import WILOR, WiLoR, WiLoRConfig
from .files import MANO_RIGHT
from .parts import Weights, assign_parts
from .random_weights import random_parts
from .selection import WILOR_CONTENTS, read_parts
from .store import Store
from .transformers import prepare_transformers

#: Parts are named as within Hand4Whole++, whose hand expert this is: files and random weights are the same.
_PREFIX = 'wilor.'


def load_wilor(store: Store, mano: Mano | None = None, config: WiLoRConfig = WILOR,
               device: torch.device | str = 'cpu', *, precision: torch.dtype | None = None) -> WiLoR:
    """The published network, in evaluation mode and without gradients.

    mano: the right hand, from the store by default. precision: None for float32 with every parameter under its name;
    else see transformers.prepare_transformers. Raises MissingFileError, CheckpointError, BodyModelError, or ValueError
    for a precision.
    """
    weights = read_parts(WILOR_CONTENTS, store.require(WILOR_CONTENTS.file), expected_state(config))
    return _assemble(config, mano or Mano.load(store.require(MANO_RIGHT)), weights, device=device, precision=precision)


def load_random_wilor(mano: Mano, config: WiLoRConfig = WILOR, device: torch.device | str = 'cpu',
                      precision: torch.dtype | None = None, *, seed: int = 0) -> WiLoR:
    """As load_wilor, with weights generated from names; seed chooses among them."""
    return _assemble(config, mano, random_parts(expected_state(config), seed), device=device, precision=precision)


def expected_state(config: WiLoRConfig = WILOR) -> Weights:
    """Part of Hand4WholePP -> its state dict on the meta device."""
    with torch.device('meta'):
        network = WiLoR(config, torch.nn.Identity())
    return {part: network.get_submodule(part.removeprefix(_PREFIX)).state_dict() for part in WILOR_CONTENTS.parts}


def _assemble(config, mano, weights, *, device, precision):
    with torch.device('meta'):
        network = WiLoR(config, mano)
    assign_parts(network, {part.removeprefix(_PREFIX): state for part, state in weights.items()})
    network.eval().requires_grad_(False)
    if precision is not None:
        prepare_transformers(network, network.backbone, device, precision)
    return network.to(device)
