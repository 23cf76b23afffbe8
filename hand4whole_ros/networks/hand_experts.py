"""Hand experts that CHAM can take features from: properties of their features, and their conversion.

Hand4Whole++ takes WiLoR's. Any network with a feature map of a box of the body picture can replace it; CHAM
must then be trained for the pair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .cham import CHAMConfig, FeatureGrid, HandFeatures
from .dahyf import DaHyFConfig
from .pose2pose import HAND_CROP, HandsOutput, PartBoxes, Pose2PoseConfig
from .pose2pose import SIDES as POSE2POSE_SIDES
from .unihope import UniHOPEConfig
from .vit import ViTConfig
from .wilor import WiLoRConfig


@dataclass(frozen=True)
class FeatureShape:
    """Of one hand expert's feature."""

    channels: int
    grid: FeatureGrid

    def cham(self, body: ViTConfig, **options) -> CHAMConfig:
        """CHAM's dimensions between this expert and a body expert's transformer; options as CHAMConfig takes them."""
        return CHAMConfig.between(self.channels, self.grid, body, **options)


def wilor_feature(config: WiLoRConfig) -> FeatureShape:
    """The transformer's: the box is divided into squares, of which the middle columns are kept."""
    rows, columns = config.vit.grid
    return FeatureShape(config.vit.embed_dim, FeatureGrid(rows, columns))


def pose2pose_feature(config: Pose2PoseConfig) -> FeatureShape:
    """Of Hand4Whole's hand network: the whole box."""
    rows, columns = (side // 32 for side in HAND_CROP)
    return FeatureShape(config.feature_dim, FeatureGrid(rows, columns, point=0.5))


def unihope_feature(config: UniHOPEConfig) -> FeatureShape:
    """Of UniHOPE's pyramid within the hand's box."""
    return FeatureShape(config.dim, FeatureGrid(config.roi_size, config.roi_size, point=0.5))


def dahyf_feature(config: DaHyFConfig) -> FeatureShape:
    """Of DaHyF, joined with the direction map."""
    cells = -(-config.patch_size // 32)
    return FeatureShape(config.dim, FeatureGrid(cells, cells, point=0.5))


def features_from_pose2pose(hands: HandsOutput, boxes: PartBoxes, exists: Mapping[str, Tensor] | None = None
                 ) -> dict[str, HandFeatures]:
    """Side -> HandFeatures of Hand4Whole's hands.

    exists: side -> (B,) bool, from another detector; Hand4Whole takes every hand for visible.
    """
    found = {}
    for side, feature, where in zip(POSE2POSE_SIDES, hands.feature, (boxes.left_hand, boxes.right_hand)):
        there = torch.ones(len(where), dtype=torch.bool, device=where.device) if exists is None else exists[side]
        upright = feature.flip(-1) if side == 'left' else feature
        found[side] = HandFeatures(upright[there], where[there], there)
    return found


def features_from_crops(
    feature: Tensor, boxes: Tensor, left: Tensor, *, people: Tensor, count: int
) -> dict[str, HandFeatures]:
    """Side -> HandFeatures of hands that were processed singly, as by UniHOPE and DaHyF, left ones mirrored.

    feature (N, C, h, w); boxes xyxy (N, 4) in body-picture pixels, the feature's extent; left (N,) bool; people (N,)
    the index, of `count` people, of each hand's person, rising within a side, at most one of a side to a person.
    """
    found = {}
    for side, chosen in (('right', ~left), ('left', left)):
        exists = torch.zeros(count, dtype=torch.bool, device=feature.device)
        exists[people[chosen]] = True
        upright = feature[chosen].flip(-1) if side == 'left' else feature[chosen]
        found[side] = HandFeatures(upright, boxes[chosen], exists)
    return found
