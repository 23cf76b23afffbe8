"""The weights of the lifting networks, with the sizes that the networks are made of."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..networks.lifting_inference import LiftingPredictor
from ..networks.lifting_layout import LiftingConfig
from . import CheckpointError
from .weights_file import WeightsFile, WeightsReader

if TYPE_CHECKING:
    from ..networks.lifting import LiftingNetwork

#: Largest of a network's sizes.
_MAX_SIZE = 8192


class LiftingNetworks(NamedTuple):
    """One for bodies, one for hands."""

    body: LiftingPredictor
    hand: LiftingPredictor


LIFTING_FILE = WeightsFile.of(
    'the lifting networks', 'hand4whole train lift', LiftingNetworks._fields, name='lifting.npz', max_bytes=100_000_000)


def save_lifting_networks(body: LiftingNetwork, hand: LiftingNetwork, path: Path) -> None:
    """Write weights and sizes; a reader gets the old file or the complete new one."""
    networks = {'body': body, 'hand': hand}
    sizes = {f'{part}/config/{name}': np.array(value) for part, network in networks.items()
             for name, value in asdict(network.config).items()}
    LIFTING_FILE.write(path, {part: network.state_dict() for part, network in networks.items()}, sizes)


def load_lifting_networks(path: Path | None = None) -> LiftingNetworks:
    """The networks in float32, ready to run. path: other weights than those shipped.

    Raises CheckpointError, which names what is wrong with the file.
    """
    found = LIFTING_FILE.read(path)
    networks = LiftingNetworks(*(_make_network(found, part) for part in LiftingNetworks._fields))
    found.check_all_taken()
    return networks


def _make_network(found: WeightsReader, part: str) -> LiftingPredictor:
    """The network of one part, whose arrays are taken out of the file."""
    try:
        config = LiftingConfig(**{name: type(default)(found.arrays.pop(f'{part}/config/{name}'))
                                  for name, default in asdict(LiftingConfig()).items()})
        sizes = {name: value for name, value in asdict(config).items() if isinstance(value, int)}
        if not all(0 < value <= _MAX_SIZE for value in sizes.values()):
            raise ValueError(f'sizes {sizes}')
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f'{found.path} does not hold the sizes of a lifting network of {part} ({error})') from None
    return LiftingPredictor(config, found.take_arrays(part, config.weight_shapes))
