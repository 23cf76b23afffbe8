"""From keypoints of a hand to the square box of its crop."""

from __future__ import annotations

import torch
from torch import Tensor

from .crops import box_around

#: Minimum score of a keypoint, and number of such keypoints that a hand has to exceed to exist.
MIN_SCORE = 0.3
MIN_KEYPOINTS = 3
#: Scales around the keypoints, two: to include the flesh, then to leave a margin.
SOFT_TISSUE_MARGIN = 1.2
BOX_MARGIN = 2.0


def hand_boxes(keypoints: Tensor, scores: Tensor, room: float = BOX_MARGIN) -> tuple[Tensor, Tensor]:
    """Square boxes xyxy (..., 4), in the keypoints' pixels, and whether each hand exists (...), bool.

    keypoints (..., N, 2) and scores (..., N) of one hand with its wrist. A hand that does not exist gets a box
    of two pixels around (0.5, 0.5), which must not be cropped.
    """
    seen = scores > MIN_SCORE
    exists = seen.sum(-1) > MIN_KEYPOINTS
    low = keypoints.masked_fill(~seen[..., None], torch.inf).amin(-2)
    high = keypoints.masked_fill(~seen[..., None], -torch.inf).amax(-2)
    low = torch.where(exists[..., None], low, torch.zeros_like(low))
    high = torch.where(exists[..., None], high, torch.full_like(high, 1 / SOFT_TISSUE_MARGIN))
    centre = torch.where(exists[..., None], (low + high) / 2, torch.full_like(low, 0.5))
    size = (high - low) * SOFT_TISSUE_MARGIN
    # Keypoints on one line give a thin box, not an empty one.
    size = torch.where(size > 0, size, torch.full_like(size, 1e-4))
    return box_around(centre, size, extension=room), exists
