"""ResNet-50 (He et al., CVPR 2016), the image encoder of Hand4Whole and of UniHOPE.

Module names are those of torchvision's state dicts, which the published checkpoints keep. The stride is in the 3x3
convolution of a block, as in torchvision.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

#: Blocks of the four stages.
RESNET50_BLOCKS = (3, 4, 6, 3)

Activation = Callable[[Tensor], Tensor]


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolution beside a shortcut, (B, C, H, W) -> (B, 4 width, H / stride, W / stride)."""

    EXPANSION = 4

    def __init__(self, in_channels: int, width: int, stride: int, activation: Activation = F.relu):
        super().__init__()
        channels = self.EXPANSION * width
        self.activation = activation
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        if stride == 1 and in_channels == channels:
            self.downsample = nn.Identity()
        else:
            self.downsample = nn.Sequential(nn.Conv2d(in_channels, channels, 1, stride, bias=False),
                                            nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        residual = self.activation(self.bn1(self.conv1(x)))
        residual = self.activation(self.bn2(self.conv2(residual)))
        return self.activation(self.bn3(self.conv3(residual)) + self.downsample(x))


def bottleneck_stage(in_channels: int, width: int, blocks: int, stride: int,
                     *, activation: Activation = F.relu) -> nn.Sequential:
    """`blocks` bottlenecks, the first of them with the stride: (B, C, H, W) -> (B, 4 width, H / stride, W / stride)."""
    channels = Bottleneck.EXPANSION * width
    return nn.Sequential(Bottleneck(in_channels, width, stride, activation),
                         *(Bottleneck(channels, width, 1, activation) for _ in range(blocks - 1)))


class ResNet50(nn.Module):
    """Picture (B, 3, H, W) -> feature (B, 32 width, H / 32, W / 32). width: 64 as published."""

    layer1: nn.Sequential
    layer2: nn.Sequential
    layer3: nn.Sequential
    layer4: nn.Sequential

    def __init__(self, width: int = 64):
        super().__init__()
        self.out_channels = 8 * Bottleneck.EXPANSION * width
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        channels = width
        for k, blocks in enumerate(RESNET50_BLOCKS):
            setattr(self, f'layer{k + 1}', bottleneck_stage(channels, width << k, blocks, 2 if k else 1))
            channels = Bottleneck.EXPANSION * (width << k)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))
