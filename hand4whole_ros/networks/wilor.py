"""WiLoR (Potamias et al., CVPR 2025): the hand expert. A crop of one right hand in, MANO parameters out.

A vision transformer gives a coarse hand; RefineNet samples finer feature maps at the coarse mesh and corrects
it. Left hands are mirrored before and un-mirrored after. Module names are those of the published checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._vendor_patches.roma_import import roma
from ..geometry.rotations import rotation_from_6d_columns
from .prompts import InitialRegressor, Prompt, PromptConfig, PromptEncoder
from .vit import VIT_H, VIT_TINY, ViT, ViTConfig, zero_initialize

#: Side of the square crop in pixels, and of the virtual camera's focal length in them.
CROP_SIZE = 256
FOCAL = 5000.0
#: Principal point of that camera in the body picture of 256 rows and 192 columns.
BODY_CENTRE = (96.0, 128.0)

_NUM_ROTATIONS, _NUM_BETAS, _NUM_CAMERA = 16, 10, 3
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class WiLoRConfig:
    """Dimensions of one WiLoR; RefineNet's follow from the transformer's."""

    vit: ViTConfig
    #: RefineNet samples its maps at the projected mesh, not near their corner as published.
    samples_at_mesh: bool = False
    #: The prompt with a detector's keypoints; None as published.
    prompt: PromptConfig | None = None


WILOR = WiLoRConfig(VIT_H)
#: Small enough for a test to run in milliseconds.
WILOR_TINY = WiLoRConfig(VIT_TINY)


@dataclass(frozen=True)
class HandCode:
    """The network's regression outputs, for N crops."""

    pose_6d: Tensor  # (N, 96): 16 rotations, wrist first
    betas: Tensor    # (N, 10)
    camera: Tensor   # (N, 3): scale, x, y of a weak-perspective camera on the crop

    @classmethod
    def from_flat(cls, values: Tensor) -> HandCode:
        """From all numbers in one row, (N, 109)."""
        return cls(*values.split((6 * _NUM_ROTATIONS, _NUM_BETAS, _NUM_CAMERA), dim=1))

    def rotations(self) -> tuple[Tensor, Tensor]:
        """global_orient (N, 1, 3, 3) and hand_pose (N, 15, 3, 3)."""
        rotations = rotation_from_6d_columns(self.pose_6d.unflatten(-1, (_NUM_ROTATIONS, 6)))
        return rotations[:, :1], rotations[:, 1:]


@dataclass(frozen=True)
class HandPrediction:
    """N hands, each as a right hand in its crop; metres, the crop camera's frame without its translation."""

    global_orient: Tensor  # (N, 1, 3, 3)
    hand_pose: Tensor      # (N, 15, 3, 3) flat-hand zero
    betas: Tensor          # (N, 10)
    camera: Tensor         # (N, 3)
    vertices: Tensor       # (N, 778, 3)
    keypoints: Tensor      # (N, 21, 3)
    feature: Tensor        # (N, C, 16, 12) of the transformer


@dataclass(frozen=True)
class PlacedHands:
    """N hands, left ones un-mirrored, in the frame of the body picture's virtual camera; metres."""

    global_orient: Tensor  # (N, 3) axis-angle
    hand_pose: Tensor      # (N, 15, 3) axis-angle, flat-hand zero
    betas: Tensor          # (N, 10)
    transl: Tensor         # (N, 3)
    vertices: Tensor       # (N, 778, 3)
    feature: Tensor        # (N, C, 16, 12)


class Backbone(ViT):
    """The transformer; 18 tokens (16 rotations, shape, camera) made from a mean hand lead the image's."""

    init_hand_pose: Tensor
    init_betas: Tensor
    init_cam: Tensor

    def __init__(self, config: WiLoRConfig):
        super().__init__(config.vit)
        dim = config.vit.embed_dim
        self.register_buffer('init_hand_pose', torch.zeros(1, 6 * _NUM_ROTATIONS))
        self.register_buffer('init_betas', torch.zeros(1, 10))
        self.register_buffer('init_cam', torch.zeros(1, 3))
        self.pose_emb = nn.Linear(6, dim)
        self.shape_emb = nn.Linear(10, dim)
        self.cam_emb = nn.Linear(3, dim)
        self.decpose = nn.Linear(dim, 6)
        self.decshape = nn.Linear(dim, 10)
        self.deccam = nn.Linear(dim, 3)
        self.prompts = None if config.prompt is None else PromptEncoder(config.prompt, dim)
        prompt = config.prompt
        self.initial = None if prompt is None or not prompt.num_initial else InitialRegressor(prompt)
        if self.initial is not None:  # the tokens give a correction, initially zero
            zero_initialize(self.decpose, self.decshape, self.deccam)

    def forward(self, image: Tensor, prompt: Prompt | None = None) -> tuple[HandCode, Tensor]:
        """Normalised picture (N, 3, 256, 192) -> the coarse hand and the image feature (N, C, 16, 12)."""
        start = self.start(prompt)
        dtype = self.pos_embed.dtype
        leading = torch.cat([self.pose_emb(start.pose_6d.unflatten(-1, (_NUM_ROTATIONS, 6)).to(dtype)),
                             self.shape_emb(start.betas.to(dtype))[:, None],
                             self.cam_emb(start.camera.to(dtype))[:, None]], dim=1).expand(len(image), -1, -1)
        if self.prompts is not None:
            leading = torch.cat([leading, self.prompts(prompt, len(image))], dim=1)
        tokens, feature = self.encode(image, leading)
        code = HandCode(start.pose_6d + self.decpose(tokens[:, :_NUM_ROTATIONS]).flatten(1),
                        start.betas + self.decshape(tokens[:, _NUM_ROTATIONS]),
                        start.camera + self.deccam(tokens[:, _NUM_ROTATIONS + 1]))
        return code, feature

    def start(self, prompt: Prompt | None = None) -> HandCode:
        """The hand that the tokens are made from: the mean one, (1, ...), or one per prompt, (N, ...)."""
        if self.initial is None:
            return HandCode(self.init_hand_pose, self.init_betas, self.init_cam)
        return HandCode.from_flat(self.initial(prompt))


class FeatureMaps(nn.Module):
    """Image feature (N, C, 16, 12) -> maps of C/8, C/4 and C/2 channels, (64, 48), (32, 24), (16, 12)."""

    def __init__(self, dim: int):
        super().__init__()
        self.first_conv = nn.Sequential(nn.Conv2d(dim, dim // 2, 1))
        self.deconv = nn.ModuleList([nn.Sequential(*_upsample(dim // 2)),
                                     nn.Sequential(*_upsample(dim // 2), *_upsample(dim // 4))])

    def forward(self, feature: Tensor) -> list[Tensor]:
        coarse = self.first_conv(feature)
        return [self.deconv[1](coarse), self.deconv[0](coarse), coarse]


class RefineNet(nn.Module):
    """Samples the feature maps at the coarse mesh and corrects the hand."""

    def __init__(self, config: WiLoRConfig):
        super().__init__()
        dim = config.vit.embed_dim
        self._samples_at_mesh = config.samples_at_mesh
        sampled = dim // 8 + dim // 4 + dim // 2
        self.deconv = FeatureMaps(dim)
        self.dec_pose = nn.Linear(sampled, 6 * _NUM_ROTATIONS)
        self.dec_shape = nn.Linear(sampled, 10)
        self.dec_cam = nn.Linear(sampled, 3)
        if config.prompt is not None and config.prompt.num_initial:  # as in Backbone
            zero_initialize(self.dec_pose, self.dec_shape, self.dec_cam)

    def sample(self, feature: Tensor, vertices: Tensor, camera: Tensor) -> Tensor:
        """(N, 7C/8): for each channel of each map, finest first, the largest value over the vertices."""
        rows, columns = feature.shape[-2:]
        if not self._samples_at_mesh and feature.device.type == 'cpu':  # a GPU would have to synchronise
            feature = _crop_feature_corner(feature, vertices, camera)
        found = []
        for level, times in zip(self.deconv(feature), (4, 2, 1)):
            pixels = _lookup_pixels(vertices, camera, height=times * rows, width=times * columns,
                                    at_mesh=self._samples_at_mesh)
            found.append(_sample_feature(level, pixels).amax(dim=-1))
        return torch.cat(found, dim=1)

    def forward(self, feature: Tensor, vertices: Tensor, coarse: HandCode) -> HandCode:
        """Image feature (N, C, 16, 12), coarse mesh (N, 778, 3) and parameters -> refined parameters."""
        sampled = self.sample(feature, vertices, coarse.camera)
        return HandCode(coarse.pose_6d + self.dec_pose(sampled), coarse.betas + self.dec_shape(sampled),
                        coarse.camera + self.dec_cam(sampled))


class WiLoR(nn.Module):
    """The whole network.

    mano: the right hand's MANO layer (body.mano.Mano, or any layer that takes global_orient, hand_pose and
    betas like it and returns vertices and keypoints).
    """

    def __init__(self, config: WiLoRConfig, mano: Callable):
        super().__init__()
        self.backbone = Backbone(config)
        self.refine_net = RefineNet(config)
        self.mano = mano

    def to_precision(self, dtype: torch.dtype) -> WiLoR:
        """Convert transformer and RefineNet to `dtype`; rotations and meshes stay in float32."""
        for part in (self.backbone, self.refine_net):
            part.to(dtype)
        if self.backbone.initial is not None:
            self.backbone.initial.float()     # its outputs are rotations
        return self

    def forward(self, crops: Tensor, prompt: Prompt | None = None) -> HandPrediction:
        """Crops (N, 3, 256, 256) from `prepare_crops`, one for each hand that exists -> N right hands.

        A transformer for smaller images takes smaller crops, square and as high as its images.
        prompt: of a network that takes one, mirrored as the crops are.
        """
        crops = crops.to(self.backbone.pos_embed.dtype)
        margin = (crops.shape[-1] - self.backbone.config.image_size[1]) // 2
        coarse, feature = self.backbone(crops[..., margin:-margin], prompt)
        coarse_mesh = self.mano(*coarse.rotations(), coarse.betas)
        refined = self.refine_net(feature, coarse_mesh.vertices.to(feature.dtype), coarse)
        global_orient, hand_pose = refined.rotations()
        mesh = self.mano(global_orient, hand_pose, refined.betas)
        return HandPrediction(global_orient, hand_pose, refined.betas, refined.camera, mesh.vertices,
                              mesh.keypoints, feature)


def prepare_crops(crops: Tensor, left: Tensor) -> Tensor:
    """RGB crops (N, 3, 256, 256) in 0..1, left (N,) bool -> the network's input: all as right hands."""
    mean, std = (torch.tensor(values, dtype=crops.dtype, device=crops.device).view(3, 1, 1)
                 for values in (_IMAGENET_MEAN, _IMAGENET_STD))
    return (torch.where(left[:, None, None, None], crops.flip(-1), crops) - mean) / std


def crop_translation(camera: Tensor, size: float = CROP_SIZE) -> Tensor:
    """Scale, x, y (N, 3) -> translation (N, 3) m before a camera of FOCAL px on a crop of `size` px."""
    scale, x, y = camera.unbind(-1)
    return torch.stack([x, y, 2 * FOCAL / (size * scale + 1e-9)], dim=-1)


def project_to_crop(points: Tensor, camera: Tensor) -> Tensor:
    """Points (N, P, 3) -> (N, P, 2) in units of the crop's side, from its centre."""
    return _project(points, camera, CROP_SIZE)


def place_hands(hands: HandPrediction, left: Tensor, boxes_xyxy: Tensor,
                centre: tuple[float, float] = BODY_CENTRE) -> PlacedHands:
    """Transform hands from their crops into the body picture, or into another image of a camera of FOCAL.

    left (N,) bool marks the crops that were mirrored; boxes (N, 4) are those of the crops, square, in pixels
    of the 256x192 body picture. centre: principal point of its camera.
    """
    dtype = torch.float32
    boxes = boxes_xyxy.to(hands.camera.device, dtype)
    sign = torch.where(left, -1.0, 1.0).to(dtype)
    ones = torch.ones_like(sign)
    mirror = torch.stack([sign, ones, ones], dim=-1)[:, None]   # of points
    turn = torch.stack([ones, sign, sign], dim=-1)[:, None]     # of axis-angles

    rotations = torch.cat([hands.global_orient, hands.hand_pose], dim=1).to(dtype)
    axis_angles = roma.rotmat_to_rotvec(rotations) * turn
    scale, x, y = hands.camera.to(dtype).unbind(-1)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    extent = (boxes[:, 2] - boxes[:, 0]) * scale + 1e-9
    transl = torch.stack([2 * (middle[:, 0] - centre[0]) / extent + x * sign,
                          2 * (middle[:, 1] - centre[1]) / extent + y, 2 * FOCAL / extent], dim=-1)
    feature = torch.where(left[:, None, None, None], hands.feature.flip(-1), hands.feature)
    return PlacedHands(axis_angles[:, 0], axis_angles[:, 1:], hands.betas.to(dtype), transl,
                       hands.vertices.to(dtype) * mirror + transl[:, None], feature)


def _upsample(channels: int) -> list[nn.Module]:
    """Twice the size, half the channels."""
    return [nn.ConvTranspose2d(channels, channels // 2, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels // 2), nn.ReLU()]


def _project(points: Tensor, camera: Tensor, size: float) -> Tensor:
    seen = points + crop_translation(camera, size)[:, None]
    return seen[..., :2] / seen[..., 2:] * (FOCAL / size)


def _lookup_pixels(vertices: Tensor, camera: Tensor, *, height: int, width: int, at_mesh: bool) -> Tensor:
    """Vertices (N, V, 3) -> pixels (N, V, 2) of a map of that size at which RefineNet samples them."""
    # The projection lacks the map's principal point and counts the map's height as 1, so every vertex falls
    # within a pixel of the map's corner. The published weights were trained that way.
    pixels = _project(vertices, camera, height)
    if at_mesh:
        pixels = pixels * height + pixels.new_tensor([(width - 1) / 2, (height - 1) / 2])
    return pixels


def _crop_feature_corner(feature: Tensor, vertices: Tensor, camera: Tensor) -> Tensor:
    """The part of the feature (N, C, rows, columns) that is sampled if that is near the corner, at least 2x2.

    If no vertex is projected further than r pixels from pixel 0, nothing beyond pixel r + 1 is read, on maps of any
    size; and the first n pixels of a map depend on no more than the first n of the map before it.
    """
    rows, columns = feature.shape[-2:]
    pixels = _lookup_pixels(vertices, camera, height=rows, width=columns, at_mesh=False)
    seen = pixels.abs().nan_to_num(nan=torch.inf).flatten()
    farthest = torch.cat([seen, seen.new_zeros(1)]).max().clamp(max=max(rows, columns))
    size = int(farthest) + 2
    return feature[..., :size, :size]


def _sample_feature(level: Tensor, pixels: Tensor) -> Tensor:
    """Map (N, C, h, w), pixels (N, V, 2) -> values (N, C, V), bilinear, zero outside."""
    height, width = level.shape[-2:]
    grid = 2 * pixels / pixels.new_tensor([width - 1, height - 1]) - 1
    return F.grid_sample(level, grid[:, None].to(level.dtype), align_corners=True)[:, :, 0]
