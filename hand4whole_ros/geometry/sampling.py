"""Features at points of a map, between its pixels."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def sample_bilinear(feature: Tensor, points: Tensor) -> Tensor:
    """Map (B, C, H, W) at points x, y (B, P, 2) in its pixels -> (B, P, C).

    Pixel centres are at integers; the border pixels fade to zero over one pixel outside the map.
    """
    height, width = feature.shape[-2:]
    grid = 2 * points / points.new_tensor([width - 1, height - 1]) - 1
    return F.grid_sample(feature, grid[:, None].to(feature.dtype), align_corners=True)[:, :, 0].mT
