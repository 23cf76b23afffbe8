"""Parts of a network as CUDA graphs: their kernels are launched together, so that a processor that is slow to launch
them does not delay the GPU. If graphs fail, torch.compile makes fewer kernels of them."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

#: Passes before the capture, in which libraries choose their kernels.
_WARM_UP = 3


def use_cuda_graphs(network: nn.Module, parts: Iterable[str]) -> None:
    """Make these parts of a network on a GPU, in evaluation mode, replay a graph; one for each shape of their input.

    A part's output is valid until the part is called again.
    """
    for name in parts:
        part = network.get_submodule(name)
        part.forward = GraphedForward(part.forward)


def use_compile(network: nn.Module, parts: Iterable[str]) -> None:
    """Compile these parts of a network, in evaluation mode, with torch.compile for each shape of their input."""
    for name in parts:
        part = network.get_submodule(name)
        part.forward = torch.compile(part.forward, dynamic=False)


class GraphedForward:
    """A forward that is captured at its first call with inputs of one shape, and replayed from then on."""

    def __init__(self, forward):
        self._forward, self._graphs = forward, {}

    def __call__(self, *args, **kwargs):
        values, form = pytree.tree_flatten((args, kwargs))
        key = str(form), tuple((tuple(value.shape), value.dtype) if isinstance(value, Tensor) else value
                               for value in values)
        if key not in self._graphs:
            self._graphs[key] = self._capture(values, form)
        graph, static, output = self._graphs[key]
        for kept, value in zip(static, values):
            if isinstance(kept, Tensor):
                kept.copy_(value)
        graph.replay()
        return output

    def _capture(self, values, form):
        static = [value.clone() if isinstance(value, Tensor) else value for value in values]
        args, kwargs = pytree.tree_unflatten(static, form)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP):
                self._forward(*args, **kwargs)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            output = self._forward(*args, **kwargs)
        return graph, static, output
