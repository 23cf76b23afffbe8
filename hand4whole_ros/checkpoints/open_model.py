"""The weights of the open model: one .npz without pickles, half precision where that is exact enough."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch

from ..body.published import PublishedBody
from ..networks.hand4whole_pp import Hand4WholePP
from ..networks.open_model import IMAGE_ONLY, OPEN_MODEL
from ..system.output_files import open_replacement
from .hand4whole_pp import assemble_network, expected_state
from .safe_pickle.torch_files import CheckpointError

#: What is shipped with the package.
BUNDLED_WEIGHTS = Path(__file__).parents[1] / 'weights' / 'open_model.npz'

#: Largest file that is looked into.
_MAX_BYTES = 200_000_000


def save_open_model(network: Hand4WholePP, path: Path) -> None:
    """Write the weights; a reader sees the old file or the whole new one.

    Matrices go in half precision, single rows (biases, scales, what numbers were in training) in single.
    """
    arrays = {}
    for part in expected_state(network.config):
        for name, value in network.get_submodule(part).state_dict().items():
            half = value.dtype == torch.float32 and value.dim() > 1
            arrays[f'{part}/{name}'] = value.detach().cpu().to(torch.float16 if half else value.dtype).numpy()
    with open_replacement(path) as stream:
        np.savez(stream, **arrays)


def is_open_model(path: Path) -> bool:
    """Whether a file holds weights of the open model, by the names in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return False
    parts = expected_state(OPEN_MODEL)
    return bool(names) and all(name.partition('/')[0] in parts for name in names)


def load_open_model(body: PublishedBody, path: Path | None = None) -> Hand4WholePP:
    """The open model on the CPU in float32, ready to run, without gradients.

    body: of body.open_hands.load_open_body, which the model speaks of. path: other weights than those shipped; those of
    a network that is told nothing are known by their names. Raises CheckpointError, which names what is wrong with the
    file.
    """
    path = BUNDLED_WEIGHTS if path is None else path
    found = _read(path)
    config = OPEN_MODEL if any('/prompts.' in key for key in found) else IMAGE_ONLY
    network = assemble_network(config, body, _split_parts(found, config, path))
    return network.eval().requires_grad_(False)


def _read(path):
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise CheckpointError(f'{path} has {path.stat().st_size / 1e6:.0f} MB; the open model has some 30')
        with np.load(path, allow_pickle=False) as stored:
            found = {key: stored[key] for key in stored.files}
    except FileNotFoundError:
        raise CheckpointError(f'{path}: no such file; hand4whole train pack writes one') from None
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise CheckpointError(f'{path} cannot be read as weights of the open model ({error})') from None
    except Exception as error:  # zipfile raises kinds of its own for damaged bytes
        raise CheckpointError(f'{path} is damaged ({error}); is it complete?') from None
    return found


def _split_parts(found, config, path):
    """Part -> its state dict, of arrays by their names in the file."""
    weights: dict[str, dict] = {}
    for part, state in expected_state(config).items():
        weights[part] = {}
        for name, wanted in state.items():
            value = found.pop(f'{part}/{name}', None)
            if value is None or value.shape != tuple(wanted.shape):
                there = 'nothing' if value is None else value.shape
                raise CheckpointError(f'{path}: {part}/{name} should be {tuple(wanted.shape)}, found {there}; '
                                      f'of another version of the model?')
            if not np.isfinite(value).all():
                raise CheckpointError(f'{path}: {part}/{name} holds numbers that are not finite')
            weights[part][name] = torch.from_numpy(value)
    if found:
        raise CheckpointError(f'{path}: {len(found)} arrays are not of the open model, the first {next(iter(found))}')
    return weights
