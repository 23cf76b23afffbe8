"""WiLoR's hand detector with its published weights, or with random ones. The library that made the file is not used."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from .. import skeleton
from ..networks.folding import prepare_for_inference
from ..networks.wilor_detector import WILOR_DETECTOR as PUBLISHED
from ..networks.wilor_detector import WiLoRDetector, WiLoRDetectorConfig, config_from_shapes
from . import CheckpointError
from .files import WILOR_DETECTOR
from .parts import Weights, assign_parts, expected_parts
from .random_weights import fan_in_std, random_parts
from .safe_pickle.pickled_models import PickledModel, read_pickled_model
from .selection import WILOR_DETECTOR_CONTENTS, match_parts
from .store import Store

log = logging.getLogger(__name__)

#: Names of the classes if the file does not contain them.
SIDES = skeleton.SIDES
#: A network of thousands of layers is no detector and is not built.
_MAX_BLOCKS = 64


def load_wilor_detector(store: Store, device: torch.device | str = 'cpu', precision: torch.dtype | None = None
                        ) -> tuple[WiLoRDetector, tuple[str, ...]]:
    """The published network, in evaluation mode and without gradients, and the side of each of its classes.

    precision: None for float32 with every parameter under its name; else the network is prepared for inference.
    Raises MissingFileError or CheckpointError.
    """
    network, sides = read_wilor_detector(store.require(WILOR_DETECTOR))
    return _prepare(network, device, precision), sides


def load_random_wilor_detector(config: WiLoRDetectorConfig = PUBLISHED, device: torch.device | str = 'cpu',
                               precision: torch.dtype | None = None, seed: int = 0
                               ) -> tuple[WiLoRDetector, tuple[str, ...]]:
    """As load_wilor_detector, with weights generated from names: its detections, if any, are not hands."""
    network = _assemble(config, random_parts(expected_state(config), seed, fan_in_std))
    network.expectation.reset()     # its weights are not free parameters
    return _prepare(network, device, precision), SIDES


def read_wilor_detector(path: Path) -> tuple[WiLoRDetector, tuple[str, ...]]:
    """The network in a file, on the CPU in float32, and the sides of its classes. Raises CheckpointError."""
    model = read_pickled_model(path)
    try:
        config = config_from_shapes(
            {name: tuple(value.shape) for name, value in model.tensors.items()}, _keypoint_dim(model)
        )
    except (KeyError, IndexError) as error:
        raise CheckpointError(f'{path} is not {WILOR_DETECTOR.purpose}: it lacks {error}; fetch it anew') from None
    if max(*config.blocks, config.neck_blocks) > _MAX_BLOCKS:
        raise CheckpointError(f'{path} is not {WILOR_DETECTOR.purpose}: it has {max(config.blocks)} blocks in a row')
    weights = match_parts(WILOR_DETECTOR_CONTENTS, path, model.tensors, expected_state(config))
    return _assemble(config, weights), _sides(model, path)


def expected_state(config: WiLoRDetectorConfig) -> Weights:
    """Part of the network -> its state dict on the meta device."""
    with torch.device('meta'):
        return expected_parts(WiLoRDetector(config), WILOR_DETECTOR_CONTENTS.parts)


def _keypoint_dim(model: PickledModel) -> int:
    shape = model.attributes.get('', {}).get('kpt_shape') or model.attributes.get('model.22', {}).get('kpt_shape')
    return 2 if isinstance(shape, (list, tuple)) and len(shape) == 2 and shape[1] == 2 else 3


def _sides(model: PickledModel, path: Path) -> tuple[str, ...]:
    names = model.attributes.get('', {}).get('names')
    names = list(names.values()) if isinstance(names, dict) else list(names) if isinstance(names, (list, tuple)) else []
    found = [next((side for side in skeleton.SIDES if side in str(name).lower()), None) for name in names]
    if sorted(map(str, found)) == sorted(skeleton.SIDES):
        return tuple(map(str, found))
    log.warning('%s calls its classes %s: taken as %s', path, ', '.join(map(str, names)) or 'nothing', ', '.join(SIDES))
    return SIDES


def _assemble(config, weights):
    with torch.device('meta'):
        network = WiLoRDetector(config)
    return assign_parts(network, weights).eval().requires_grad_(False)


def _prepare(network, device, precision):
    if precision is not None:
        prepare_for_inference(network).to(precision)
    return network.to(device)
