"""Keypoints that a detector has found, as tokens in front of a transformer.

The published experts see pictures alone. A small expert that learns from drawn people does better if it is told
where a detector trained on photographs sees the keypoints: what is left to it is depth, rotations and shape, and
what it says on a photograph rests on what it knows there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class PromptConfig:
    """What one expert is told."""

    num_keypoints: int
    #: Numbers that come with each keypoint besides its place and score, such as a depth.
    num_extra: int = 0
    #: Numbers about the picture as a whole, such as the camera's; one token more if there are any.
    num_whole: int = 0
    #: Octaves of the sines and cosines of a place.
    num_octaves: int = 4


class Prompt(NamedTuple):
    """What is known of B pictures."""

    points: Tensor       #: (B, K, 2) from -1 to 1 across the picture
    scores: Tensor       #: (B, K) 0 to 1; 0 where a keypoint is not known
    extra: Tensor | None = None   #: (B, K, E)
    whole: Tensor | None = None   #: (B, W)


class Prompts(NamedTuple):
    """What both experts are told of B people; hands that do not exist are not looked at."""

    body: Prompt
    hands: Mapping[str, Prompt]     #: side -> B prompts, in the hand's own box, not mirrored


class PromptEncoder(nn.Module):
    """Prompt -> tokens (B, K or K + 1, C). Without one, every keypoint is as one that is not known."""

    def __init__(self, config: PromptConfig, dim: int):
        super().__init__()
        self.config = config
        self.names = nn.Parameter(torch.zeros(config.num_keypoints, dim))
        self.unknown = nn.Parameter(torch.zeros(config.num_keypoints, dim))
        self.place = nn.Linear(3 + 4 * config.num_octaves + config.num_extra, dim)
        nn.init.trunc_normal_(self.names, std=0.02)
        nn.init.trunc_normal_(self.unknown, std=0.02)
        if config.num_whole:
            self.whole = nn.Linear(config.num_whole, dim)

    def forward(self, prompt: Prompt | None, batch: int) -> Tensor:
        if prompt is None:
            prompt = self._nothing(batch)
        dtype = self.names.dtype
        scores = prompt.scores[..., None].to(dtype)
        features = [prompt.points.to(dtype).clamp(-2, 2), scores, self._waves(prompt.points).to(dtype)]
        if self.config.num_extra:
            features.append(prompt.extra.to(dtype))
        known = self.place(torch.cat(features, dim=-1))
        tokens = self.names + torch.where(scores > 0, known, self.unknown)
        if self.config.num_whole:
            tokens = torch.cat([tokens, self.whole(prompt.whole.to(dtype))[:, None]], dim=1)
        return tokens

    def _waves(self, points):
        octaves = math.pi * 2.0 ** torch.arange(self.config.num_octaves, device=points.device)
        angle = points.float().clamp(-2, 2)[..., None] * octaves
        return torch.cat([angle.sin(), angle.cos()], dim=-1).flatten(-2)

    def _nothing(self, batch):
        config = self.config
        zeros = self.names.new_zeros
        return Prompt(zeros(batch, config.num_keypoints, 2), zeros(batch, config.num_keypoints),
                      zeros(batch, config.num_keypoints, config.num_extra), zeros(batch, config.num_whole))
