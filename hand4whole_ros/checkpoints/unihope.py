"""UniHOPE with its published weights, or with random ones, ready to run."""

from __future__ import annotations

import torch

from ..body.mano import Mano
from ..networks.folding import prepare_for_inference
from ..networks.unihope import UNIHOPE, UniHOPE, UniHOPEConfig
from .files import MANO_RIGHT
from .parts import Weights, assign_parts, expected_parts
from .random_weights import fan_in_std, random_parts
from .selection import UNIHOPE_CONTENTS, read_parts
from .store import Store


def load_unihope(store: Store, mano: Mano | None = None, config: UniHOPEConfig = UNIHOPE,
                 device: torch.device | str = 'cpu', *, precision: torch.dtype | None = None) -> UniHOPE:
    """The published network, in evaluation mode and without gradients.

    mano: the right hand, from the store by default. precision: None for float32 with every parameter under its name;
    else the network is prepared for inference. Raises MissingFileError, CheckpointError or BodyModelError.
    """
    weights = read_parts(UNIHOPE_CONTENTS, store.require(UNIHOPE_CONTENTS.file), expected_state(config))
    return _assemble(config, mano or Mano.load(store.require(MANO_RIGHT)), weights, device=device, precision=precision)


def load_random_unihope(mano: Mano, config: UniHOPEConfig = UNIHOPE, device: torch.device | str = 'cpu',
                        precision: torch.dtype | None = None, *, seed: int = 0) -> UniHOPE:
    """As load_unihope, with weights generated from names; seed chooses among them."""
    return _assemble(config, mano, random_parts(expected_state(config), seed, fan_in_std), device=device,
                     precision=precision)


def expected_state(config: UniHOPEConfig = UNIHOPE) -> Weights:
    """Part of the network -> its state dict on the meta device."""
    with torch.device('meta'):
        return expected_parts(UniHOPE(config, torch.nn.Identity()), UNIHOPE_CONTENTS.parts)


def _assemble(config, mano, weights, *, device, precision):
    with torch.device('meta'):
        network = UniHOPE(config, mano)
    assign_parts(network, weights).eval().requires_grad_(False)
    if precision is not None:
        prepare_for_inference(network.merge_switch()).to_precision(precision)
    return network.to(device)
