"""From landmarks to a pose: a small network that estimates points, joint rotations and their uncertainty.

One for bodies, one for hands. Its inputs are landmarks in the views of `fitting.person_view` and `fitting.hand_view`,
no image, and its outputs are along the same view's axes. The output is a mixture of hypotheses: depth is often
ambiguous. This is the network in torch, for training; `lifting_inference` runs it without torch.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..geometry.rotations import rotation_from_6d_columns
from .lifting_layout import MAX_INPUT, SPREAD, LiftingConfig


class Lifted(NamedTuple):
    """Of B people or hands, K hypotheses, in the view's axes: x right, y down, z away. P points, R joints."""

    points: Tensor          #: (B, K, P, 3) m from the first one: of a body its joints, from the pelvis
    rotations: Tensor       #: (B, K, R, 3, 3) against the parent, the first one's in the view
    betas: Tensor           #: (B, K, 10) of the body
    bone_spread: Tensor     #: (B, K, P - 1, 3) log of the mean error of point minus parent, m
    turn_spread: Tensor     #: (B, K, R, 3) log of the mean error of each rotation about the joint's own axes, radians
    logits: Tensor          #: (B, K) of the hypotheses

    def take(self, rows) -> Lifted:
        """Those of these people."""
        return Lifted(*(part[rows] for part in self))


class LiftingNetwork(nn.Module):
    """(B, num_features) -> Lifted."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: LiftingConfig | None = None):
        super().__init__()
        self.config = config = config or LiftingConfig()
        #: Statistics of the inputs in training, which normalise them.
        self.register_buffer('mean', torch.zeros(config.num_features))
        self.register_buffer('deviation', torch.ones(config.num_features))
        self.enter = nn.Linear(config.num_features, config.width)
        self.blocks = nn.ModuleList(_Block(config.width, config.dropout) for _ in range(config.num_blocks))
        self.norm = nn.LayerNorm(config.width)
        self.leave = nn.Linear(config.width, config.num_hypotheses * sum(config.output_sizes.values()))

    def forward(self, features: Tensor) -> Lifted:
        x = self.enter(((features - self.mean) / self.deviation).clamp(-MAX_INPUT, MAX_INPUT))
        for block in self.blocks:
            x = x + block(x)
        out = self.leave(self.norm(x)).unflatten(1, (self.config.num_hypotheses, -1))
        points, rotations, betas, bones, turns, logits = out.split(list(self.config.output_sizes.values()), dim=-1)
        points, bones, turns = (part.unflatten(-1, (-1, 3)) for part in (points, bones, turns))
        points = torch.cat([torch.zeros_like(points[..., :1, :]), points], dim=-2)
        codes = rotations.unflatten(-1, (-1, 6)) + out.new_tensor([1.0, 0, 0, 0, 1, 0])
        return Lifted(points, rotation_from_6d_columns(codes), betas, _spread(bones), _spread(turns), logits[..., 0])


class _Block(nn.Module):
    def __init__(self, width, dropout):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.narrow(self.dropout(nn.functional.gelu(self.widen(self.norm(x)))))


def _spread(values):
    low, high = SPREAD
    return low + (high - low) * torch.sigmoid(values - 0.5)
