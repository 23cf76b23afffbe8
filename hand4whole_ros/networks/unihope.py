"""UniHOPE (Wang et al., CVPR 2025): one hand, whether it grasps an object, and the object's pose. The whole forward.

A feature pyramid with a stream for the hand and one for the object; a switch that classifies whether the hand grasps;
fusion of both features where it does and the hand is not hidden by the object. Every hand is a right one: left hands
are mirrored before. Module names are those of the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import skeleton
from ..geometry.crops import roi_align
from ..geometry.rotations import rotation_from_6d_columns
from .hourglass import Hourglass, PreActivationBottleneck
from .resnet import RESNET50_BLOCKS, Bottleneck, bottleneck_stage
from .vit import MLP, attention, to_map, to_tokens

#: Picture pixels a pixel of the pyramid's.
STRIDE = 4
#: Points of an object's box: 8 corners, 12 middles of edges, the centre (geometry.object_pose.box_points).
NUM_BOX_POINTS = 21
#: MANO's vertices at the finger tips, thumb to little finger, as the DexYCB data set counts them.
TIP_VERTICES = (745, 317, 444, 556, 673)
#: A cell votes for points this far from it at one unit of the network, in units of the object's box.
VOTE_SCALE = 0.1

_NUM_ROTATIONS = 16


@dataclass(frozen=True)
class UniHOPEConfig:
    """Dimensions of UniHOPE."""

    #: Channels of the ResNet-50's first stage.
    width: int = 64
    #: Of the pyramid and all regions.
    dim: int = 256
    num_heads: int = 8
    #: Side of the square picture in pixels.
    image_size: int = 128
    #: Channels between the grasp switch's two linear layers; None for a single layer, as in the HO3D checkpoint.
    switch_dim: int | None = 1024
    #: Input channels of the switches.
    switch_channels: int = 64
    #: Rows and columns of every region's feature: a multiple of 16.
    roi_size: int = 32
    #: Whether the object's feature joins the hand's only where the switches allow it; False: everywhere, as in HFL-Net.
    grasp_aware: bool = True


#: Of the DexYCB checkpoints, and of the HO3D one.
UNIHOPE = UniHOPEConfig()
UNIHOPE_HO3D = UniHOPEConfig(image_size=256, switch_dim=None)
#: Small enough for a test to run in milliseconds.
UNIHOPE_TINY = UniHOPEConfig(width=4, dim=16, num_heads=4, switch_dim=8, switch_channels=4)
#: Small enough for a training on one processor core.
UNIHOPE_SMALL = UniHOPEConfig(width=8, dim=32, num_heads=4, image_size=64, switch_dim=32, switch_channels=8,
                              roi_size=16)


class Pyramid(NamedTuple):
    """Features (B, dim, H / 4, W / 4) of the two streams."""

    hand: Tensor
    object: Tensor


class ManoParameters(NamedTuple):
    """Outputs of the MANO head for B hands."""

    global_orient: Tensor  #: (B, 1, 3, 3), to the camera frame
    hand_pose: Tensor      #: (B, 15, 3, 3), flat-hand zero
    betas: Tensor          #: (B, 10)


class ObjectVotes(NamedTuple):
    """Votes of every cell of the object's region for every point of its box: (B, roi_size, roi_size, 21) each."""

    x: Tensor           #: across the object's box, 0 at its left edge, 1 at its right
    y: Tensor           #: down it, 0 at its upper edge, 1 at its lower
    confidence: Tensor  #: 0 to 1


class HandFeatures(NamedTuple):
    """Intermediate features of B hands."""

    pyramid: Tensor  #: (B, dim, H / 4, W / 4) of the hand's stream
    region: Tensor   #: (B, dim, roi_size, roi_size) of the hand, before the object's feature joins it
    mano: Tensor     #: (B, 4 dim) with roi_size 32, dim with 16


@dataclass(frozen=True)
class UniHOPEOutput:
    """B hands, each a right hand, and the objects near them. Camera frame without translation, metres."""

    grasp_logits: Tensor      #: (B, 2) not grasping, grasping
    occlusion_logits: Tensor  #: (B, 2) visible, hidden by the object
    pose: ManoParameters
    vertices: Tensor          #: (B, 778, 3)
    keypoints: Tensor         #: (B, 21, 3) in skeleton.HAND_KEYPOINT_NAMES order
    keypoints_2d: Tensor      #: (B, 21, 2) in the hand's box, 0 to 1
    votes: ObjectVotes        #: meaningless where the hand does not grasp

    @property
    def grasp_probability(self) -> Tensor:
        """(B,) probability that the hand grasps."""
        return self.grasp_logits.softmax(-1)[:, 1]

    @property
    def grasping(self) -> Tensor:
        """(B,) bool."""
        return self.grasp_logits.argmax(-1) == 1


class FeaturePyramid(nn.Module):
    """A ResNet-50 whose second and third stages exist twice, for the hand and for the object, and its pyramids.

    The other stages are shared; `_h` in their names means both.
    """

    def __init__(self, config: UniHOPEConfig):
        super().__init__()
        width, dim, act = config.width, config.dim, F.leaky_relu
        wide = [Bottleneck.EXPANSION * width << k for k in range(4)]
        self.layer0_h = nn.Sequential(nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.LeakyReLU(),
                                      nn.MaxPool2d(3, 2, 1))
        self.layer1_h = nn.Sequential(bottleneck_stage(width, width, RESNET50_BLOCKS[0], 1, activation=act))
        self.layer4_h = nn.Sequential(bottleneck_stage(wide[2], 8 * width, RESNET50_BLOCKS[3], 2, activation=act))
        for stream in 'ho':
            parts = {
                'layer2': nn.Sequential(bottleneck_stage(wide[0], 2 * width, RESNET50_BLOCKS[1], 2, activation=act)),
                'layer3': nn.Sequential(bottleneck_stage(wide[1], 4 * width, RESNET50_BLOCKS[2], 2, activation=act)),
                'toplayer': nn.Conv2d(wide[3], dim, 1), 'latlayer1': nn.Conv2d(wide[2], dim, 1),
                'latlayer2': nn.Conv2d(wide[1], dim, 1), 'latlayer3': nn.Conv2d(wide[0], dim, 1),
                'smooth3': nn.Conv2d(dim, dim, 3, 1, 1)}
            for name, part in parts.items():
                setattr(self, f'{name}_{stream}', part)

    def forward(self, image: Tensor) -> Pyramid:
        """Picture (B, 3, H, W) -> Pyramid."""
        first = self.layer1_h(self.layer0_h(image))
        return Pyramid(*(self._stream(stream, first) for stream in 'ho'))

    def _stream(self, stream, first):
        part = {name: getattr(self, f'{name}_{stream}') for name in (
            'layer2', 'layer3', 'toplayer', 'latlayer1', 'latlayer2', 'latlayer3', 'smooth3')}
        second = part['layer2'](first)
        third = part['layer3'](second)
        x = part['toplayer'](self.layer4_h(third))
        for name, feature in (('latlayer1', third), ('latlayer2', second), ('latlayer3', first)):
            lateral = part[name](feature)
            x = F.interpolate(x, lateral.shape[-2:], mode='bilinear', align_corners=False) + lateral
        return part['smooth3'](x)


def _cell_centres(values):
    """(N,) of the N cells across values (..., N), from 0 to 1."""
    count = values.shape[-1]
    return (torch.arange(count, device=values.device, dtype=values.dtype) + 0.5) / count


def make_switch(config: UniHOPEConfig, hidden: int | None) -> nn.Sequential:
    """A pyramid feature (B, dim, h, w) -> two logits. There is no activation between the linear layers."""
    size = config.switch_channels * (config.image_size // STRIDE) ** 2
    linear = [nn.Linear(size, 2)] if hidden is None else [nn.Linear(size, hidden), nn.Linear(hidden, 2)]
    return nn.Sequential(nn.Conv2d(config.dim, config.switch_channels, 1), nn.Flatten(), *linear)


class AttentionLayer(nn.Module):
    """Attention of one region on another, a token a pixel, then an MLP; (B, C, h, w) -> (B, C, h, w)."""

    def __init__(self, dim: int, num_heads: int):
        super().__init__()
        self.num_heads = num_heads
        self.encode_value, self.encode_query, self.encode_key = (nn.Conv2d(dim, dim, 1) for _ in range(3))
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = MLP(dim, 4 * dim)

    def forward(self, query: Tensor, context: Tensor) -> Tensor:
        heads = [to_tokens(encode(region)).unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for encode, region in (
            (self.encode_query, query), (self.encode_key, context), (self.encode_value, context))]
        x = to_tokens(query) + attention(*heads).transpose(1, 2).flatten(2)
        return to_map(x + self.mlp(self.norm2(x)), (query.shape[-2], query.shape[-1]))


class Transformer(nn.Module):
    """One attention layer, under the published name."""

    def __init__(self, dim: int, num_heads: int):
        super().__init__()
        self.layers = nn.ModuleList([AttentionLayer(dim, num_heads)])

    def forward(self, query: Tensor, context: Tensor) -> Tensor:
        return self.layers[0](query, context)


class PointwiseConvBlock(nn.Module):
    """1x1 convolution, batch norm, activation."""

    def __init__(self, channels: int):
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels), nn.LeakyReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)


class HandHead(nn.Module):
    """Heat maps of the hand's keypoints."""

    def __init__(self, config: UniHOPEConfig):
        super().__init__()
        dim, count = config.dim, skeleton.NUM_HAND_KEYPOINTS
        #: Sharpness of every keypoint's heat map.
        self.betas = nn.Parameter(torch.ones(count, 1))
        self.hg = nn.ModuleList([Hourglass(dim)])
        self.res = nn.ModuleList([nn.Sequential(PreActivationBottleneck(dim))])
        self.fc = nn.ModuleList([PointwiseConvBlock(dim)])
        self.score = nn.ModuleList([nn.Conv2d(dim, count, 1)])

    def forward(self, region: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Region (B, dim, N, N) -> keypoints (B, 21, 2) from 0 to 1, heat maps (B, 21, N, N), encoding."""
        encoding = self.fc[0](self.res[0](self.hg[0](region)))
        latent = self.score[0](encoding).flatten(2)
        heatmap = (latent * self.betas).softmax(-1).unflatten(2, region.shape[-2:])
        x, y = heatmap.sum(2), heatmap.sum(3)
        centres = _cell_centres(x)
        return torch.stack([x @ centres, y @ centres], dim=-1), heatmap, encoding


class HandEncoder(nn.Module):
    """Heat maps and encoding -> one feature, (B, 4 dim) with regions of 32 x 32."""

    def __init__(self, config: UniHOPEConfig):
        super().__init__()
        self.heatmap_conv = nn.Conv2d(skeleton.NUM_HAND_KEYPOINTS, config.dim, 1)
        self.encoding_conv = nn.Conv2d(config.dim, config.dim, 1)
        self.reg = nn.ModuleList(PreActivationBottleneck(config.dim, ('bn', 'bn1', 'bn2')) for _ in range(8))

    def forward(self, heatmap: Tensor, encoding: Tensor) -> Tensor:
        x = self.heatmap_conv(heatmap) + self.encoding_conv(encoding)
        for first, second in zip(self.reg[0::2], self.reg[1::2]):
            x = F.max_pool2d(second(first(x)), 2)
        return x.flatten(1)


class ManoBranch(nn.Module):
    """MANO's parameters from the hand's feature."""

    def __init__(self, config: UniHOPEConfig):
        super().__init__()
        size = config.dim * (config.roi_size // 16) ** 2
        self.mano_base_layer = nn.Sequential(nn.Linear(size, size), nn.LeakyReLU(), nn.Linear(size, size // 2),
                                             nn.LeakyReLU())
        self.pose_reg = nn.Linear(size // 2, 6 * _NUM_ROTATIONS)
        self.shape_reg = nn.Linear(size // 2, 10)

    def forward(self, feature: Tensor) -> ManoParameters:
        """Feature (B, 4 dim) with regions of 32 x 32 -> ManoParameters."""
        feature = self.mano_base_layer(feature)
        rotations = rotation_from_6d_columns(self.pose_reg(feature).unflatten(-1, (_NUM_ROTATIONS, 6)))
        return ManoParameters(rotations[:, :1], rotations[:, 1:], self.shape_reg(feature))


class ObjectHead(nn.Module):
    """Votes for the points of the object's box."""

    SLOPE = 0.1

    def __init__(self, config: UniHOPEConfig):
        super().__init__()
        dim = config.dim
        for k in (1, 2, 3):
            for j, conv in ((1, nn.Conv2d(dim, dim // 2, 1)), (2, nn.Conv2d(dim // 2, dim, 3, 1, 1))):
                setattr(self, f'conv{k}_{j}', conv)
                setattr(self, f'bn{k}_{j}', nn.BatchNorm2d(conv.out_channels))
        self.out_conv = nn.Conv2d(dim, 3 * NUM_BOX_POINTS, 1)

    def forward(self, region: Tensor) -> ObjectVotes:
        """Region (B, dim, N, N) -> ObjectVotes."""
        for name in ('1_1', '1_2', '2_1', '2_2', '3_1', '3_2'):
            region = F.leaky_relu(getattr(self, f'bn{name}')(getattr(self, f'conv{name}')(region)), self.SLOPE)
        confidence, dx, dy = self.out_conv(region).movedim(1, -1).split(NUM_BOX_POINTS, dim=-1)
        centres = _cell_centres(dx[..., 0])
        return ObjectVotes(centres[None, :, None] + VOTE_SCALE * dx, centres[:, None, None] + VOTE_SCALE * dy,
                           confidence.sigmoid())


class UniHOPE(nn.Module):
    """The whole network. mano: the right hand's MANO layer (body.mano.Mano, or any callable with its signature).

    tips: vertices of its finger tips, thumb to little finger; None for the keypoints that the layer itself gives.
    """

    def __init__(self, config: UniHOPEConfig, mano: Callable, tips: Sequence[int] | None = TIP_VERTICES):
        super().__init__()
        self.config = config
        self.base_net = FeaturePyramid(config)
        self.obj_conf_layer = make_switch(config, config.switch_dim)
        self.occ_cls_layer = make_switch(config, None)
        self.transformer_hand = Transformer(2 * config.dim, config.num_heads)
        self.transformer_obj = Transformer(config.dim, config.num_heads)
        self.hand_head = HandHead(config)
        self.hand_encoder = HandEncoder(config)
        self.mano_branch = ManoBranch(config)
        self.obj_head = ObjectHead(config)
        self.mano, self.tips = mano, tips

    def forward(self, image: Tensor, hand_boxes: Tensor, object_boxes: Tensor) -> UniHOPEOutput:
        """Pictures (B, 3, size, size), RGB in [0, 1], and boxes xyxy (B, 4) in their pixels -> UniHOPEOutput."""
        return self._forward(image, hand_boxes, object_boxes)[0]

    def forward_with_features(self, image: Tensor, hand_boxes: Tensor, object_boxes: Tensor
                              ) -> tuple[UniHOPEOutput, HandFeatures]:
        """As forward, and the hand's features, which training compares."""
        output, pyramid, feature = self._forward(image, hand_boxes, object_boxes)
        region = crop_region(pyramid.hand, hand_boxes, self.config.roi_size)
        return output, HandFeatures(pyramid.hand, region, feature)

    def _forward(self, image, hand_boxes, object_boxes):
        pyramid = Pyramid(*_run_in_own_precision(self.base_net, image))
        grasp, occlusion = self.obj_conf_layer(pyramid.object), self.occ_cls_layer(pyramid.hand)
        hand, object_ = self.fuse(pyramid, hand_boxes, object_boxes, grasp=grasp, occlusion=occlusion)
        keypoints_2d, heatmap, encoding = self.hand_head(hand)
        feature = self.hand_encoder(heatmap, encoding)
        pose = self.mano_branch(feature)
        mesh = self.mano(*pose)
        keypoints = mesh.keypoints.clone()
        if self.tips is not None:
            keypoints[:, list(skeleton.FINGERTIP_KEYPOINTS)] = mesh.vertices[:, list(self.tips)]
        votes = self.obj_head(object_)
        return (UniHOPEOutput(grasp, occlusion, pose, mesh.vertices, keypoints, keypoints_2d, votes), pyramid,
                feature)

    def fuse(self, pyramid: Pyramid, hand_boxes: Tensor, object_boxes: Tensor, *, grasp: Tensor, occlusion: Tensor
             ) -> tuple[Tensor, Tensor]:
        """Regions (B, dim, N, N) of hand and object, each with its attention to the other."""
        size = self.config.roi_size
        hand, seen_with_object = (crop_region(feature, hand_boxes, size) for feature in pyramid)
        second = seen_with_object
        if self.config.grasp_aware:
            takes = (grasp.argmax(-1) == 1) & (occlusion.argmax(-1) == 0)
            second = torch.where(takes[:, None, None, None], seen_with_object, hand)
        both = torch.cat([hand, second], dim=1)
        attended, = _run_in_own_precision(self.transformer_hand, both, both)
        low, high = torch.maximum(hand_boxes, object_boxes)[:, :2], torch.minimum(hand_boxes, object_boxes)[:, 2:]
        overlaps = (high > low).all(-1)[:, None, None, None]
        common = crop_region(pyramid.hand, torch.cat([low, high], dim=-1), size) * overlaps
        object_, = _run_in_own_precision(self.transformer_obj, crop_region(pyramid.object, object_boxes, size),
                                         common)
        return attended[:, :self.config.dim], object_

    def to_precision(self, dtype: torch.dtype) -> UniHOPE:
        """Convert the pyramid and the attention to `dtype`; switches, heads and meshes stay in float32."""
        for part in (self.base_net, self.transformer_hand, self.transformer_obj):
            part.to(dtype)
        return self

    def merge_switch(self) -> UniHOPE:
        """Merge the grasp switch's two linear layers, halving the weight count; its names change. For inference."""
        if self.config.switch_dim is not None:
            conv, flat, first, second = self.obj_conf_layer
            assert isinstance(first, nn.Linear) and isinstance(second, nn.Linear)
            merged = nn.Linear(first.in_features, 2, device=first.weight.device, dtype=first.weight.dtype)
            with torch.no_grad():
                merged.weight.copy_(second.weight @ first.weight)
                merged.bias.copy_(second.weight @ first.bias + second.bias)
            self.obj_conf_layer = nn.Sequential(conv, flat, merged)
        return self


def _run_in_own_precision(part, *values):
    """A part's outputs for values, computed in the part's own precision, as a tuple in the values' precision."""
    precision = next(part.parameters()).dtype
    found = part(*(value.to(precision) for value in values))
    return [one.to(values[0].dtype) for one in (found if isinstance(found, tuple) else (found,))]


def crop_region(feature: Tensor, boxes: Tensor, size: int = 32) -> Tensor:
    """A pyramid feature (B, dim, h, w) within boxes xyxy (B, 4) of the picture -> (B, dim, size, size)."""
    return roi_align(feature, boxes / STRIDE, (size, size))
