"""Convolutional networks for inference: normalisations folded into the convolutions before them, channels last."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils import fuse_conv_bn_eval

_Network = TypeVar('_Network', bound=nn.Module)


@torch.no_grad()
def prepare_for_inference(network: _Network) -> _Network:
    """Prepare the network, in evaluation mode, for inference only; the same object, without its batch norms' names.

    Every nn.BatchNorm2d registered directly after an nn.Conv2d is assumed to be applied directly after it, as in
    the networks of this package.
    """
    fold_batch_norms(network)
    return to_channels_last(network)


def to_channels_last(network: _Network) -> _Network:
    """Store the weights with channels last, in place."""
    return network.to(memory_format=torch.channels_last)    # pyright: ignore[reportCallIssue]  # torch leaves it out


def fold_batch_norms(network: nn.Module) -> None:
    """Merge every pair of convolution and batch norm into one convolution, in place."""
    previous = None
    for name, child in list(network.named_children()):
        if isinstance(child, nn.BatchNorm2d) and previous is not None:
            setattr(network, previous, fuse_conv_bn_eval(getattr(network, previous), child))
            setattr(network, name, nn.Identity())
        else:
            fold_batch_norms(child)
        previous = name if isinstance(child, nn.Conv2d) else None
