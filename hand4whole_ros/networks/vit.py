"""The plain vision transformer under both experts: ViT-L of SMPLer-X, ViT-H of WiLoR.

Dosovitskiy et al., "An Image is Worth 16x16 Words" (ICLR 2021), as in ViTPose (Xu et al., NeurIPS 2022).
Module names are those of the published checkpoints, so that their tensors load without renaming.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class ViTConfig:
    """Dimensions of one vision transformer."""

    embed_dim: int
    depth: int
    num_heads: int
    #: Of the input picture, (height, width) in pixels.
    image_size: tuple[int, int] = (256, 192)
    patch_size: int = 16
    #: The published weights were trained with two pixels of padding: the grid stays 16x12, its patches are
    #: two pixels up and left.
    patch_padding: int = 2
    mlp_ratio: int = 4
    #: Channels of a convolutional stem that halves the image as often as it takes to reach patches; empty for one
    #: linear layer a patch, as published. Small transformers train faster with one (Xiao et al., NeurIPS 2021).
    stem: tuple[int, ...] = ()
    #: Residual blocks of the stem after each halving; empty for none. A small transformer soon makes use of a stem
    #: that locates things by itself (the hybrid of Dosovitskiy et al.).
    stem_blocks: tuple[int, ...] = ()

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of image tokens."""
        rows, columns = ((side + 2 * self.patch_padding - self.patch_size) // self.patch_size + 1
                         for side in self.image_size)
        return rows, columns

    @property
    def num_patches(self) -> int:
        rows, columns = self.grid
        return rows * columns


#: The encoder of SMPLer-X-L32.
VIT_L = ViTConfig(embed_dim=1024, depth=24, num_heads=16)
#: The backbone of WiLoR.
VIT_H = ViTConfig(embed_dim=1280, depth=32, num_heads=16)
#: Small enough for a test to run in milliseconds.
VIT_TINY = ViTConfig(embed_dim=64, depth=3, num_heads=4)


class PatchEmbed(nn.Module):
    """Picture (B, 3, H, W) -> one token per patch (B, rows * columns, C), row by row."""

    def __init__(self, config: ViTConfig):
        super().__init__()
        if config.stem:
            self.proj = convolutional_stem(config)
        else:
            self.proj = nn.Conv2d(3, config.embed_dim, config.patch_size, config.patch_size, config.patch_padding)

    def forward(self, image: Tensor) -> Tensor:
        return to_tokens(self.proj(image))


def convolutional_stem(config: ViTConfig) -> nn.Sequential:
    """3x3 convolutions with stride 2, (B, 3, H, W) -> (B, C, rows, columns)."""
    channels = (3, *config.stem, config.embed_dim)
    if 2 ** (len(channels) - 1) != config.patch_size or config.patch_padding:
        raise ValueError(f'a stem of {len(config.stem)} channels leads to patches of {2 ** (len(channels) - 1)} px '
                         f'without padding, found {config.patch_size} px with {config.patch_padding}')
    layers: list[nn.Module] = []
    for before, after, blocks in zip(channels, channels[1:], config.stem_blocks or (0,) * len(channels)):
        layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.GELU()]
        layers += [ResidualConvBlock(after) for _ in range(blocks)]
    return nn.Sequential(*layers)


class ResidualConvBlock(nn.Module):
    """Two 3x3 convolutions beside what they correct, (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, 1, 1, bias=False) for _ in range(2))
        self.norm1, self.norm2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x))))))


def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Scaled dot product attention, (B, heads, N, D) on (B, heads, M, D)."""
    if query.device.type == 'cpu' and (query.dtype == torch.bfloat16 or query.requires_grad):
        # For some two hundred tokens in bf16 torch's fused kernel takes half as long again there as plain products,
        # and its gradients five times as long.
        return (query @ key.mT).mul_(query.shape[-1] ** -0.5).softmax(-1) @ value
    return F.scaled_dot_product_attention(query, key, value)


class SelfAttention(nn.Module):
    """Multi-head self-attention, (B, N, C) -> (B, N, C)."""

    def __init__(self, dim: int, num_heads: int):
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        batch, count, dim = x.shape
        qkv = self.qkv(x).view(batch, count, 3, self.num_heads, dim // self.num_heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        x = attention(query, key, value)
        return self.proj(x.transpose(1, 2).reshape(batch, count, dim))


class MLP(nn.Module):
    """Two linear layers with a GELU between, (B, N, C) -> (B, N, C)."""

    def __init__(self, dim: int, hidden_dim: int):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden_dim)
        self.fc2 = nn.Linear(hidden_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class TransformerBlock(nn.Module):
    """Pre-norm transformer block, (B, N, C) -> (B, N, C)."""

    def __init__(self, config: ViTConfig):
        super().__init__()
        dim = config.embed_dim
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = SelfAttention(dim, config.num_heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = MLP(dim, config.mlp_ratio * dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    """From an image and leading tokens to the same tokens after all blocks."""

    def __init__(self, config: ViTConfig):
        super().__init__()
        self.config = config
        self.patch_embed = PatchEmbed(config)
        # The first entry belonged to a class token in pre-training. ViTPose dropped the token, kept the entry
        # and adds it to every patch.
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + config.num_patches, config.embed_dim))
        self.blocks = nn.ModuleList(TransformerBlock(config) for _ in range(config.depth))
        self.last_norm = nn.LayerNorm(config.embed_dim, eps=1e-6)

    def encode(self, image: Tensor, leading: Tensor,
               cond: Sequence[Tensor | None] | Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run all blocks.

        image    (B, 3, H, W), normalised as the weights require
        leading  (B, K, C) tokens put in front of the image's; they carry no position
        cond     None, or for each block (B, C, rows, columns), added to the image tokens before that block
                 (None for a block left alone)

        Returns the leading tokens (B, K, C) and the image feature (B, C, rows, columns), both normalised.
        """
        if tuple(image.shape[-2:]) != tuple(self.config.image_size):
            raise ValueError(f'the picture must be {self.config.image_size} (height, width), '
                             f'found {tuple(image.shape[-2:])}')
        if cond is not None and len(cond) != len(self.blocks):
            raise ValueError(f'{len(self.blocks)} blocks take as many conditions, found {len(cond)}')
        count = leading.shape[1]
        patches = self.patch_embed(image) + self.pos_embed[:, 1:] + self.pos_embed[:, :1]
        x = torch.cat([leading, patches], dim=1)
        for i, block in enumerate(self.blocks):
            added = None if cond is None else cond[i]
            if added is not None:
                x = torch.cat([x[:, :count], x[:, count:] + to_tokens(added)], dim=1)
            x = block(x)
        x = self.last_norm(x)
        return x[:, :count], to_map(x[:, count:], self.config.grid)


def zero_initialize(*layers: nn.Linear) -> None:
    """Set weights and biases to zero, so that the layers return zero until they are trained."""
    for layer in layers:
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)


def to_tokens(feature: Tensor) -> Tensor:
    """Feature map (B, C, rows, columns) -> tokens (B, rows * columns, C), row by row."""
    return feature.flatten(2).transpose(1, 2)


def to_map(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """Tokens (B, rows * columns, C), row by row -> feature map (B, C, rows, columns)."""
    return tokens.transpose(1, 2).unflatten(2, grid)
