"""Runs a lifting network in numpy: the same numbers as `lifting.LiftingNetwork`, without torch.

The network is three small products for each block; torch would take longer to load than it takes to run for an hour.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy.special import erf, expit

from .lifting_layout import MAX_INPUT, SPREAD, LiftingConfig

#: Of torch's LayerNorm.
_NORM_EPSILON = 1e-5


class LiftedArrays(NamedTuple):
    """As lifting.Lifted, of B people or hands, K hypotheses. float32."""

    points: np.ndarray          #: (B, K, P, 3) m from the first one
    rotations: np.ndarray       #: (B, K, R, 3, 3) against the parent, the first one's in the view
    betas: np.ndarray           #: (B, K, 10)
    bone_spread: np.ndarray     #: (B, K, P - 1, 3) log of metres
    turn_spread: np.ndarray     #: (B, K, R, 3) log of radians
    logits: np.ndarray          #: (B, K)


class LiftingPredictor:
    """(B, num_features) float32 -> LiftedArrays."""

    def __init__(self, config: LiftingConfig, weights: Mapping[str, np.ndarray]):
        """weights: the state dict of a LiftingNetwork, of any floating type."""
        self.config = config
        self.weights = {name: np.asarray(value, np.float32) for name, value in weights.items()}

    def __call__(self, features: np.ndarray) -> LiftedArrays:
        """features (B, num_features) float32."""
        w, config = self.weights, self.config
        x = self._linear('enter', np.clip((features - w['mean']) / w['deviation'], -MAX_INPUT, MAX_INPUT))
        for k in range(config.num_blocks):
            hidden = self._linear(f'blocks.{k}.widen', self._norm(f'blocks.{k}.norm', x))
            gelu = hidden * (np.float32(0.5) * (1 + erf(hidden * np.float32(np.sqrt(0.5)))))
            x = x + self._linear(f'blocks.{k}.narrow', gelu)
        out = self._linear('leave', self._norm('norm', x)).reshape(len(x), config.num_hypotheses, -1)
        ends = np.cumsum(list(config.output_sizes.values()))[:-1]
        points, rotations, betas, bones, turns, logits = np.split(out, ends, axis=-1)
        points, bones, turns = (part.reshape(*part.shape[:-1], -1, 3) for part in (points, bones, turns))
        points = np.concatenate([np.zeros_like(points[..., :1, :]), points], axis=-2)
        codes = rotations.reshape(*rotations.shape[:-1], -1, 6) + np.array([1, 0, 0, 0, 1, 0], np.float32)
        return LiftedArrays(points, _rotation_from_6d(codes), betas, _spread(bones), _spread(turns), logits[..., 0])

    def _linear(self, name, x):
        # Row by row: BLAS multiplies a few rows at once more slowly than each of them by itself.
        weight = self.weights[f'{name}.weight']
        return np.stack([weight @ row for row in x]) + self.weights[f'{name}.bias']

    def _norm(self, name, x):
        centred = x - x.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(_NORM_EPSILON))
        return centred / deviation * self.weights[f'{name}.weight'] + self.weights[f'{name}.bias']


def _rotation_from_6d(codes):
    """geometry.rotations.rotation_from_6d_columns of arrays."""
    x = _normalize(codes[..., :3])
    second = codes[..., 3:]
    y = _normalize(second - (x * second).sum(-1, keepdims=True) * x)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def _normalize(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32(1e-12))


def _spread(values):
    low, high = SPREAD
    return low + (high - low) * expit(values - np.float32(0.5))
