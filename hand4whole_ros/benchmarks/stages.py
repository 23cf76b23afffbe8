"""Time and operations of the parts of a forward of Hand4Whole++."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import prod

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from .._vendor_patches import onednn_linear
from ..networks.hand4whole_pp import Hand4WholePP

#: Name -> module of the network, in the order they run. All other work is the rest.
STAGES = {'hand expert': 'wilor', 'CHAM': 'hand_control_net', 'body expert': 'encoder', 'face': 'face_roi_net',
          'SMPL-X': 'smplx_layer'}
OTHER_STAGE = 'the rest'


class StageTimer:
    """Measures the stages of every forward while it is open; a context manager."""

    def __init__(self, network: Hand4WholePP, synchronise: Callable[[], None] = lambda: None):
        self._network, self._synchronise = network, synchronise
        self._handles = []
        self._begun: dict[str, float] = {}
        #: A forward each: stage -> seconds, and 'whole'.
        self.rounds: list[dict[str, float]] = []

    def __enter__(self):
        # A device has one queue: wait for the end of a stage on it before the next begins.
        for name, module in {'whole': self._network, **{name: self._network.get_submodule(path)
                                                        for name, path in STAGES.items()}}.items():
            self._handles += [module.register_forward_pre_hook(lambda *_, name=name: self._begin(name)),
                              module.register_forward_hook(lambda *_, name=name: self._end(name))]
        return self

    def __exit__(self, *_):
        for handle in self._handles:
            handle.remove()

    def _now(self):
        self._synchronise()
        return time.perf_counter()

    def _begin(self, name):
        if name == 'whole':
            self.rounds.append(dict.fromkeys(STAGES, 0.0))
        self._begun[name] = self._now()

    def _end(self, name):
        if 'whole' in self._begun:  # else a part is run alone
            self.rounds[-1][name] = self._now() - self._begun[name]
        if name == 'whole':
            self._begun.clear()

    def medians(self, warm_up: int = 1) -> dict[str, float]:
        """Stage -> milliseconds, over all forwards after the first ones."""
        rounds = self.rounds[warm_up:]
        found = {name: 1e3 * float(np.median([one[name] for one in rounds])) for name in ('whole', *STAGES)}
        found[OTHER_STAGE] = found.pop('whole') - sum(found[name] for name in STAGES)
        return found


def count_gflop(network: Hand4WholePP, forward: Callable[[], object]) -> dict[str, float]:
    """Stage -> thousand million operations of its products in one forward; a multiplication and an addition are two."""
    counter = FlopCounterMode(display=False, custom_mapping=_EXTRA_FLOP_FORMULAS)
    with counter:
        forward()
    counts = counter.get_flop_counts()
    top = type(network).__name__
    found = {name: sum(counts.get(f'{top}.{path}', {}).values()) / 1e9 for name, path in STAGES.items()}
    found[OTHER_STAGE] = sum(counts[top].values()) / 1e9 - sum(found.values())
    return found


def _linear(x_shape, *_, out_shape, **__):
    return 2 * prod(x_shape) * out_shape[-1]


def _attention(query_shape, key_shape, value_shape, *_, out_shape=None, **__):
    *batch, count, dim = query_shape
    return 2 * prod(batch) * count * key_shape[-2] * (dim + value_shape[-1])


#: Operators of networks.packed_layers, which torch does not count itself.
_EXTRA_FLOP_FORMULAS = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
                 **dict.fromkeys(onednn_linear.operators(), _linear)}
