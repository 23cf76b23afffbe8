"""Weights generated from names: to measure speed and to test without any published file.

A tensor's numbers depend on its name and shape alone, and are the same to the last bit on every machine: uniform
draws of numpy's PCG64, and nothing but sums and products after them. The network's estimates with such weights are
not people, but every number stays in the range it has with trained ones, so that nothing overflows or saturates.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from ..body.published import PublishedBody
from ..networks.hand4whole_pp import HAND4WHOLE_PP, Hand4WholePP, Hand4WholePPConfig
from .hand4whole_pp import assemble_network, expected_state, prepare_for_inference
from .parts import Weights

#: Standard deviation of ordinary weights, as in the initialisation of transformers.
STD = 0.02

#: Gains of the last layers: small where a rotation, shape or camera is regressed around its mean; large where a heat
#: map is, which otherwise would be flat.
_GAINS = ((re.compile(r'\b(dec_?(pose|shape|cam)|(root|body|jaw)_pose_out)\b.*\.weight$'), 0.1),
          (re.compile(r'\bbody_position_net\b.*\.weight$'), 10.0))

#: Additional ones of deep convolutional networks.
_DEEP_GAINS = ((re.compile(r'\b(hand_pose_out|(shape|cam|expr)_out|(pose|shape)_reg)\b'), 0.02),
               (re.compile(r'\b(smooth3_[ho]|obj_head\.out_conv)\b'), 0.1))

#: Codes of no rotation at all: a 3x2 matrix row by row, as the body's and the jaw's, and column by column.
_BY_ROWS, _BY_COLUMNS = np.array([1, 0, 0, 1, 0, 0], np.float32), np.array([1, 0, 0, 0, 1, 0], np.float32)

#: Means of tensors, by name: repeated to their length.
_MEANS = ((re.compile(r'\b(root|body|jaw|hand)_pose_out\b.*\.bias$'), _BY_ROWS),
            (re.compile(r'\b(init_hand_pose|mano_branch\.pose_reg\.bias)$'), _BY_COLUMNS),
            (re.compile(r'\bhand_head\.betas$'), np.array([1], np.float32)),
            (re.compile(r'\binit_cam$'), np.array([0.9, 0, 0], np.float32)))  # a hand that fills most of its crop


def load_random(body: PublishedBody, config: Hand4WholePPConfig = HAND4WHOLE_PP, device: torch.device | str = 'cpu',
                precision: torch.dtype | None = None, *, seed: int = 0) -> Hand4WholePP:
    """As checkpoints.hand4whole_pp.load_hand4whole_pp, with weights generated from names; seed chooses among them."""
    weights = random_parts(expected_state(config), seed)
    network = assemble_network(config, body, weights).eval().requires_grad_(False)
    del weights
    if precision is not None:
        prepare_for_inference(network, device, precision)
    return network.to(device)


def transformer_std(name: str, shape: tuple[int, ...]) -> float:
    """For transformers."""
    return STD


def fan_in_std(name: str, shape: tuple[int, ...]) -> float:
    """For deep convolutional networks, which lose their input with STD: keeps the scale of a ReLU's input."""
    return STD if len(shape) < 2 else 0.85 * _gain(_DEEP_GAINS, name) * (2 / math.prod(shape[1:])) ** 0.5


def random_parts(expected: Weights, seed: int = 0, std: Callable[[str, tuple[int, ...]], float] = transformer_std
                 ) -> dict[str, dict[str, Tensor]]:
    """Part -> its state dict, generated from names. expected: as parts.expected_parts; std: by name and shape."""
    def draw(part, name, wanted):
        if wanted.is_floating_point():
            shape = tuple(wanted.shape)
            return random_tensor(f'{part}.{name}', shape, seed, std(f'{part}.{name}', shape))
        return torch.zeros(wanted.shape, dtype=wanted.dtype)

    with ThreadPoolExecutor() as pool:  # a thousand million draws, which numpy makes in parallel
        waiting = {part: {name: pool.submit(draw, part, name, wanted) for name, wanted in state.items()}
                   for part, state in expected.items()}
        return {part: {name: one.result() for name, one in state.items()} for part, state in waiting.items()}


def random_tensor(name: str, shape: tuple[int, ...], seed: int = 0, std: float = STD) -> Tensor:
    """The float32 tensor of that name and shape, on the CPU."""
    draws = np.random.Generator(np.random.PCG64([zlib.crc32(name.encode()), seed])).random(shape, dtype=np.float32)
    if name.endswith(('running_var', '.weight')) and len(shape) == 1:  # of a normalisation: around 1, positive
        draws *= np.float32(0.2)
        draws += np.float32(0.9)
        return torch.from_numpy(draws)
    draws -= np.float32(0.5)
    draws *= np.float32(std * 12 ** 0.5 * _gain(_GAINS, name))
    for pattern, centre in _MEANS:
        if pattern.search(name):
            draws += np.resize(centre, shape)
    return torch.from_numpy(draws)


def _gain(table, name):
    return next((gain for pattern, gain in table if pattern.search(name)), 1.0)
