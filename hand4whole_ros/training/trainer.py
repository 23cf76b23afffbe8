"""The loop of every training: AdamW with a warm-up and a cosine, averaged weights, a log, and resumption."""

from __future__ import annotations

import copy
import functools
import json
import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from ..system.memory import trim_memory
from ..system.output_files import replacement_path
from ..system.progress import ProgressBar
from .distributed import SINGLE_PROCESS, DistributedContext

_Module = TypeVar('_Module', bound=nn.Module)

#: Steps after which free memory is returned to the system: steps of different sizes fragment it, 1.4 GB in
#: 60 steps on hands.
_TRIM_MEMORY_INTERVAL = 20


@dataclass(frozen=True)
class TrainingSchedule:
    """Length and rates of a training."""

    steps: int
    rate: float
    weight_decay: float = 0.02
    warmup_steps: int = 100
    #: Largest norm of a step's gradient.
    clip: float = 1.0
    #: Share that the average keeps of itself in a step, after its first steps.
    average: float = 0.998
    #: Steps between two evaluations on held-out people, and two checkpoints.
    eval_interval: int = 250

    def lr_at(self, step: int) -> float:
        """Of step 0 and later."""
        if step < self.warmup_steps:
            return self.rate * (step + 1) / self.warmup_steps
        return self.rate * (0.01 + 0.99 * (1 + math.cos(math.pi * (step - self.warmup_steps)
                                                        / max(self.steps - self.warmup_steps, 1))) / 2)

    def update_average(self, average: Tensor, value: Tensor, count: Tensor) -> Tensor:
        """A weight's average after one more value; it starts from the first value."""
        keep = min(self.average, (int(count) + 1) / (int(count) + 10))
        return average.lerp(value, 1 - keep)


def train(module: _Module, losses: Callable[[int], dict[str, Tensor] | Iterable[dict[str, Tensor]]],
          schedule: TrainingSchedule, *, folder: Path, name: str,
          measure: Callable[[nn.Module], dict[str, float]] | None = None, progress: bool = True,
          distributed: DistributedContext = SINGLE_PROCESS) -> _Module:
    """Train the parameters of `module` that require gradients; returns the average of its weights that evaluated best.

    losses: of a step, whose numbers must follow from the step alone, so that a stopped training resumes as if
    uninterrupted; all at once, or one share of the step after another, if the step does not fit into memory: the
    shares are added up. measure: metrics of the averaged module, also before the first step; the first one, lower is
    better, selects which average is kept: the initial one, if nothing was better. In the folder: NAME.pt to resume
    from, NAME.jsonl with a line of metrics each time, events for TensorBoard if that is installed. The module may
    be on any device.

    distributed: with other processes, whose shares are added up as well. The main one evaluates and writes; the others
    read NAME.pt, so that all of them need access to the folder, and return the last average. Raises FloatingPointError
    if a loss or a gradient is not a number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    trained = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=schedule.rate, weight_decay=schedule.weight_decay, betas=(0.9, 0.98))
    state = TrainerState(module, optimizer, schedule, folder, name=name, measure=measure, distributed=distributed)
    for step in ProgressBar(range(state.step, schedule.steps), name, schedule.steps, initial=state.step, unit='step',
                    enabled=progress and distributed.is_main, mininterval=5):
        for group in optimizer.param_groups:
            group['lr'] = schedule.lr_at(step)
        module.train()
        optimizer.zero_grad(set_to_none=True)
        cost = distributed.sum_gradients(trained, _backward(losses(step), f'{name}: the loss of step {step}'))
        norm = nn.utils.clip_grad_norm_(trained, schedule.clip)
        if not torch.isfinite(norm):
            raise FloatingPointError(f'{name}: a gradient of step {step} is no number; take a smaller rate')
        optimizer.step()
        state.follow(cost)
        if state.step % schedule.eval_interval == 0 or state.step == schedule.steps:
            state.evaluate()
            state.save()
        if state.step % _TRIM_MEMORY_INTERVAL == 0:
            trim_memory()
    best = state.best()
    assert isinstance(best, type(module))
    return best


def _backward(shares, what):
    """Backpropagate every share of a step; returns the total loss, part by part."""
    cost = {}
    for parts in [shares] if isinstance(shares, dict) else shares:
        loss = functools.reduce(operator.add, parts.values())
        if not torch.isfinite(loss):
            raise FloatingPointError(f'{what} is {float(loss.detach())}; take a smaller rate')
        if loss.requires_grad:  # a share may contain nothing that is trained, such as a hand
            loss.backward()
        for key, value in {'loss': loss, **parts}.items():
            cost[key] = cost[key] + value.detach() if key in cost else value.detach()
    return cost


class TrainerState:
    """State of a training: averaged weights, the best of them, the log, and the point to resume from."""

    def __init__(self, module, optimizer, schedule, folder, *, name, measure, distributed):
        self.step = 0
        self.average = AveragedModel(module, avg_fn=schedule.update_average)
        self._module, self._optimizer, self._measure, self._is_main = module, optimizer, measure, distributed.is_main
        self._state, self._log = folder / f'{name}.pt', folder / f'{name}.jsonl'
        self._best_figure, self._best = math.inf, None
        self._sums, self._count = {}, 0
        self._writer = _event_writer(folder, name) if self._is_main else None
        if self._state.exists():
            self._resume()
        if not distributed.all_equal(self.step, next(module.parameters()).device):
            raise ValueError(f'{folder}: the processes of this training do not all see the same folder')
        if not self.step:
            distributed.share(module)
            self.average.module.load_state_dict(module.state_dict())
            if self._is_main:
                self._log.unlink(missing_ok=True)
            self.evaluate()

    def follow(self, losses):
        """Update the average with the module's weights after a step, and add its losses."""
        self.step += 1
        self.average.update_parameters(self._module)
        self._count += 1
        for key, value in losses.items():
            self._sums[key] = self._sums.get(key, 0.0) + float(value)

    def evaluate(self):
        """Evaluate the average; keep it if it is the best so far; write a line of the log."""
        if not self._is_main:
            return
        figures = {} if self._measure is None else self._measure(self.average.module.eval())
        means = {key: value / self._count for key, value in self._sums.items()}
        self._sums, self._count = {}, 0
        if figures and next(iter(figures.values())) < self._best_figure:
            self._best_figure = next(iter(figures.values()))
            self._best = copy.deepcopy(self.average.module.state_dict())
        line = {'step': self.step, **means, **figures}
        with open(self._log, 'a') as stream:
            stream.write(json.dumps({key: round(value, 6) for key, value in line.items()}) + '\n')
        if self._writer is not None:
            for key, value in line.items():
                self._writer.add_scalar(key, value, self.step)

    def save(self):
        """All that is needed to resume; a reader gets the old file or the complete new one."""
        if not self._is_main:
            return
        with replacement_path(self._state) as path:
            torch.save({'module': self._module.state_dict(), 'average': self.average.state_dict(),
                        'optimizer': self._optimizer.state_dict(), 'step': self.step,
                        'best_figure': self._best_figure, 'best': self._best}, path)

    def best(self):
        """The average that evaluated best; the last one if nothing was evaluated."""
        if self._best is not None:
            self.average.module.load_state_dict(self._best)
        return self.average.module.eval()

    def _resume(self):
        saved = torch.load(self._state, map_location='cpu', weights_only=True)
        self._module.load_state_dict(saved['module'])
        self.average.load_state_dict(saved['average'])
        self._optimizer.load_state_dict(saved['optimizer'])
        self.step, self._best_figure, self._best = saved['step'], saved['best_figure'], saved['best']


def _event_writer(folder, name):
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / 'events' / name))


def draw_rows(count: int, batch: int, step: int, seed: int) -> Tensor:
    """(batch,) rows of `count` for a step: every epoch all rows once, in its own order."""
    per_epoch = max(count // batch, 1)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed * 1_000_003 + step // per_epoch))
    start = step % per_epoch * batch
    return order[start:start + batch]
