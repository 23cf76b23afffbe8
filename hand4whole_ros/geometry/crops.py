"""Boxes, and the images cropped from them: the person's patch, and hands and faces by RoIAlign.

Boxes are xyxy (left, top, right, bottom) or xywh (left, top, width, height) in pixels, according to their names.
Every convention about half pixels is that of the published weights, which were trained with it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

#: The networks' virtual camera: focal length in pixels of the body image.
VIRTUAL_FOCAL = 5000.0
#: (height, width) of the person's patch, and of the body image made from it.
PATCH_SIZE = (512, 384)
BODY_SIZE = (256, 192)
#: Margin around a person's box.
PERSON_MARGIN = 1.25


def box_around(centre: Tensor, size: Tensor, aspect: float = 1.0, extension: float = 1.0) -> Tensor:
    """The smallest box of one aspect ratio that contains another, then enlarged.

    centre (..., 2) and size (..., 2) are x, y of the contained box; aspect is width / height. -> xyxy (..., 4)
    """
    width, height = size.unbind(-1)
    size = torch.stack([torch.maximum(width, height * aspect), torch.maximum(height, width / aspect)], dim=-1)
    half = size * extension / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def box_from_points(points: Tensor, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    """Centre (..., 2) and scaled size (..., 2) of the box around points (..., N, 2)."""
    low, high = points.amin(-2), points.amax(-2)
    size = (high - low) * scale
    # Points on one line give a thin box, not an empty one.
    return (low + high) / 2, torch.where(size > 0, size, torch.full_like(size, 1e-4))


def person_box(box_xywh: Tensor) -> Tensor:
    """A detected person's box xywh (..., 4) -> the box xywh that is cropped: aspect 3:4, with a margin."""
    corner, size = box_xywh[..., :2], box_xywh[..., 2:]
    box = box_around(corner + size / 2, size, BODY_SIZE[1] / BODY_SIZE[0], PERSON_MARGIN)
    return torch.cat([box[..., :2], box[..., 2:] - box[..., :2]], dim=-1)


def patch_affine(box_xywh: Tensor, size: tuple[int, int] = PATCH_SIZE) -> Tensor:
    """(..., 2, 3) affine maps from image pixels to pixels of a patch of `size` (height, width).

    The box's corner maps to pixel coordinate 0 of the patch, not to that pixel's edge.
    """
    scale = torch.tensor([size[1], size[0]], dtype=box_xywh.dtype, device=box_xywh.device) / box_xywh[..., 2:]
    return torch.cat([torch.diag_embed(scale), (-scale * box_xywh[..., :2]).unsqueeze(-1)], dim=-1)


def virtual_camera(box_xywh: Tensor) -> Tensor:
    """fx, fy, cx, cy (..., 4), in pixels of the whole image, of the virtual camera of the box."""
    size = torch.tensor([BODY_SIZE[1], BODY_SIZE[0]], dtype=box_xywh.dtype, device=box_xywh.device)
    focal = VIRTUAL_FOCAL / size * box_xywh[..., 2:]
    return torch.cat([focal, box_xywh[..., :2] + box_xywh[..., 2:] / 2], dim=-1)


def cut_patches(picture: Tensor, boxes_xywh: Tensor, size: tuple[int, int] = PATCH_SIZE) -> Tensor:
    """Image (3, H, W), floats, and boxes (B, 4) -> patches (B, 3, *size): bilinear, black outside."""
    rows, columns = size
    height, width = picture.shape[-2:]
    box = boxes_xywh.to(picture.device, torch.float32)
    x = box[:, :1] + box[:, 2:3] / columns * torch.arange(columns, device=box.device)
    y = box[:, 1:2] + box[:, 3:4] / rows * torch.arange(rows, device=box.device)
    # With align_corners=False, pixel p of N lies at (2p + 1) / N - 1.
    x = (2 * x + 1) / width - 1
    y = (2 * y + 1) / height - 1
    grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), dim=-1)
    # People are stacked along the rows of one grid, so that the image is not repeated for each.
    patches = F.grid_sample(picture[None].float(), grid.flatten(0, 1)[None], align_corners=False)
    return patches[0].unflatten(1, (-1, rows)).transpose(0, 1).to(picture.dtype)


def resize_body_image(patches: Tensor) -> Tensor:
    """Patches (B, 3, 512, 384) -> images (B, 3, 256, 192) for the body expert."""
    return F.interpolate(patches, BODY_SIZE, mode='bilinear', align_corners=False)


def roi_align(pictures: Tensor, boxes_xyxy: Tensor, size: tuple[int, int] = (256, 256)) -> Tensor:
    """Crop one box from each image, averaging where it shrinks (RoIAlign; He et al., ICCV 2017).

    pictures (B, C, H, W), boxes (B, 4) in their pixels -> (B, C, *size). Every output pixel is the mean of a
    grid of bilinear samples, as many along each axis as source pixels fall on one, rounded up; samples more
    than a pixel outside are 0. A sample's weights are products of one along each axis, so two matrix products
    compute everything.
    """
    height, width = pictures.shape[-2:]
    box = boxes_xyxy.to(pictures.device, torch.float32)
    across = _roi_weights(box[:, 0], box[:, 2], size[1], width).to(pictures.dtype)
    down = _roi_weights(box[:, 1], box[:, 3], size[0], height).to(pictures.dtype)
    if pictures.device.type == 'cpu' and len(pictures):    # on a GPU this would synchronise
        return torch.stack([_roi_align_cropped(*one) for one in zip(down, pictures, across)])
    return down[:, None] @ pictures @ across[:, None].transpose(-1, -2)


def _roi_align_cropped(down, picture, across):
    """The same for one image (C, H, W), without the rows and columns of zero weight."""
    rows, columns = (_nonzero_span(weights) for weights in (down, across))
    return down[:, rows] @ picture[:, rows, columns] @ across[:, columns].mT


def _nonzero_span(weights):
    used = weights.any(dim=0).nonzero()[:, 0]
    return slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 1)


def _roi_weights(start: Tensor, end: Tensor, bins: int, length: int) -> Tensor:
    """(B, bins, length): weight of each of `length` pixels in each bin between start and end (B,)."""
    # Published weights were trained on boxes of at least one pixel.
    extent = (end - start).clamp(min=1)
    samples = (extent / bins).ceil()
    step = torch.arange(int(samples.max()) if len(samples) else 1, device=start.device)
    within = (step + 0.5) / samples[:, None]
    at = start[:, None, None] + (torch.arange(bins, device=start.device)[:, None] + within[:, None]) \
        * (extent / bins)[:, None, None]
    used = (step < samples[:, None])[:, None] & (at >= -1) & (at <= length)
    share = used / samples[:, None, None]
    at = at.clamp(0, length - 1)
    low = at.floor()
    upper_part = at - low
    weights = torch.zeros(len(start), bins, length, device=start.device)
    weights.scatter_add_(2, low.long(), share * (1 - upper_part))
    return weights.scatter_add_(2, (low.long() + 1).clamp(max=length - 1), share * upper_part)
