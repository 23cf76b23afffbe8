"""Hand4Whole++ with its published weights, ready to run; and as its training starts."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..body.published import PublishedBody
from ..networks.cham import CHAM
from ..networks.face import FaceRegressor, FaceRoI
from ..networks.hand4whole_pp import HAND4WHOLE_PP, Hand4WholePP, Hand4WholePPConfig
from ..networks.smpler_x import BodyEncoder, BodyPositionNet, BodyRegressor
from ..networks.wilor import WiLoR
from . import selection
from .body_files import load_body
from .store import Store

#: What the network is put together from, to run it and to train it.
PUBLISHED = (selection.HAND4WHOLE_PP_CONTENTS, selection.WILOR_CONTENTS)
TRAINING_START = (selection.SMPLER_X_CONTENTS, selection.HAND4WHOLE_CONTENTS, selection.WILOR_CONTENTS)


def load_hand4whole_pp(store: Store, config: Hand4WholePPConfig = HAND4WHOLE_PP, body: PublishedBody | None = None,
                       device: torch.device | str = 'cpu', precision: torch.dtype = torch.float32) -> Hand4WholePP:
    """The published network, in evaluation mode and without gradients.

    precision is that of the parts that bear less than float32, as Hand4WholePP.in_precision names them. In float32
    on the CPU the weights stay mapped from their files. Raises MissingFile, CheckpointError or BodyModelError.
    """
    weights = _gather(store, PUBLISHED, config)
    network = assemble(config, body or load_body(store), weights).eval().requires_grad_(False)
    network.in_precision(precision)
    if precision != torch.float32:
        _let_go_of_files(network, precision)
    return network.to(device)


def load_training_start(store: Store, config: Hand4WholePPConfig = HAND4WHOLE_PP, body: PublishedBody | None = None
                        ) -> Hand4WholePP:
    """The network as CHAM's training starts: published experts and face, on the CPU, CHAM freshly made.

    Fresh, CHAM changes nothing: its last convolutions are zero; its other weights are torch's random ones. Which
    parts are trained is the trainer's choice: all carry gradients. Raises as load_hand4whole_pp.
    """
    weights = _gather(store, TRAINING_START, config)
    weights['hand_control_net'] = CHAM(config.cham).state_dict()
    return assemble(config, body or load_body(store), weights)


def _gather(store, files, config):
    """Part -> its state dict, from all the files."""
    paths = [store.require(contents.file) for contents in files]  # say what is missing before reading gigabytes
    expected, weights = expected_state(config), {}
    for contents, path in zip(files, paths):
        weights.update(selection.read(contents, path, expected))
    return weights


def expected_state(config: Hand4WholePPConfig) -> dict[str, dict[str, Tensor]]:
    """Part of Hand4WholePP -> its state dict on the meta device: names, shapes and kinds, no numbers."""
    with torch.device('meta'):
        parts = {'encoder': BodyEncoder(config.body), 'body_position_net': BodyPositionNet(config.body),
                 'body_regressor': BodyRegressor(config.body), 'hand_control_net': CHAM(config.cham)}
        if config.face:
            parts.update({'face_roi_net': FaceRoI(), 'face_regressor': FaceRegressor()})
        hand = WiLoR(config.hand, mano=None)
    parts.update({'wilor.backbone': hand.backbone, 'wilor.refine_net': hand.refine_net})
    return {name: part.state_dict() for name, part in parts.items()}


def assemble(config: Hand4WholePPConfig, body: PublishedBody, weights: Mapping[str, Mapping[str, Tensor]]
             ) -> Hand4WholePP:
    """A network that consists of these very tensors: part -> its whole state dict, floating point in any kind.

    They are taken over, not copied, so that the weights are in memory once.
    """
    with torch.device('meta'):
        network = Hand4WholePP(config, body)
    for part, state in weights.items():
        module = network.get_submodule(part)
        wanted = module.state_dict()
        module.load_state_dict({name: value.to(wanted[name].dtype) for name, value in state.items()}, assign=True)
    _check_complete(network)
    return network


def _let_go_of_files(network, precision):
    """Copy what was not converted: a single tensor that is left keeps its whole file mapped."""
    for value in (*network.parameters(), *network.buffers()):
        if value.dtype != precision:
            value.data = value.data.clone()


def _check_complete(network: nn.Module):
    empty = [name for tensors in (network.named_parameters(), network.named_buffers())
             for name, value in tensors if value.is_meta]
    if empty:
        raise RuntimeError(f'{len(empty)} tensors of the network were never filled, the first: {empty[0]}')
