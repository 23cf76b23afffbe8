"""DaHyF (Liu et al.): a hand from a patch of the frame, with the patch's position in the frame. The whole forward.

Direction-aware hybrid features: the image's feature joined by the direction of every cell in the camera's frame
(equations 1 to 5), and 2D keypoints, classified along each axis (SimCC; Li et al., ECCV 2022), as sines and cosines
(equations 6 and 7). How well those keypoints agree with the projected hand is the confidence (equations 8 and 9). No
code and no weights were published: names are this package's. Every hand is a right one: left hands are mirrored before,
and frames with them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import skeleton
from ..geometry.rotations import rotation_from_6d_columns
from .resnet import ResNet50

NUM_KEYPOINTS = skeleton.NUM_HAND_KEYPOINTS
_NUM_ROTATIONS = 16
#: Initial weak-perspective scale of the regression: a patch that is 0.2 m wide.
_INITIAL_SCALE = 10.0

#: Allowed values of DaHyFConfig.direction and DaHyFConfig.keypoints.
DIRECTIONS, KEYPOINTS = ('none', 'local', 'global'), ('none', 'heatmap', 'simcc')


@dataclass(frozen=True)
class DaHyFConfig:
    """Dimensions, and which of the paper's parts are present: the rows of its Table 4."""

    #: Channels of the ResNet-50's first stage.
    width: int = 64
    #: Side of the square patch in pixels; its cells are 32 of them.
    patch_size: int = 224
    #: Channels of the direction-aware feature.
    dim: int = 512
    #: Channels of the features that keypoints are classified from, four pixels a cell.
    keypoint_dim: int = 128
    #: 'global' maps encode a cell's position in the frame, 'local' ones that in the patch.
    direction: str = 'global'
    #: How 2D keypoints are detected; 'none' uses the image's feature alone.
    keypoints: str = 'simcc'
    #: Whether keypoints are given to the regressor as sines and cosines, else as numbers.
    encodes: bool = True
    #: Bins of the classification a pixel.
    bins_per_pixel: int = 3
    #: L of equation 7.
    octaves: int = 4

    def __post_init__(self):
        for name, choices in (('direction', DIRECTIONS), ('keypoints', KEYPOINTS)):
            if getattr(self, name) not in choices:
                raise ValueError(f'{name}: expected one of {", ".join(choices)}, found {getattr(self, name)!r}')

    @property
    def num_bins(self) -> int:
        """Along one axis."""
        return self.patch_size * self.bins_per_pixel

    @property
    def heatmap_size(self) -> int:
        """Rows and columns of the keypoints' features."""
        return 8 * math.ceil(self.patch_size / 32)

    @property
    def keypoint_numbers(self) -> int:
        """Of the keypoints, as the regressor gets them: 336 as published."""
        if self.keypoints == 'none':
            return 0
        return 2 * NUM_KEYPOINTS * (2 * self.octaves if self.encodes else 1)


#: As in the paper, with the backbone of its ablation; and small enough to be trained on a processor.
DAHYF = DaHyFConfig()
DAHYF_SMALL = DaHyFConfig(width=12, patch_size=64, dim=128, keypoint_dim=48)
#: Small enough for a test to run in milliseconds.
DAHYF_TINY = DaHyFConfig(width=2, patch_size=64, dim=16, keypoint_dim=8)


class FramePatches(NamedTuple):
    """Positions of B square patches in their frames. Pixel coordinates of edges, from 0 to the frame's width."""

    corner: Tensor   #: (B, 2) x, y of the upper left corner, frame pixels
    size: Tensor     #: (B,) side, frame pixels
    frame: Tensor    #: (B, 2) width and height of the frame
    focal: Tensor    #: (B,) frame pixels, see unknown_focal

    @property
    def centre(self) -> Tensor:
        """(B, 2) frame pixels."""
        return self.corner + self.size[:, None] / 2

    def mirrored(self) -> FramePatches:
        """In the mirrored frames."""
        x = self.frame[:, 0] - self.corner[:, 0] - self.size
        return self._replace(corner=torch.stack([x, self.corner[:, 1]], dim=-1))


class DaHyFOutput(NamedTuple):
    """B hands, each a right hand, metres and frame pixels."""

    global_orient: Tensor   #: (B, 1, 3, 3), to the camera frame
    hand_pose: Tensor       #: (B, 15, 3, 3), flat-hand zero
    betas: Tensor           #: (B, 10)
    camera: Tensor          #: (B, 3): scale, x, y of a weak-perspective camera on the patch
    transl: Tensor          #: (B, 3) of the hand before the frame's camera
    vertices: Tensor        #: (B, 778, 3), without transl
    keypoints: Tensor       #: (B, 21, 3) in skeleton.HAND_KEYPOINT_NAMES order, without transl
    projected: Tensor       #: (B, 21, 2) the same in the frame
    keypoints_2d: Tensor | None     #: (B, 21, 2) as classified, patch pixels
    logits: tuple[Tensor, Tensor] | Tensor | None   #: (B, 21, bins) along x and y; or heat maps (B, 21, h, w)
    confidence: Tensor | None       #: (B,) -1 to 1


def default_focal(frame: Tensor) -> Tensor:
    """The focal length (B,) px that replaces an unknown one: the diagonal of frames (B, 2)."""
    return frame.norm(dim=-1)


def frame_positions(patches: FramePatches, cells: int, patch_size: int) -> Tensor:
    """Positions of cells x cells in the frame, from its middle: (B, 2, cells, cells) px (equations 1 to 5)."""
    index = torch.arange(cells, device=patches.corner.device, dtype=patches.corner.dtype)
    stride = patch_size / cells                                             # (2)
    in_patch = index * stride + stride / 2                                  # (1)
    zoom = patches.size / patch_size                                        # (4)
    along = in_patch * zoom[:, None, None] + (patches.corner - patches.frame / 2)[..., None]     # (3), (5)
    x, y = along[:, 0], along[:, 1]
    return torch.stack([x[:, None, :].expand(-1, cells, -1), y[:, :, None].expand(-1, -1, cells)], dim=1)


def global_direction_map(patches: FramePatches, cells: int, patch_size: int) -> Tensor:
    """Directions x/z, y/z (B, 2, cells, cells) of the cells' rays in the camera's frame."""
    return frame_positions(patches, cells, patch_size) / patches.focal[:, None, None, None]


def local_direction_map(batch: int, cells: int, like: Tensor) -> Tensor:
    """Column and row (B, 2, cells, cells) of every cell, from the upper left corner."""
    index = torch.arange(cells, device=like.device, dtype=like.dtype)
    y, x = torch.meshgrid(index, index, indexing='ij')
    return torch.stack([x, y]).expand(batch, -1, -1, -1)


def position_encoding(positions: Tensor, octaves: int) -> Tensor:
    """Positions (...) -> (..., 2 octaves): sine and cosine of 2^1 pi p, ..., 2^L pi p in turn (equation 7)."""
    angle = positions[..., None] * (math.pi * 2.0 ** torch.arange(1, octaves + 1, device=positions.device))
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(-2)


def soft_argmax(logits: Tensor, bins_per_pixel: int) -> Tensor:
    """Logits of bins (..., n) along an axis -> expected place (...) in pixels."""
    bins = torch.arange(logits.shape[-1], device=logits.device, dtype=logits.dtype)
    return logits.softmax(-1) @ bins / bins_per_pixel


def smooth_labels(places: Tensor, num_bins: int, bins_per_pixel: int, deviation: float) -> Tensor:
    """Places (...) px along an axis -> (..., bins), a Gaussian of that deviation in bins about each, of sum 1."""
    bins = torch.arange(num_bins, device=places.device, dtype=places.dtype)
    return (-0.5 * ((bins - places[..., None] * bins_per_pixel) / deviation) ** 2).softmax(-1)


def patch_vectors(keypoints_2d: Tensor, patches: FramePatches, patch_size: int) -> Tensor:
    """Keypoints (B, K, 2) in patch pixels -> (B, K, 2) in patches, from their middles (equation 8)."""
    size = patches.size[:, None, None]
    return (keypoints_2d * (size / patch_size) - size / 2) / size


def frame_vectors(projected: Tensor, patches: FramePatches) -> Tensor:
    """Keypoints (B, K, 2) in frame pixels -> (B, K, 2) in patches, from their middles (equation 9)."""
    return (projected - patches.centre[:, None]) / patches.size[:, None, None]


def keypoint_agreement(keypoints_2d: Tensor, projected: Tensor, patches: FramePatches, patch_size: int) -> Tensor:
    """The confidence (B,): cosine similarity of the classified keypoints with the projected hand."""
    return F.cosine_similarity(patch_vectors(keypoints_2d, patches, patch_size).flatten(1),
                               frame_vectors(projected, patches).flatten(1), dim=-1)


def translation_from_scale(camera: Tensor, patches: FramePatches) -> Tensor:
    """Scale, x, y (B, 3) on patches -> translation (B, 3) m before the frames' cameras."""
    scale, x, y = camera.unbind(-1)
    extent = patches.size * scale
    shift = 2 * (patches.centre - patches.frame / 2) / extent[:, None]
    return torch.stack([x + shift[:, 0], y + shift[:, 1], 2 * patches.focal / extent], dim=-1)


def project_to_frame(points: Tensor, transl: Tensor, patches: FramePatches) -> Tensor:
    """Points (B, K, 3) m moved by transl (B, 3) -> (B, K, 2) frame pixels."""
    points = points + transl[:, None]
    # A hand at the camera or behind it is projected somewhere, so that a loss has a gradient.
    depth = points[..., 2:].clamp(min=0.05)
    return points[..., :2] / depth * patches.focal[:, None, None] + patches.frame[:, None] / 2


class KeypointNet(nn.Module):
    """2D keypoints, classified along each axis or by heat maps."""

    def __init__(self, config: DaHyFConfig):
        super().__init__()
        self.config = config
        dim = config.keypoint_dim
        channels = (config.dim, dim, dim, dim)
        self.features = nn.Sequential(*(layer for before, after in zip(channels, channels[1:]) for layer in (
            nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU())),
            nn.Conv2d(dim, NUM_KEYPOINTS, 1))
        if config.keypoints == 'simcc':
            self.x, self.y = (nn.Linear(config.heatmap_size ** 2, config.num_bins) for _ in range(2))

    def forward(self, feature: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor] | Tensor]:
        """Feature (B, dim, h, w) -> keypoints (B, 21, 2) in patch pixels, and the logits they are expectations of."""
        maps = self.features(feature)
        if self.config.keypoints == 'simcc':
            logits = self.x(maps.flatten(2)), self.y(maps.flatten(2))
            return torch.stack([soft_argmax(axis, self.config.bins_per_pixel) for axis in logits], dim=-1), logits
        stride = self.config.patch_size / maps.shape[-1]
        heat = maps.flatten(2).softmax(-1).view_as(maps)
        centres = (torch.arange(maps.shape[-1], device=maps.device) + 0.5) * stride
        return torch.stack([heat.sum(2) @ centres, heat.sum(3) @ centres], dim=-1), maps


class DaHyF(nn.Module):
    """The whole network. mano: the right hand's layer (body.mano.Mano, or any callable with its signature)."""

    def __init__(self, config: DaHyFConfig, mano: Callable):
        super().__init__()
        self.config = config
        self.backbone = ResNet50(config.width)
        channels = self.backbone.out_channels
        self.fusion = nn.Sequential(
            nn.Conv2d(channels * (1 if config.direction == 'none' else 2), config.dim, 3, 1, 1, bias=False),
            nn.BatchNorm2d(config.dim), nn.ReLU())
        self.keypoint_net = None if config.keypoints == 'none' else KeypointNet(config)
        hidden = 2 * config.dim
        self.regressor = nn.Sequential(
            nn.Linear(config.dim + config.keypoint_numbers, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
            last := nn.Linear(hidden, 6 * _NUM_ROTATIONS + 10 + 3))
        self.mano = mano
        with torch.no_grad():     # initialise to a flat hand that fills the patch
            last.weight.mul_(0.1)
            last.bias.zero_()
            last.bias[:6 * _NUM_ROTATIONS].view(-1, 6).copy_(torch.tensor([1., 0, 0, 0, 1, 0]))

    def forward(self, pictures: Tensor, patches: FramePatches) -> DaHyFOutput:
        """Images (B, 3, patch_size, patch_size), RGB in [0, 1], and their places in their frames -> DaHyFOutput."""
        feature = self.backbone(pictures)
        feature = self.fusion(self.with_directions(feature, patches))
        hybrid, keypoints_2d, logits = [feature.mean((2, 3))], None, None
        if self.keypoint_net is not None:
            keypoints_2d, logits = self.keypoint_net(feature)
            hybrid.append(self.encode(keypoints_2d, patches))
        code, betas, camera = self.regressor(torch.cat(hybrid, dim=-1)).split((6 * _NUM_ROTATIONS, 10, 3), dim=-1)
        rotations = rotation_from_6d_columns(code.unflatten(-1, (_NUM_ROTATIONS, 6)))
        camera = torch.cat([_INITIAL_SCALE * camera[:, :1].exp(), camera[:, 1:]], dim=-1)
        return self.pose(rotations, betas, camera, patches, keypoints_2d=keypoints_2d, logits=logits)

    def with_directions(self, feature: Tensor, patches: FramePatches) -> Tensor:
        """Feature (B, C, h, w) joined by the direction map, repeated to as many channels."""
        if self.config.direction == 'none':
            return feature
        batch, channels, cells = feature.shape[:3]
        if self.config.direction == 'global':
            directions = global_direction_map(patches, cells, self.config.patch_size)
        else:
            directions = local_direction_map(batch, cells, feature)
        return torch.cat([feature, directions.to(feature.dtype).repeat(1, channels // 2, 1, 1)], dim=1)

    def encode(self, keypoints_2d: Tensor, patches: FramePatches) -> Tensor:
        """Keypoints (B, 21, 2) in patch pixels -> the regressor's input (B, n) (equation 6)."""
        places = (keypoints_2d - self.config.patch_size / 2) / patches.focal[:, None, None]
        if self.config.encodes:
            places = position_encoding(places, self.config.octaves)
        return places.flatten(1)

    def pose(self, rotations: Tensor, betas: Tensor, camera: Tensor, patches: FramePatches, *,
             keypoints_2d: Tensor | None = None, logits=None) -> DaHyFOutput:
        """The hand with these rotations (B, 16, 3, 3), betas and camera, and its agreement with the keypoints."""
        mesh = self.mano(rotations[:, :1], rotations[:, 1:], betas)
        transl = translation_from_scale(camera, patches)
        projected = project_to_frame(mesh.keypoints, transl, patches)
        confidence = None
        if keypoints_2d is not None:
            confidence = keypoint_agreement(keypoints_2d, projected, patches, self.config.patch_size)
        return DaHyFOutput(rotations[:, :1], rotations[:, 1:], betas, camera, transl, mesh.vertices, mesh.keypoints,
                           projected, keypoints_2d, logits, confidence)


class ConfidenceGate:
    """A hand whose confidence is too low is replaced by the last accepted one, of one person's one side."""

    def __init__(self, threshold: float):
        self.threshold = threshold
        self._last = None

    def __call__(self, hand, confidence: float):
        """The accepted hand: this one, or the last accepted one; None before the first. Any kind of value."""
        if confidence >= self.threshold:
            self._last = hand
        return self._last

    def reset(self) -> None:
        """Forget the accepted hand."""
        self._last = None
