"""oneDNN's linear layers with weights packed beforehand: operators of torch that have no public name.

torch.compile writes calls of them; called directly they save its compiler, which needs a C++ compiler at run time and
a minute at every start. A build of torch may lack them: networks.packed_layers.can_pack tries them out.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Version this was tested with.
TESTED = '2.13'


def has_bf16() -> bool:
    """Whether this processor has instructions for bf16 matrices (AVX-512 BF16 or AMX)."""
    try:
        return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except AttributeError:
        return False


def has_vnni() -> bool:
    """Whether this processor has instructions for int8 matrices (AVX-512 VNNI)."""
    try:
        return torch.backends.mkldnn.is_available() and bool(torch.cpu._is_vnni_supported())
    except AttributeError:
        return False


def pack(weight: Tensor) -> Tensor:
    """Weight (N, K) float32 or bfloat16 in the order that `linear` reads. AttributeError if torch has no such layer."""
    return torch.ops.mkldnn._reorder_linear_weight(weight, None)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None, activation: str) -> Tensor:
    """(..., K) -> (..., N); weight as `pack` gives it, of x's dtype; activation 'gelu' or 'none'."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, activation, [], 'none')


def pack_int8(weight: Tensor) -> Tensor:
    """Weight (N, K) int8 in the order that `linear_int8` reads."""
    return torch.ops.onednn.qlinear_prepack(weight, None)


def linear_int8(x: Tensor, zero: int, weight: Tensor, scale: Tensor, *, zeros: Tensor) -> Tensor:
    """(M, K) uint8, in which `zero` stands for 0 -> (M, N) float32; scale (N,) and zeros (N,) of the weight's rows."""
    return torch.ops.onednn.qlinear_pointwise(
        x, 1.0, zero, weight, scale, zeros, None, 1.0, 0, torch.float32, 'none', [], '')


def operators() -> list:
    """Those of `linear` and `linear_int8` that this build of torch has."""
    names = ((torch.ops.mkldnn, '_linear_pointwise'), (torch.ops.onednn, 'qlinear_pointwise'))
    return [getattr(namespace, name) for namespace, name in names if hasattr(namespace, name)]
