"""The weights of the open model."""

from __future__ import annotations

from pathlib import Path

from ..body.published import PublishedBody
from ..networks.hand4whole_pp import Hand4WholePP, HandExpert
from ..networks.open_model import IMAGE_ONLY, OPEN_MODEL
from ..networks.prompts import InitialRegressor
from .hand4whole_pp import assemble_network, expected_state
from .weights_file import WeightsFile

#: The parts of expected_state(OPEN_MODEL), which takes a while to compute.
_PARTS = ('encoder', 'body_position_net', 'body_regressor', 'hand_control_net', 'wilor.backbone', 'wilor.refine_net')

#: Part and name of the hand expert's initial regressor.
_BACKBONE, _INITIAL = 'wilor.backbone', 'initial.'

#: Name of the initial regressors in the bundled file.
_INITIAL_IN_FILES = '/guess.'

OPEN_MODEL_FILE = WeightsFile.of('the open model', 'hand4whole train pack', _PARTS, name='open_model.npz',
                                 max_bytes=200_000_000)


def save_open_model(network: Hand4WholePP, path: Path) -> None:
    """Write the weights; a reader gets the old file or the complete new one."""
    parts = expected_state(network.config)
    OPEN_MODEL_FILE.write(path, {part: network.get_submodule(part).state_dict() for part in parts})


def load_open_model(body: PublishedBody, path: Path | None = None) -> Hand4WholePP:
    """The open model on the CPU in float32, ready to run, without gradients.

    body: of body.open_hands.load_open_body, whose parameters the model estimates. path: other weights than the bundled
    ones; those of an image-only network are recognised by their names. Raises CheckpointError, which names the problem
    with the file.
    """
    config, weights = _read_weights(path)
    return assemble_network(config, body, weights).eval().requires_grad_(False)


def load_open_hand_regressor(path: Path | None = None) -> InitialRegressor | None:
    """The hand expert's initial regressor alone; None if the network is image-only. The file is checked as a whole."""
    config, weights = _read_weights(path)
    if config.hand.prompt is None:
        return None
    regressor = InitialRegressor(config.hand.prompt)
    regressor.load_state_dict({name.removeprefix(_INITIAL): values for name, values in weights[_BACKBONE].items()
                               if name.startswith(_INITIAL)})
    return regressor.eval().requires_grad_(False)


def load_open_hand_expert(body: PublishedBody, path: Path | None = None) -> HandExpert:
    """As load_open_model, without the body expert, in half the memory. The file is checked as a whole."""
    config, weights = _read_weights(path)
    hand = {part: state for part, state in weights.items() if part.startswith('wilor.')}
    return assemble_network(config, body, hand, HandExpert).eval().requires_grad_(False)


def _read_weights(path):
    """Config of the network, and part -> its state dict."""
    found = OPEN_MODEL_FILE.read(path)
    for key in [key for key in found.arrays if _INITIAL_IN_FILES in key]:
        found.arrays[key.replace(_INITIAL_IN_FILES, '/initial.')] = found.arrays.pop(key)
    config = OPEN_MODEL if any('/prompts.' in key for key in found.arrays) else IMAGE_ONLY
    weights = {part: found.take_state(part, state) for part, state in expected_state(config).items()}
    found.check_all_taken()
    return config, weights
