"""The face: its box, and expression and jaw from a crop of it.

The branch of Hand4Whole (Moon et al., CVPRW 2022), a ResNet-18 (He et al., CVPR 2016) on the face crop.
Module names are those of the published checkpoints.
"""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from ..geometry.crops import box_around, box_from_points, roi_align
from ..geometry.rotations import rotation_from_6d_rows

#: Ears, eyes and nose among the body keypoints.
FACE_KEYPOINTS = slice(20, 25)
#: Body-picture pixels per heat-map pixel, and patch pixels per body-picture pixel.
HEATMAP_STRIDE = 16
PATCH_SCALE = 2
#: Around the face keypoints, twice: to contain the head, then for a margin.
FACE_MARGIN = 1.5


def face_box(keypoints: Tensor) -> Tensor:
    """Body keypoints (B, 25, 3) in heat-map pixels -> square boxes xyxy (B, 4) in body-picture pixels."""
    centre, size = box_from_points(keypoints[:, FACE_KEYPOINTS, :2] * HEATMAP_STRIDE, FACE_MARGIN)
    return box_around(centre, size, extension=FACE_MARGIN)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut, (B, C, H, W) -> (B, C', H / stride, W / stride)."""

    def __init__(self, in_channels: int, channels: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        if stride == 1 and in_channels == channels:
            self.downsample = nn.Identity()
        else:
            self.downsample = nn.Sequential(nn.Conv2d(in_channels, channels, 1, stride, bias=False),
                                            nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        residual = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(residual + self.downsample(x))


class ResNet18(nn.Module):
    """Picture (B, 3, H, W), RGB in [0, 1] -> feature (B, 512, H / 32, W / 32)."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = self._layer(64, 64, 1)
        self.layer2 = self._layer(64, 128, 2)
        self.layer3 = self._layer(128, 256, 2)
        self.layer4 = self._layer(256, 512, 2)

    @staticmethod
    def _layer(in_channels, channels, stride):
        return nn.Sequential(BasicBlock(in_channels, channels, stride), BasicBlock(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class FaceRoI(nn.Module):
    """The feature of the face inside a box."""

    def __init__(self):
        super().__init__()
        self.backbone = ResNet18()

    def forward(self, patches: Tensor, boxes: Tensor) -> Tensor:
        """Patches (B, 3, 512, 384) and boxes xyxy (B, 4) in body-picture pixels -> feature (B, 512, 8, 8)."""
        return self.backbone(face_crop(patches, boxes))


def face_crop(patches: Tensor, boxes: Tensor) -> Tensor:
    """Patches (B, 3, 512, 384) and boxes xyxy (B, 4) in body-picture pixels -> pictures (B, 3, 256, 256)."""
    return roi_align(patches, boxes * PATCH_SCALE)


class FacePose(NamedTuple):
    """Expression and jaw of the face."""

    expression: Tensor  #: (B, 10) coefficients
    jaw_pose: Tensor    #: (B, 3, 3), relative to the head


class FaceRegressor(nn.Module):
    """Expression and jaw from the mean feature of the face."""

    def __init__(self):
        super().__init__()
        self.expr_out = nn.Sequential(nn.Linear(512, 10))
        self.jaw_pose_out = nn.Sequential(nn.Linear(512, 6))

    def forward(self, feature: Tensor) -> FacePose:
        """Face feature (B, 512, 8, 8) -> FacePose."""
        feature = feature.mean((2, 3))
        return FacePose(self.expr_out(feature), rotation_from_6d_rows(self.jaw_pose_out(feature)))
