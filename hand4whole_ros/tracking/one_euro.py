"""The 1 euro filter on the tensors of estimates; see geometry.one_euro."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..geometry.one_euro import SPEED_CUTOFF, OneEuroPoints, OneEuroRotations, smoothing_factor

__all__ = ['SPEED_CUTOFF', 'OneEuroRotation', 'OneEuroVector', 'smoothing_factor']


class OneEuroVector(OneEuroPoints):
    """Filters points (N, 3) in metres; each point has a speed of its own."""

    # Not torch, here and below: for a few numbers its calls take many times as long as numpy's.
    def __call__(self, value: Tensor, dt: float) -> Tensor:
        """The filtered (N, 3) points `dt` seconds after the last call."""
        return _tensor(super().__call__(value.numpy(), dt), value)


class OneEuroRotation(OneEuroRotations):
    """Filters rotation vectors (N, 3) along geodesics; each rotation has a speed of its own."""

    def __call__(self, value: Tensor, dt: float) -> Tensor:
        """The filtered (N, 3) rotation vectors `dt` seconds after the last call."""
        return _tensor(super().__call__(value.numpy(), dt), value)


def _tensor(array: np.ndarray, like: Tensor) -> Tensor:
    # A copy: the caller may write into the result, but not into the filter's memory or its input.
    return torch.tensor(array, dtype=like.dtype)
