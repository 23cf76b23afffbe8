"""Several processes that train one module, each on its own rows, as torchrun starts them; or a single process."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ..estimators.devices import pick_device


@dataclass(frozen=True)
class DistributedContext:
    """Rank and number of processes. All of them call the same methods in the same order."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the main process, which writes, evaluates and logs."""
        return self.rank == 0

    def part(self, rows: Tensor) -> Tensor:
        """This process' share of a step's rows (n, ...): shares are disjoint, complete, and nearly equal in size.

        Raises ValueError, in every process alike, if there are fewer rows than processes.
        """
        if len(rows) < self.size:
            raise ValueError(f'a step of {len(rows)} rows is too short for {self.size} processes; start fewer')
        return rows[self.rank::self.size]

    def share(self, module: nn.Module) -> None:
        """Copy the main process' parameters and buffers to all processes."""
        if self.size > 1:
            for value in module.state_dict().values():
                dist.broadcast(value, 0)

    def all_equal(self, number: int, device: torch.device) -> bool:
        """Whether all processes have the same number."""
        if self.size == 1:
            return True
        numbers = torch.tensor([number, -number], device=device)
        dist.all_reduce(numbers, dist.ReduceOp.MAX)
        return int(numbers[0]) == -int(numbers[1])

    def sum_gradients(self, parameters: Sequence[nn.Parameter], costs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Sum all gradients over the processes; returns the sums of the losses, () each.

        A parameter without a gradient in any process is left without one, as if one process had processed all rows.
        """
        if self.size == 1:
            return costs
        given = torch.tensor([parameter.grad is not None for parameter in parameters], dtype=torch.float32)
        numbers = torch.cat([torch.stack([*costs.values()]), given.to(parameters[0].device)])
        dist.all_reduce(numbers)
        waiting = []
        for parameter, count in zip(parameters, numbers[len(costs):].tolist()):
            if count:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                waiting.append(dist.all_reduce(parameter.grad, async_op=True))
        for one in waiting:
            one.wait()
        return dict(zip(costs, numbers))


SINGLE_PROCESS = DistributedContext()


@contextmanager
def distributed_context(device: str = 'auto') -> Iterator[tuple[DistributedContext, torch.device]]:
    """The processes that torchrun started, for the context's lifetime, and this one's device; else a single process.

    device: 'auto', 'cpu', 'cuda' or 'cuda:N'; each process of a machine takes its own GPU. Raises
    EstimatorUnavailable for a device that does not exist.
    """
    size = int(os.environ.get('WORLD_SIZE', 1))
    found = pick_device(device)
    if size == 1:
        yield SINGLE_PROCESS, found
        return
    if found.type == 'cuda':
        found = pick_device(f'cuda:{os.environ.get("LOCAL_RANK", 0)}')
        torch.cuda.set_device(found)
    dist.init_process_group('nccl' if found.type == 'cuda' else 'gloo')
    try:
        yield DistributedContext(dist.get_rank(), size), found
    finally:
        dist.destroy_process_group()
