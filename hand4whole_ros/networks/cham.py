"""CHAM, the Conditional Hands Modulator: features of the hand expert become conditions for the body expert.

Hand4Whole++ (CVPR 2026). Two frozen experts, and this between them: hand features get a position embedding of the body
picture, the two hands of a person attend to each other, and for every block of the body expert a
zero-initialised 1x1 convolution (ControlNet; Zhang et al., ICCV 2023) turns them into an additive condition.
Module names are those of the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..geometry.crops import BODY_SIZE
from .vit import VIT_H, VIT_L, VIT_TINY, ViTConfig, attention, to_map, to_tokens


@dataclass(frozen=True)
class FeatureGrid:
    """The cells of an expert's image.

    A hand's box is rows x rows cells, of which the hand expert keeps the middle columns.
    """

    rows: int = 16
    columns: int = 12
    #: The point of a cell by which places are compared. The published weights were trained with the corner.
    point: float = 0.0

    @property
    def first_column(self) -> int:
        """Of the columns that the hand expert keeps."""
        return (self.rows - self.columns) // 2

    @property
    def stride(self) -> int:
        """Body-picture pixels a cell."""
        return BODY_SIZE[0] // self.rows


@dataclass(frozen=True)
class CHAMConfig:
    """Dimensions of CHAM."""

    hand_dim: int
    body_dim: int
    #: Blocks of the body expert, each with a condition of its own.
    body_depth: int
    num_layers: int = 3
    num_heads: int = 4
    #: Of the body expert's feature.
    grid: FeatureGrid = FeatureGrid()
    #: Of the hand expert's; None where it is the same.
    hand_grid: FeatureGrid | None = None

    @classmethod
    def between(cls, hand_dim: int, hand_grid: FeatureGrid, body: ViTConfig, **options) -> CHAMConfig:
        """For any hand expert's feature and any transformer that takes the body picture, at whatever resolution."""
        rows, columns = body.grid
        grid = FeatureGrid(rows, columns, hand_grid.point)
        if rows * BODY_SIZE[1] != columns * BODY_SIZE[0]:
            raise ValueError(f'a body picture of {BODY_SIZE} pixels has square cells, found {rows} rows of {columns}')
        return cls(hand_dim, body.embed_dim, body.depth, grid=grid, hand_grid=None if hand_grid == grid else hand_grid,
                   **options)

    @property
    def hand_cells(self) -> FeatureGrid:
        """The cells of the hand expert's feature."""
        return self.hand_grid or self.grid


CHAM_HAND4WHOLE_PP = CHAMConfig(VIT_H.embed_dim, VIT_L.embed_dim, VIT_L.depth)
CHAM_TINY = CHAMConfig(hand_dim=64, body_dim=32, body_depth=VIT_TINY.depth)


class HandFeatures(NamedTuple):
    """The hand expert's features of one side, on one device. Only hands that exist have rows: N of B people."""

    feature: Tensor  #: (N, C, 16, 12) or of another hand grid, of left hands mirrored back
    boxes: Tensor    #: (N, 4) boxes xyxy that the feature shows, square as published, body-picture pixels
    exists: Tensor   #: (B,) bool; its true entries are the N people, in order


class ResidualMLP(nn.Module):
    """Pre-norm MLP with its residual, (B, N, C) -> (B, N, C)."""

    def __init__(self, dim: int):
        super().__init__()
        self.layer_norm = nn.LayerNorm(dim, eps=1e-6)
        self.fc1 = nn.Linear(dim, dim)
        self.fc2 = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.fc2(F.relu(self.fc1(self.layer_norm(x))))


class CrossAttention(nn.Module):
    """Multi-head attention of (B, N, C) on a context (B, M, C)."""

    def __init__(self, dim: int, num_heads: int):
        super().__init__()
        self.num_heads = num_heads
        self.w_qs = nn.Linear(dim, dim)
        self.w_ks = nn.Linear(dim, dim)
        self.w_vs = nn.Linear(dim, dim)
        self.fc = nn.Linear(dim, dim)

    def attend(self, x: Tensor, context: Tensor) -> Tensor:
        query, key, value = (layer(tokens).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
                             for layer, tokens in ((self.w_qs, x), (self.w_ks, context), (self.w_vs, context)))
        return self.fc(attention(query, key, value).transpose(1, 2).flatten(2))


class SelfAttentionLayer(CrossAttention):
    """Pre-norm transformer block, (B, N, C) -> (B, N, C)."""

    def __init__(self, dim: int, num_heads: int):
        super().__init__(dim, num_heads)
        self.layer_norm = nn.LayerNorm(dim, eps=1e-6)
        self.ff = ResidualMLP(dim)

    def forward(self, x: Tensor) -> Tensor:
        normal = self.layer_norm(x)
        return self.ff(x + self.attend(normal, normal))


class CrossAttentionLayer(CrossAttention):
    """Each hand attends to itself, then to the other; both ways share the weights of the second attention.

    The published weights were trained with the right hand in the branch named L and the left one in R.
    """

    def __init__(self, dim: int, num_heads: int):
        super().__init__(dim, num_heads)
        self.L_self_attn_layer = SelfAttentionLayer(dim, num_heads)
        self.R_self_attn_layer = SelfAttentionLayer(dim, num_heads)
        self.layer_norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.layer_norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.ffL = ResidualMLP(dim)
        self.ffR = ResidualMLP(dim)

    def forward(self, right: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens of both hands, (B, N, C) each."""
        right, left = self.L_self_attn_layer(right), self.R_self_attn_layer(left)
        normal_right, normal_left = self.layer_norm1(right), self.layer_norm2(left)
        return (self.ffL(right + self.attend(normal_right, normal_left)),
                self.ffR(left + self.attend(normal_left, normal_right)))


class ZeroConv(nn.Conv2d):
    """A zero-initialised 1x1 convolution, on tokens of which only a share is present."""

    bias: nn.Parameter

    def __init__(self, config: CHAMConfig):
        super().__init__(config.hand_dim, config.body_dim, 1)
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def forward(self, tokens: Tensor, share: Tensor) -> Tensor:
        """Tokens (N, hand_dim), each times its share (N, 1) -> (N, body_dim)."""
        return F.linear(tokens, self.weight.flatten(1)) + share * self.bias


class CHAM(nn.Module):
    """Hand features -> one condition for each block of the body expert.

    At initialisation it does not change the body expert: every condition is exactly zero.
    """

    def __init__(self, config: CHAMConfig = CHAM_HAND4WHOLE_PP):
        super().__init__()
        self.config = config
        self.cross_attn = nn.ModuleList(
            CrossAttentionLayer(config.hand_dim, config.num_heads) for _ in range(config.num_layers))
        self.zero_convs_rhand = nn.ModuleList(ZeroConv(config) for _ in range(config.body_depth))
        self.zero_convs_lhand = nn.ModuleList(ZeroConv(config) for _ in range(config.body_depth))

    def forward(self, right: HandFeatures, left: HandFeatures) -> list[Tensor] | None:
        """Conditions (B, body_dim, 16, 12), one a block; None if no person has a hand.

        At every place the larger of the two hands' values counts. A hand that does not exist gives zero, and
        so does an existing one outside its box: a lone hand can only add.
        """
        if not len(right.feature) and not len(left.feature):
            return None
        right_tokens, left_tokens = to_tokens(right.feature), to_tokens(left.feature)
        both = right.exists & left.exists
        right_rows, left_rows = both[right.exists].nonzero()[:, 0], both[left.exists].nonzero()[:, 0]
        if len(right_rows):
            related = self.relate(
                right_tokens[right_rows] + to_tokens(self.embed(right.boxes[right_rows], right.feature.dtype)),
                left_tokens[left_rows] + to_tokens(self.embed(left.boxes[left_rows], left.feature.dtype)))
            # A lone hand keeps its feature unchanged, without the embedding: trained that way.
            right_tokens = right_tokens.index_copy(0, right_rows, related[0])
            left_tokens = left_tokens.index_copy(0, left_rows, related[1])
        conditions = map(torch.maximum,
                         self._conditions(self.zero_convs_rhand, right_tokens, right),
                         self._conditions(self.zero_convs_lhand, left_tokens, left))
        return [to_map(condition, (self.config.grid.rows, self.config.grid.columns)) for condition in conditions]

    def embed(self, boxes: Tensor, dtype: torch.dtype) -> Tensor:
        """Position embedding (N, C, 16, 12) of boxes xyxy (N, 4)."""
        return box_embedding(boxes, self.config.hand_dim, self.config.hand_cells).to(dtype)

    def relate(self, right: Tensor, left: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (N, 192, C) of hands that exist both, with the embedding -> the same after all layers."""
        for layer in self.cross_attn:
            right, left = layer(right, left)
        return right, left

    def _conditions(self, convs: nn.ModuleList, tokens: Tensor, hand: HandFeatures) -> Iterator[Tensor]:
        """One side's conditions (B, 192, body_dim), block after block.

        A 1x1 convolution commutes with placing, except for its bias, which fades where the placed map does. So
        the tokens are placed once for all blocks, and only cells that a hand covers are multiplied.
        """
        weights = hand_to_body_placement(hand.boxes, self.config.grid, self.config.hand_cells)
        coverage = weights.sum(-1)
        people = hand.exists.nonzero()[:, 0]
        row, cell = coverage.nonzero(as_tuple=True)
        placed = (weights.to(tokens.dtype) @ tokens)[row, cell]
        share = coverage[row, cell, None].to(tokens.dtype)
        where = people[row] * coverage.shape[1] + cell
        for conv in convs:
            values = conv(placed, share)
            empty = values.new_zeros(len(hand.exists) * coverage.shape[1], values.shape[1])
            yield empty.index_copy(0, where, values).unflatten(0, (len(hand.exists), -1))


def axis_embedding(position: Tensor, channels: int) -> Tensor:
    """Position in pixels (...) along an axis -> (..., channels): cosines and sines in turn, period rising."""
    exponent = torch.arange(0, channels, 2, device=position.device, dtype=torch.float32) / channels
    angle = position.float().unsqueeze(-1) * 10000.0 ** -exponent
    return torch.stack([angle.cos(), angle.sin()], dim=-1).flatten(-2)


def box_embedding(boxes: Tensor, channels: int, grid: FeatureGrid = FeatureGrid()) -> Tensor:
    """The body picture's position embedding, cut to boxes xyxy (N, 4) -> (N, channels, rows, columns).

    The first half of the channels encodes the column, the second the row. As published, cell 8 of 16 is on the
    box's centre; bilinear between pixels, zero outside the picture. It is a product of one factor along each axis,
    so no embedding image is made.
    """
    boxes = boxes.float()
    x = _box_positions(boxes[:, 0], boxes[:, 2], grid, first=grid.first_column, count=grid.columns)
    y = _box_positions(boxes[:, 1], boxes[:, 3], grid, first=0, count=grid.rows)
    across, x_inside = _sampled_embedding(x, BODY_SIZE[1], channels // 2)
    down, y_inside = _sampled_embedding(y, BODY_SIZE[0], channels // 2)
    columns = torch.einsum('nuc,nv->ncvu', across, y_inside)
    rows = torch.einsum('nvc,nu->ncvu', down, x_inside)
    return torch.cat([columns, rows], dim=1)


def _box_positions(start, end, grid, *, first, count):
    step = torch.arange(first, first + count, device=start.device) + grid.point - grid.rows / 2
    return (start + end)[:, None] / 2 + step * (end - start)[:, None] / grid.rows


def _sampled_embedding(position, length, channels):
    """(N, K) pixels -> (N, K, channels) linear between pixels, zero outside; and the share inside, (N, K)."""
    low = position.floor()
    sampled = inside = 0
    for pixel, share in ((low, low + 1 - position), (low + 1, position - low)):
        share = share * ((pixel >= 0) & (pixel <= length - 1))
        sampled = sampled + share.unsqueeze(-1) * axis_embedding(pixel, channels)
        inside = inside + share
    return sampled, inside


def hand_to_body_placement(
    boxes: Tensor, grid: FeatureGrid = FeatureGrid(), hand_grid: FeatureGrid | None = None
) -> Tensor:
    """Weights that place hand features on the body grid: (N, body cells, hand cells) for boxes xyxy (N, 4).

    Every row of the result holds the bilinear weights with which one cell of the body grid samples the hand
    grid; they sum to 1 inside the hand's feature and fade to 0 over one cell around it. hand_grid: None for one as the
    body's.
    """
    boxes, hand = boxes.float(), hand_grid or grid
    across = _axis_placement(boxes[:, 0], boxes[:, 2], grid, count=grid.columns, hand=hand, first=hand.first_column,
                             hand_count=hand.columns)
    down = _axis_placement(boxes[:, 1], boxes[:, 3], grid, count=grid.rows, hand=hand, first=0, hand_count=hand.rows)
    return torch.einsum('nvy,nux->nvuyx', down, across).flatten(3).flatten(1, 2)


def _axis_placement(start, end, grid, *, count, hand, first, hand_count):
    cell = torch.arange(count, device=start.device)
    offset = grid.stride * (cell + grid.point) - (start + end)[:, None] / 2
    at = hand.rows / 2 - hand.point - first + offset * hand.rows / (end - start)[:, None]
    # Linear interpolation with zeros outside is a hat around every cell.
    return (1 - (at.unsqueeze(-1) - torch.arange(hand_count, device=start.device)).abs()).clamp(min=0)
