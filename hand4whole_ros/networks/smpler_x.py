"""SMPLer-X-L32, the body expert: its encoder, and the heads that turn tokens into SMPL-X parameters.

Cai et al., "SMPLer-X: Scaling Up Expressive Human Pose and Shape Estimation" (NeurIPS 2023). The encoder
takes features from the hand expert before each of its blocks (Hand4Whole++). Module names are those of the
published checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..geometry.crops import BODY_SIZE, VIRTUAL_FOCAL
from ..geometry.rotations import rotation_from_6d_rows
from .prompts import InitialRegressor, Prompt, PromptConfig, PromptEncoder
from .vit import VIT_L, VIT_TINY, ViT, ViTConfig, zero_initialize

#: Metres: the cube the camera's depth is regressed in.
CAMERA_CUBE = 2.5
#: Of the depth axis of the heat map; its other axes are the image tokens' rows and columns.
DEPTH_BINS = 16


@dataclass(frozen=True)
class SMPLerXConfig:
    """Dimensions of the body expert."""

    vit: ViTConfig
    #: Token 0 is the shape's, 1 the camera's, 2 to 5 serve SMPLer-X alone, from 6 on there is one a keypoint.
    num_task_tokens: int = 31
    num_keypoints: int = 25
    num_joints: int = 21
    num_betas: int = 10
    token_dim: int = 512
    #: Each keypoint's token is joined by the image's feature at its heat-map position, as in Pose2Pose
    #: (Hand4Whole); the published weights have tokens alone.
    gathers_features: bool = False
    #: The prompt with a detector's keypoints; None as published.
    prompt: PromptConfig | None = None


SMPLER_X_L = SMPLerXConfig(VIT_L)
SMPLER_X_TINY = SMPLerXConfig(VIT_TINY)


class BodyEncoder(ViT):
    """Body picture -> task tokens and image feature."""

    def __init__(self, config: SMPLerXConfig):
        super().__init__(config.vit)
        self.task_tokens = nn.Parameter(torch.zeros(1, config.num_task_tokens, config.vit.embed_dim))
        self.prompts = None if config.prompt is None else PromptEncoder(config.prompt, config.vit.embed_dim)

    def forward(self, image: Tensor, cond: Sequence[Tensor | None] | Tensor | None = None,
                prompt: Prompt | None = None) -> tuple[Tensor, Tensor]:
        """Picture (B, 3, 256, 192), RGB in [0, 1] -> image feature (B, C, 16, 12), task tokens (B, 31, C).

        cond: see ViT.encode. prompt: of a network that takes one.
        """
        leading = self.task_tokens.expand(len(image), -1, -1)
        count = leading.shape[1]
        if self.prompts is not None:
            leading = torch.cat([leading, self.prompts(prompt, len(image))], dim=1)
        tokens, feature = self.encode(image, leading, cond)
        return feature, tokens[:, :count]


class BodyPositionNet(nn.Module):
    """Places of the keypoints, from a heat map over columns, rows and depth."""

    def __init__(self, config: SMPLerXConfig):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(config.vit.embed_dim, config.num_keypoints * DEPTH_BINS, 1))

    def forward(self, feature: Tensor) -> Tensor:
        """Image feature (B, C, 16, 12) -> keypoints (B, 25, 3): x, y, z in heat-map pixels."""
        return expected_position(self.heat(feature))

    def heat(self, feature: Tensor) -> Tensor:
        """Image feature (B, C, 16, 12) -> (B, 25, depth, 16, 12): the probability of each keypoint's place."""
        return heatmap_probabilities(self.conv(feature).unflatten(1, (-1, DEPTH_BINS)))


class BodyPose(NamedTuple):
    """The body expert's estimate of a person."""

    global_orient: Tensor  #: (B, 3, 3), to the camera frame
    body_pose: Tensor      #: (B, 21, 3, 3), each relative to its parent
    betas: Tensor          #: (B, 10)
    transl: Tensor         #: (B, 3) metres, in front of the virtual camera

    @property
    def local_rotations(self) -> Tensor:
        """(B, 22, 3, 3): global_orient, then body_pose."""
        return torch.cat([self.global_orient[:, None], self.body_pose], dim=1)


class BodyRegressor(nn.Module):
    """Rotations, shape and camera from the task tokens."""

    def __init__(self, config: SMPLerXConfig):
        super().__init__()
        dim, num_keypoints = config.vit.embed_dim, config.num_keypoints
        self.first_keypoint = config.num_task_tokens - num_keypoints
        self.num_betas = config.num_betas
        self.gathers_features = config.gathers_features
        joined = num_keypoints * (config.token_dim + 3)
        self.body_conv = nn.Sequential(nn.Linear(dim, config.token_dim))
        heads = nn.Linear(joined, 6), nn.Linear(joined, config.num_joints * 6), nn.Linear(dim, config.num_betas)
        self.root_pose_out, self.body_pose_out, self.shape_out = (nn.Sequential(head) for head in heads)
        self.cam_out = nn.Sequential(nn.Linear(dim, 3))
        prompt = config.prompt
        self.initial = None if prompt is None or not prompt.num_initial else InitialRegressor(prompt)
        if self.initial is not None:  # the tokens give a correction, initially zero
            zero_initialize(*heads)

    def forward(self, task_tokens: Tensor, keypoints: Tensor, prompt: Prompt | None = None,
                gathered: Tensor | None = None) -> BodyPose:
        """Task tokens (B, 31, C) and keypoints (B, 25, 3) in heat-map pixels -> BodyPose.

        prompt: of a network with an initial regression, which needs it. gathered: (B, 25, C) the image's feature at
        the keypoints, for a network that gathers.
        """
        if gathered is not None:
            # The shape has no place of its own: its input includes all keypoints.
            task_tokens = torch.cat([task_tokens[:, :1] + gathered.mean(1, keepdim=True),
                                     task_tokens[:, 1:self.first_keypoint],
                                     task_tokens[:, self.first_keypoint:] + gathered], dim=1)
        tokens = self.body_conv(task_tokens[:, self.first_keypoint:])
        joined = torch.cat([tokens, keypoints.to(tokens.dtype)], dim=-1).flatten(1)
        codes = torch.cat([self.root_pose_out(joined), self.body_pose_out(joined), self.shape_out(task_tokens[:, 0])],
                         dim=1)
        return self.pose(codes if self.initial is None else codes + self.initial(prompt),
                         translation_from_camera(self.cam_out(task_tokens[:, 1])))

    def pose(self, codes: Tensor, transl: Tensor) -> BodyPose:
        """The 6D codes of all rotations, the root's first, and the betas, (B, 6 + 126 + 10) -> BodyPose."""
        rotations = rotation_from_6d_rows(codes[:, :-self.num_betas].unflatten(1, (-1, 6)))
        return BodyPose(rotations[:, 0], rotations[:, 1:], codes[:, -self.num_betas:], transl)


def regress_body(position: BodyPositionNet, regressor: BodyRegressor, feature: Tensor, task_tokens: Tensor,
              *, prompt: Prompt | None = None) -> tuple[BodyPose, Tensor, Tensor]:
    """Outputs of both heads for the encoder's output: the body, keypoints (B, 25, 3) in heat-map pixels, heat maps."""
    heat = position.heat(feature)
    where = expected_position(heat)
    gathered = None
    if regressor.gathers_features:
        gathered = heat.sum(2).flatten(2).to(feature.dtype) @ feature.flatten(2).transpose(1, 2)
    return regressor(task_tokens, where, prompt, gathered), where, heat


def soft_argmax(heatmap: Tensor) -> Tensor:
    """Heat maps (..., D, H, W) before softmax -> expected x, y, z (..., 3) in pixels of W, H, D."""
    return expected_position(heatmap_probabilities(heatmap))


def heatmap_probabilities(heatmap: Tensor) -> Tensor:
    """Heat maps (..., D, H, W) before softmax -> after it, at least float32."""
    # Half precision would round positions to a hundredth of a pixel.
    heatmap = heatmap.to(torch.promote_types(heatmap.dtype, torch.float32))
    return heatmap.flatten(-3).softmax(-1).view_as(heatmap)


def marginal_heatmap(heat: Tensor, axis: int) -> Tensor:
    """Heat maps (..., D, H, W) -> (..., n) along one of their last three axes: -1 for x, -2 for y, -3 for z."""
    return heat.sum(tuple(a for a in (-1, -2, -3) if a != axis))


def expected_position(heat: Tensor) -> Tensor:
    """Heat maps (..., D, H, W) after softmax -> expected x, y, z (..., 3) in pixels of W, H, D."""
    lines = [marginal_heatmap(heat, axis) for axis in (-1, -2, -3)]
    return torch.stack([line @ torch.arange(line.shape[-1], dtype=line.dtype, device=line.device) for line in lines],
                       dim=-1)


def translation_from_camera(camera: Tensor) -> Tensor:
    """Regressed camera (..., 3) -> translation (..., 3) metres in front of the virtual camera."""
    farthest = VIRTUAL_FOCAL * CAMERA_CUBE / (BODY_SIZE[0] * BODY_SIZE[1]) ** 0.5
    return torch.cat([camera[..., :2], camera[..., 2:].sigmoid() * farthest], dim=-1)


def project_to_heatmap(points: Tensor, stride: int = 16) -> Tensor:
    """Points (..., 3) in front of the virtual camera, metres -> (..., 2) heat-map pixels."""
    centre = torch.tensor([BODY_SIZE[1] / 2, BODY_SIZE[0] / 2], dtype=points.dtype, device=points.device)
    # The small number keeps a point at the camera finite; it was present in training.
    return (points[..., :2] / (points[..., 2:] + 1e-4) * VIRTUAL_FOCAL + centre) / stride
