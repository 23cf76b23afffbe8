"""Hand4Whole++ with its published weights, ready to run; and as initialised for training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor

from ..body.published import PublishedBody
from ..networks.cham import CHAM
from ..networks.face import FaceRegressor, FaceRoI
from ..networks.hand4whole_pp import HAND4WHOLE_PP, Hand4WholePP, Hand4WholePPConfig, HandExpert
from ..networks.smpler_x import BodyEncoder, BodyPositionNet, BodyRegressor
from ..networks.wilor import WiLoR
from . import selection
from .body_files import load_body
from .mapped_weights import read_ahead
from .parts import assign_parts
from .store import Store
from .transformers import prepare_transformers

_Network = TypeVar('_Network', bound=HandExpert)

#: Files of the network, to run it and to train it.
PUBLISHED = (selection.HAND4WHOLE_PP_CONTENTS, selection.WILOR_CONTENTS)
TRAINING_START = (selection.SMPLER_X_CONTENTS, selection.HAND4WHOLE_CONTENTS, selection.WILOR_CONTENTS)


def load_hand4whole_pp(store: Store, config: Hand4WholePPConfig = HAND4WHOLE_PP, body: PublishedBody | None = None,
                       device: torch.device | str = 'cpu', *, precision: torch.dtype | None = None) -> Hand4WholePP:
    """The published network, in evaluation mode and without gradients.

    precision: None for float32 with every parameter under its name; on the CPU the weights stay mapped from their
    files. Else see prepare_for_inference. Raises MissingFileError, CheckpointError, BodyModelError, or ValueError for a
    precision.
    """
    weights = _load_parts(store, PUBLISHED, config)
    network = assemble_network(config, body or load_body(store), weights).eval().requires_grad_(False)
    del weights
    if precision is not None:
        prepare_for_inference(network, device, precision)
    return network.to(device)


def prepare_for_inference(network: _Network, device: torch.device | str, precision: torch.dtype) -> _Network:
    """See transformers.prepare_transformers. int8 is for the hand expert: that is most of the work, and the body's
    rotations would be twice as far off as in bf16.
    """
    return prepare_transformers(network, network.wilor.backbone, device, precision)


def load_training_start(store: Store, config: Hand4WholePPConfig = HAND4WHOLE_PP, body: PublishedBody | None = None
                        ) -> Hand4WholePP:
    """The network as initialised for CHAM's training: published experts and face, on the CPU, CHAM newly initialised.

    A new CHAM changes nothing: its last convolutions are zero; its other weights are torch's random ones. Which
    parts are trained is the trainer's choice: all require gradients. Raises as load_hand4whole_pp.
    """
    weights = _load_parts(store, TRAINING_START, config)
    weights['hand_control_net'] = CHAM(config.cham).state_dict()
    return assemble_network(config, body or load_body(store), weights)


def _load_parts(store, files, config):
    """Part -> its state dict, from all the files."""
    paths = [store.require(contents.file) for contents in files]  # report missing files before reading gigabytes
    read_ahead(paths)
    expected, weights = expected_state(config), {}
    for contents, path in zip(files, paths):
        weights.update(selection.read_parts(contents, path, expected))
    return weights


def expected_state(config: Hand4WholePPConfig) -> dict[str, dict[str, Tensor]]:
    """Part of Hand4WholePP -> its state dict on the meta device: names, shapes and kinds, no numbers."""
    with torch.device('meta'):
        parts = {'encoder': BodyEncoder(config.body), 'body_position_net': BodyPositionNet(config.body),
                 'body_regressor': BodyRegressor(config.body), 'hand_control_net': CHAM(config.cham)}
        if config.face:
            parts.update({'face_roi_net': FaceRoI(), 'face_regressor': FaceRegressor()})
        hand = WiLoR(config.hand, torch.nn.Identity())
    parts.update({'wilor.backbone': hand.backbone, 'wilor.refine_net': hand.refine_net})
    return {name: part.state_dict() for name, part in parts.items()}


def assemble_network(config: Hand4WholePPConfig, body: PublishedBody, weights: Mapping[str, Mapping[str, Tensor]],
                     kind: type[_Network] = Hand4WholePP) -> _Network:
    """A network made of these very tensors: part -> its whole state dict, floating point of any kind.

    They are not copied, so that the weights are in memory once. kind: HandExpert for the hands alone.
    """
    with torch.device('meta'):
        network = kind(config, body)
    return assign_parts(network, weights)
