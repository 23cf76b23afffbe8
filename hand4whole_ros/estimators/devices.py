"""Devices and precisions of networks."""

from __future__ import annotations

import logging

import torch

from .._vendor_patches import onednn_linear
from ..config import Precision
from .base import EstimatorUnavailable

log = logging.getLogger(__name__)

#: Precisions that can be requested -> dtype of the large products.
PRECISIONS = {Precision.FP32: torch.float32, Precision.BF16: torch.bfloat16, Precision.FP16: torch.float16,
              Precision.INT8: torch.int8}


def pick_device(name: str) -> torch.device:
    """'auto', 'cpu', 'cuda' or 'cuda:N' -> the device. Raises EstimatorUnavailable if it does not exist."""
    if name == 'auto':
        name = 'cuda' if torch.cuda.is_available() else 'cpu'
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ('cpu', 'cuda'):
        raise EstimatorUnavailable(f'device {name!r}: expected auto, cpu, cuda or cuda:N')
    if device.type == 'cuda':
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise EstimatorUnavailable(f'device {name}: torch {torch.__version__} finds {count} CUDA devices here; '
                                       f'use device cpu, or install a CUDA build of torch')
    return device


def pick_precision(name: Precision, device: torch.device) -> torch.dtype:
    """AUTO or a key of PRECISIONS -> the dtype to compute in on that device.

    fp16 on a GPU, as the hand expert's authors run it; bf16 on a processor that supports it; else fp32. int8, the
    least accurate, is used only on request.
    """
    if name in PRECISIONS:
        return PRECISIONS[name]
    if name != Precision.AUTO:
        raise EstimatorUnavailable(f'precision {name!r}: expected one of {", ".join(Precision)}')
    if device.type == 'cuda':
        return torch.float16
    if multiplies_bf16():
        log.info('precision auto: bf16, which this processor multiplies by itself; fp32 is exact and takes twice as '
                 'long, int8 is faster still and less exact')
        return torch.bfloat16
    return torch.float32


def pick_convolution_precision(name: Precision, device: torch.device) -> torch.dtype:
    """As pick_precision, of a convolutional network: never int8. Raises EstimatorUnavailable."""
    if name == Precision.INT8:
        raise EstimatorUnavailable('int8 is for transformers: choose another precision, for instance auto')
    return pick_precision(name, device)


def precision_name(kind: torch.dtype) -> Precision:
    """The key in PRECISIONS."""
    return next(name for name, one in PRECISIONS.items() if one == kind)


def multiplies_bf16() -> bool:
    """Whether this processor has instructions for bf16 matrices (AVX-512 BF16 or AMX)."""
    return onednn_linear.has_bf16()
