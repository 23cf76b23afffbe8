"""Prompts: a detector's results for people, as tokens in front of a transformer and as an initial regression.

The published experts take images only. A small expert trained on drawn people is more accurate if it also gets the
keypoints of a detector that was trained on photographs, and the body fitted to them: it only has to correct these, and
its results on photographs rest on them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class PromptConfig:
    """What the prompt of one expert contains."""

    num_keypoints: int
    #: Numbers of each keypoint besides its position and score, such as a depth.
    num_extra: int = 0
    #: Numbers about the picture as a whole, such as the camera's; one token more if there are any.
    num_global: int = 0
    #: How many of these, the first ones, are the initial regression that the expert starts from.
    num_initial: int = 0
    #: Octaves of the sines and cosines of a position.
    num_octaves: int = 4


class Prompt(NamedTuple):
    """The known values of B images."""

    points: Tensor       #: (B, K, 2) from -1 to 1 across the picture
    scores: Tensor       #: (B, K) 0 to 1; 0 where a keypoint is unknown
    extra: Tensor | None = None   #: (B, K, E)
    whole: Tensor | None = None   #: (B, W)
    initial: Tensor | None = None   #: (B, num_initial) an initial regression that is already known

    def take(self, rows) -> Prompt:
        """That of these pictures."""
        return Prompt(self.points[rows], self.scores[rows],
                      *(None if part is None else part[rows] for part in self[2:]))


def concatenate_prompts(prompts: Iterable[Prompt]) -> Prompt:
    """The pictures of several prompts, one after the other; all have the same parts."""
    prompts = list(prompts)
    return Prompt(torch.cat([one.points for one in prompts]), torch.cat([one.scores for one in prompts]),
                  *(None if parts[0] is None else torch.cat(parts) for parts in zip(*(one[2:] for one in prompts))))


class Prompts(NamedTuple):
    """The prompts of both experts for B people; those of hands that do not exist are ignored."""

    body: Prompt
    hands: Mapping[str, Prompt]     #: side -> B prompts, in the hand's own box; left hands mirrored, as right ones

    def take(self, rows) -> Prompts:
        """Those of these people."""
        return Prompts(self.body.take(rows), {side: prompt.take(rows) for side, prompt in self.hands.items()})


class InitialRegressor(nn.Module):
    """Prompt -> (B, num_initial): the regression in the prompt plus a correction by an MLP, initialised to zero."""

    mean: Tensor
    deviation: Tensor

    #: Noise added to the input in training, in its standard deviations.
    NOISE = 0.1

    def __init__(self, config: PromptConfig, width: int = 768, depth: int = 3):
        super().__init__()
        self.num_initial = config.num_initial
        inputs = config.num_keypoints * (3 + config.num_extra) + config.num_global
        #: Statistics of the input over the training set, which normalise it.
        self.register_buffer('mean', torch.zeros(inputs))
        self.register_buffer('deviation', torch.ones(inputs))
        widths = (inputs, *[width] * depth)
        self.hidden = nn.Sequential(*(layer for before, after in zip(widths, widths[1:])
                                      for layer in (nn.Linear(before, after), nn.GELU(), nn.LayerNorm(after),
                                                    nn.Dropout(0.2))))
        self.out = nn.Linear(width, config.num_initial)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, prompt: Prompt) -> Tensor:
        if prompt.initial is not None:
            return prompt.initial
        inputs = ((flatten_prompt(prompt) - self.mean) / self.deviation).clamp(-8, 8)
        if self.training:   # against reliance on a single number
            inputs = inputs + self.NOISE * torch.randn_like(inputs)
        assert prompt.whole is not None     # it starts from the initial regression
        return prompt.whole[:, :self.num_initial] + self.out(self.hidden(inputs))


def flatten_prompt(prompt: Prompt) -> Tensor:
    """All numbers of a prompt, (B, n); positions of unknown keypoints are zero."""
    known = (prompt.scores > 0)[..., None]
    parts = (prompt.points.clamp(-2, 2) * known, prompt.scores[..., None], prompt.extra)
    return torch.cat([part.flatten(1) for part in (*parts, prompt.whole) if part is not None], dim=1)


class PromptEncoder(nn.Module):
    """Prompt -> tokens (B, K or K + 1, C). Without a prompt, all keypoints are unknown."""

    def __init__(self, config: PromptConfig, dim: int):
        super().__init__()
        self.config = config
        self.names = nn.Parameter(torch.zeros(config.num_keypoints, dim))
        self.unknown = nn.Parameter(torch.zeros(config.num_keypoints, dim))
        self.place = nn.Linear(3 + 4 * config.num_octaves + config.num_extra, dim)
        nn.init.trunc_normal_(self.names, std=0.02)
        nn.init.trunc_normal_(self.unknown, std=0.02)
        if config.num_global:
            self.whole = nn.Linear(config.num_global, dim)

    def forward(self, prompt: Prompt | None, batch: int) -> Tensor:
        if prompt is None:
            prompt = self._unknown_prompt(batch)
        dtype = self.names.dtype
        scores = prompt.scores[..., None].to(dtype)
        features = [prompt.points.to(dtype).clamp(-2, 2), scores, self._waves(prompt.points).to(dtype)]
        if self.config.num_extra:
            assert prompt.extra is not None
            features.append(prompt.extra.to(dtype))
        known = self.place(torch.cat(features, dim=-1))
        tokens = self.names + torch.where(scores > 0, known, self.unknown)
        if self.config.num_global:
            assert prompt.whole is not None
            tokens = torch.cat([tokens, self.whole(prompt.whole.to(dtype))[:, None]], dim=1)
        return tokens

    def _waves(self, points):
        octaves = math.pi * 2.0 ** torch.arange(self.config.num_octaves, device=points.device)
        angle = points.float().clamp(-2, 2)[..., None] * octaves
        return torch.cat([angle.sin(), angle.cos()], dim=-1).flatten(-2)

    def _unknown_prompt(self, batch):
        config = self.config
        zeros = self.names.new_zeros
        return Prompt(zeros(batch, config.num_keypoints, 2), zeros(batch, config.num_keypoints),
                      zeros(batch, config.num_keypoints, config.num_extra), zeros(batch, config.num_global))
