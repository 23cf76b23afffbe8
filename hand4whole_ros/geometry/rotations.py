"""The 6D representation of rotations that networks regress, in the two layouts of the published weights.

Zhou et al., "On the Continuity of Rotation Representations in Neural Networks" (CVPR 2019).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def rotation_from_columns(first: Tensor, second: Tensor) -> Tensor:
    """Two directions (..., 3), not parallel -> the rotation (..., 3, 3) whose first column is along `first`.

    Gram-Schmidt: the second column is the part of `second` across the first, the third their cross product.
    """
    x = F.normalize(first, dim=-1)
    y = F.normalize(second - (x * second).sum(-1, keepdim=True) * x, dim=-1)
    # dim is named: without it, a batch of three rotations would be crossed along the batch.
    return torch.stack([x, y, torch.linalg.cross(x, y, dim=-1)], dim=-1)


def rotation_from_6d_rows(code: Tensor) -> Tensor:
    """(..., 6), a 3x2 matrix row by row, as in SMPLer-X -> rotations (..., 3, 3)."""
    return rotation_from_columns(code[..., 0::2], code[..., 1::2])


def rotation_from_6d_columns(code: Tensor) -> Tensor:
    """(..., 6), a 3x2 matrix column by column, as in WiLoR -> rotations (..., 3, 3)."""
    return rotation_from_columns(code[..., :3], code[..., 3:])
