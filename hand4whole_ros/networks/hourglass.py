"""Pre-activation residual blocks, and the hourglass made of them (Newell et al., ECCV 2016)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class PreActivationBottleneck(nn.Module):
    """Normalise, activate, convolve, three times, beside the identity: (B, C, H, W) -> (B, C, H, W).

    norms: names of the three batch norms, which differ among published checkpoints.
    """

    def __init__(self, channels: int, norms: tuple[str, str, str] = ('bn1', 'bn2', 'bn3')):
        super().__init__()
        width = channels // 2
        convs = (nn.Conv2d(channels, width, 1), nn.Conv2d(width, width, 3, 1, 1), nn.Conv2d(width, channels, 1))
        self.layers = tuple(zip(norms, ('conv1', 'conv2', 'conv3')))
        for (norm, name), conv in zip(self.layers, convs):
            setattr(self, norm, nn.BatchNorm2d(conv.in_channels))
            setattr(self, name, conv)

    def forward(self, x: Tensor) -> Tensor:
        residual = x
        for norm, conv in self.layers:
            residual = getattr(self, conv)(F.leaky_relu(getattr(self, norm)(residual)))
        return x + residual


class Hourglass(nn.Module):
    """Down by halves and up again, each size beside a shortcut: (B, C, H, W) -> (B, C, H, W).

    H and W are divisible by 2 ** depth. `hg` holds the smallest size first: shortcut, on the way down, on the way up,
    and at the smallest size one block more between the two.
    """

    def __init__(self, channels: int, depth: int = 4):
        super().__init__()
        self.hg = nn.ModuleList(
            nn.ModuleList(nn.Sequential(PreActivationBottleneck(channels)) for _ in range(3 if level else 4))
            for level in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        return self._level(len(self.hg) - 1, x)

    def _level(self, level, x):
        blocks = self.hg[level]
        assert isinstance(blocks, nn.ModuleList)
        shortcut, down, up, *innermost = blocks
        small = down(F.max_pool2d(x, 2))
        small = innermost[0](small) if innermost else self._level(level - 1, small)
        return shortcut(x) + F.interpolate(up(small), scale_factor=2)
