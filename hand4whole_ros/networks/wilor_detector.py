"""WiLoR's hand detector (Potamias et al., CVPR 2025): boxes of hands, their sides, and their keypoints.

An anchor-free network on three scales: a DarkNet with cross-stage blocks, spatial pyramid pooling, a path aggregation
network (PANet; Liu et al., CVPR 2018), and heads for box, handedness and keypoints. Distances to a box's edges are
expectations over bins (distribution focal loss; Li et al., NeurIPS 2020). Module names are those of the published file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Picture pixels a cell of the three scales.
STRIDES = (8, 16, 32)
#: Bins that a distance to a box's edge is an expectation over, in cells.
NUM_BINS = 16

#: Positions of the layers that have weights, by which the published file names them.
_HEAD = '22'


@dataclass(frozen=True)
class WiLoRDetectorConfig:
    """Dimensions of the detector. All of them follow from its weights: config_from_shapes."""

    #: Of the backbone's five sizes, the largest first.
    channels: tuple[int, int, int, int, int]
    #: Bottlenecks of the cross-stage blocks at the last four sizes, and of the neck's.
    blocks: tuple[int, int, int, int]
    neck_blocks: int
    #: Channels inside the heads.
    box_channels: int
    class_channels: int
    keypoint_channels: int
    num_classes: int = 2
    num_keypoints: int = 21
    #: 3 where a keypoint has a visibility, else 2.
    keypoint_dim: int = 3


#: The medium size, WiLoR-M of the paper. The published file itself contains its size.
WILOR_DETECTOR = WiLoRDetectorConfig((48, 96, 192, 384, 576), (2, 4, 4, 2), 2, 64, 192, 63)
#: Small enough for a test to run in milliseconds.
WILOR_DETECTOR_TINY = WiLoRDetectorConfig((4, 8, 16, 32, 64), (1, 2, 2, 1), 1, 8, 8, 8)


class Detections(NamedTuple):
    """Outputs of every one of N cells, over all scales; the finest scale first. Pixels of the network's image."""

    boxes: Tensor               #: (B, N, 4) xyxy
    scores: Tensor              #: (B, N, classes) 0 to 1
    keypoints: Tensor           #: (B, N, K, 2)
    keypoint_scores: Tensor     #: (B, N, K) 0 to 1; 1 where the network gives none


class ConvNormActivation(nn.Module):
    """Convolution, batch norm, SiLU."""

    def __init__(self, in_channels: int, channels: int, size: int = 1, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, channels, size, stride, size // 2, bias=False)
        self.bn = nn.BatchNorm2d(channels, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(self.bn(self.conv(x)))


class DetectorBottleneck(nn.Module):
    """Two 3x3 convolutions, beside the identity where there is a shortcut."""

    def __init__(self, channels: int, shortcut: bool):
        super().__init__()
        self.shortcut = shortcut
        self.cv1, self.cv2 = ConvNormActivation(channels, channels, 3), ConvNormActivation(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        found = self.cv2(self.cv1(x))
        return x + found if self.shortcut else found


class CrossStageBlock(nn.Module):
    """Half of the channels go through bottlenecks; every intermediate result is kept: (B, C, h, w) -> (B, C', h, w)."""

    def __init__(self, in_channels: int, channels: int, blocks: int, shortcut: bool):
        super().__init__()
        half = channels // 2
        self.cv1 = ConvNormActivation(in_channels, channels)
        self.cv2 = ConvNormActivation((2 + blocks) * half, channels)
        self.m = nn.ModuleList(DetectorBottleneck(half, shortcut) for _ in range(blocks))

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.cv1(x).chunk(2, dim=1))
        for block in self.m:
            parts.append(block(parts[-1]))
        return self.cv2(torch.cat(parts, dim=1))


class PyramidPooling(nn.Module):
    """Maxima over 5, 9 and 13 cells beside the feature itself (spatial pyramid pooling)."""

    def __init__(self, channels: int):
        super().__init__()
        self.cv1, self.cv2 = ConvNormActivation(channels, channels // 2), ConvNormActivation(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.cv1(x)]
        for _ in range(3):
            parts.append(F.max_pool2d(parts[-1], 5, 1, 2))
        return self.cv2(torch.cat(parts, dim=1))


class DistributionExpectation(nn.Module):
    """Logits of bins -> expected distances, in cells. The bins' values are weights in the published file."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(NUM_BINS, 1, 1, bias=False)
        self.requires_grad_(False)
        self.reset()

    @torch.no_grad()
    def reset(self) -> None:
        """Set the bins' values to 0, 1, 2, ..."""
        self.conv.weight.copy_(torch.arange(NUM_BINS).view(1, NUM_BINS, 1, 1))

    def forward(self, logits: Tensor) -> Tensor:
        """(B, 4 * bins, N) -> (B, N, 4): left, up, right, down."""
        return (logits.unflatten(1, (4, NUM_BINS)).softmax(2) * self.conv.weight.view(NUM_BINS, 1)).sum(2).mT


class Head(nn.Module):
    """Box, handedness and keypoints of every cell of the three scales."""

    def __init__(self, config: WiLoRDetectorConfig, channels: tuple[int, int, int]):
        super().__init__()
        self.config = config
        self.cv2, self.cv3, self.cv4 = (
            nn.ModuleList(nn.Sequential(ConvNormActivation(before, inner, 3), ConvNormActivation(inner, inner, 3),
                                        nn.Conv2d(inner, outputs, 1)) for before in channels)
            for inner, outputs in ((config.box_channels, 4 * NUM_BINS), (config.class_channels, config.num_classes),
                                   (config.keypoint_channels, config.num_keypoints * config.keypoint_dim)))
        self.dfl = DistributionExpectation()

    def forward(self, features: list[Tensor]) -> Detections:
        """Features (B, C, h, w), the finest first -> Detections."""
        box, score, points = (torch.cat([conv(x).flatten(2) for conv, x in zip(convs, features)], dim=2).float()
                              for convs in (self.cv2, self.cv3, self.cv4))
        cells, stride = cell_centres(features)
        edges = self.dfl(box)
        boxes = torch.cat([cells - edges[..., :2], cells + edges[..., 2:]], dim=-1) * stride
        points = points.mT.unflatten(-1, (self.config.num_keypoints, self.config.keypoint_dim))
        # A cell's keypoints are relative to its corner, in units of half a cell; boxes to its centre.
        places = (2 * points[..., :2] + (cells - 0.5)[:, None]) * stride[:, None]
        visible = points[..., 2].sigmoid() if self.config.keypoint_dim == 3 else torch.ones_like(points[..., 0])
        return Detections(boxes, score.mT.sigmoid(), places, visible)


def cell_centres(features: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Centres x, y (N, 2) of all cells, in cells, and their strides (N, 1) in pixels."""
    centres, strides = [], []
    for feature, stride in zip(features, STRIDES):
        rows, columns = (torch.arange(size, device=feature.device) + 0.5 for size in feature.shape[-2:])
        y, x = torch.meshgrid(rows, columns, indexing='ij')
        centres.append(torch.stack([x, y], dim=-1).flatten(0, 1))
        strides.append(torch.full((x.numel(), 1), float(stride), device=feature.device))
    return torch.cat(centres), torch.cat(strides)


class WiLoRDetector(nn.Module):
    """The whole network. Its layers are in one dictionary, for the published file numbers them from input to output."""

    def __init__(self, config: WiLoRDetectorConfig):
        super().__init__()
        self.config = config
        c, n = config.channels, config.neck_blocks
        layers: dict[str, nn.Module] = {'0': ConvNormActivation(3, c[0], 3, 2)}
        for k, blocks in enumerate(config.blocks):
            layers[f'{2 * k + 1}'] = ConvNormActivation(c[k], c[k + 1], 3, 2)
            layers[f'{2 * k + 2}'] = CrossStageBlock(c[k + 1], c[k + 1], blocks, True)
        layers['9'] = PyramidPooling(c[4])
        layers['12'] = CrossStageBlock(c[4] + c[3], c[3], n, False)
        layers['15'] = CrossStageBlock(c[3] + c[2], c[2], n, False)
        layers['16'] = ConvNormActivation(c[2], c[2], 3, 2)
        layers['18'] = CrossStageBlock(c[2] + c[3], c[3], n, False)
        layers['19'] = ConvNormActivation(c[3], c[3], 3, 2)
        layers['21'] = CrossStageBlock(c[3] + c[4], c[4], n, False)
        layers[_HEAD] = Head(config, c[2:])
        self.model = nn.ModuleDict(layers)

    @property
    def expectation(self) -> DistributionExpectation:
        """The layer whose weights are the values of bins."""
        head = self.model[_HEAD]
        assert isinstance(head, Head)
        return head.dfl

    def forward(self, image: Tensor) -> Detections:
        """Pictures (B, 3, H, W), RGB in [0, 1], sides divisible by 32 -> Detections of all cells."""
        layer = self.model
        x, sizes = image.to(next(layer.parameters()).dtype), []
        for k in range(9):
            x = layer[f'{k}'](x)
            if k in (4, 6):
                sizes.append(x)
        fine, middle = sizes
        coarse = layer['9'](x)
        middle = layer['12'](torch.cat([F.interpolate(coarse, scale_factor=2), middle], dim=1))
        fine = layer['15'](torch.cat([F.interpolate(middle, scale_factor=2), fine], dim=1))
        middle = layer['18'](torch.cat([layer['16'](fine), middle], dim=1))
        coarse = layer['21'](torch.cat([layer['19'](middle), coarse], dim=1))
        return layer[_HEAD]([fine, middle, coarse])


def config_from_shapes(shapes: Mapping[str, tuple[int, ...]], keypoint_dim: int = 3) -> WiLoRDetectorConfig:
    """The dimensions of the detector with weights of these names and shapes. Raises KeyError where one is missing."""
    def out(name):
        return shapes[f'model.{name}.weight'][0]

    def blocks(layer):
        start = f'model.{layer}.m.'
        return len({name[len(start):].split('.')[0] for name in shapes if name.startswith(start)})

    return WiLoRDetectorConfig(
        channels=(out('0.conv'), out('1.conv'), out('3.conv'), out('5.conv'), out('7.conv')),
        blocks=(blocks(2), blocks(4), blocks(6), blocks(8)),
        neck_blocks=blocks(12), box_channels=out('22.cv2.0.0.conv'), class_channels=out('22.cv3.0.0.conv'),
        keypoint_channels=out('22.cv4.0.0.conv'), num_classes=out('22.cv3.0.2'),
        num_keypoints=out('22.cv4.0.2') // keypoint_dim, keypoint_dim=keypoint_dim)
