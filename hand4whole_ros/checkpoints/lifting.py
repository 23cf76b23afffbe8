"""The weights of the lifting networks: one .npz without pickles, matrices in half precision."""

from __future__ import annotations

import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ..networks.lifting import LiftingConfig, LiftingNetwork
from ..system.output_files import open_replacement
from . import CheckpointError

#: What is shipped with the package.
SHIPPED = Path(__file__).parents[1] / 'weights' / 'lifting.npz'

_MAX_BYTES = 100_000_000
_MOST = 8192


def is_lifting(path: Path) -> bool:
    """Whether a file holds weights of lifting networks, by the names in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return False
    return bool(names) and all(name.partition('/')[0] in LiftingNetworks._fields for name in names)


class LiftingNetworks(NamedTuple):
    """One for bodies, one for hands."""

    body: LiftingNetwork
    hand: LiftingNetwork


def save_lifting_networks(networks: LiftingNetworks, path: Path) -> None:
    """Write weights and sizes; a reader sees the old file or the whole new one."""
    arrays = {}
    for part, network in networks._asdict().items():
        arrays.update({f'{part}/config/{name}': np.array(value) for name, value in asdict(network.config).items()})
        for name, value in network.state_dict().items():
            kept = value.detach().cpu().to(torch.float16 if value.dim() > 1 else torch.float32)
            arrays[f'{part}/{name}'] = kept.numpy()
    with open_replacement(path) as stream:
        np.savez(stream, **arrays)


def load_lifting_networks(path: Path | None = None) -> LiftingNetworks:
    """The networks on the CPU in float32, ready to run. path: other weights than those shipped.

    Raises CheckpointError, which names what is wrong with the file.
    """
    path = SHIPPED if path is None else path
    found = _read(path)
    networks = LiftingNetworks(*(_network(found, part, path) for part in LiftingNetworks._fields))
    if found:
        raise CheckpointError(f'{path}: {len(found)} arrays are of no lifting network, the first {next(iter(found))}')
    return networks


def _network(found, part, path):
    """The network of one part, whose arrays are taken out of `found`."""
    try:
        defaults = asdict(LiftingConfig())
        config = LiftingConfig(**{name: type(default)(found.pop(f'{part}/config/{name}'))
                                  for name, default in defaults.items()})
        sizes = {name: value for name, value in asdict(config).items() if isinstance(value, int)}
        if not all(0 < value <= _MOST for value in sizes.values()):
            raise ValueError(f'sizes {sizes}')
        network = LiftingNetwork(config)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f'{path} does not hold the sizes of a lifting network of {part} ({error})') from None
    state = {}
    for name, wanted in network.state_dict().items():
        value = found.pop(f'{part}/{name}', None)
        if value is None or value.shape != tuple(wanted.shape) or not np.isfinite(value).all():
            there = 'nothing' if value is None else f'{value.shape}, or numbers that are not finite'
            raise CheckpointError(f'{path}: {part}/{name} should hold {tuple(wanted.shape)} numbers, found {there}')
        state[name] = torch.from_numpy(value.astype(np.float32))
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


def _read(path):
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise CheckpointError(f'{path} has {path.stat().st_size / 1e6:.0f} MB; lifting networks have a few')
        with np.load(path, allow_pickle=False) as stored:
            return {key: stored[key] for key in stored.files}
    except CheckpointError:
        raise
    except FileNotFoundError:
        raise CheckpointError(f'{path}: no such file; hand4whole train lift writes one') from None
    except Exception as error:  # zipfile and numpy raise kinds of their own for damaged bytes
        raise CheckpointError(f'{path} cannot be read as weights of lifting networks ({error})') from None
