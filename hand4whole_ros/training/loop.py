"""The loop of every training: AdamW with a warm-up and a cosine, averaged weights, a log, and going on after a stop."""

from __future__ import annotations

import copy
import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm


@dataclass(frozen=True)
class Schedule:
    """How long and how fast."""

    steps: int
    rate: float
    decay: float = 0.02
    warm_up: int = 100
    #: Largest norm of a step's gradient.
    clip: float = 1.0
    #: Share that the average keeps of itself in a step, once it has seen enough.
    average: float = 0.998
    #: Steps between two measurements on people who are not learnt from, and two checkpoints.
    measure_every: int = 250

    def rate_at(self, step: int) -> float:
        """Of step 0 and later."""
        if step < self.warm_up:
            return self.rate * (step + 1) / self.warm_up
        return self.rate * (0.01 + 0.99 * (1 + math.cos(math.pi * (step - self.warm_up)
                                                        / max(self.steps - self.warm_up, 1))) / 2)


def train(module: nn.Module, losses: Callable[[int], dict[str, Tensor]], schedule: Schedule, folder: Path, name: str,
          measure: Callable[[nn.Module], dict[str, float]] | None = None, progress: bool = True) -> nn.Module:
    """Train the parameters of `module` that want gradients; returns its average, with the best measurement last.

    losses: of a step, whose numbers must follow from the step alone, so that a training that was stopped goes on as if
    it had not been. measure: figures of the averaged module; the first one, small where good, decides which average is
    kept. In the folder: NAME.pt to go on from, NAME.jsonl with a line of figures every so many steps, events for
    TensorBoard where that is installed. Raises FloatingPointError where a loss is no number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state, log = folder / f'{name}.pt', folder / f'{name}.jsonl'
    trained = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=schedule.rate, weight_decay=schedule.decay, betas=(0.9, 0.98))
    average = copy.deepcopy(module)
    best, first, sums = (math.inf, None), 0, {}
    if state.exists():
        saved = torch.load(state, weights_only=True)
        module.load_state_dict(saved['module'])
        average.load_state_dict(saved['average'])
        optimizer.load_state_dict(saved['optimizer'])
        first, best = saved['step'], (saved['best_figure'], saved['best'])
    writer = _events(folder, name)
    for step in tqdm(range(first, schedule.steps), name, schedule.steps, initial=first, unit='step',
                     disable=not progress, mininterval=5):
        for group in optimizer.param_groups:
            group['lr'] = schedule.rate_at(step)
        module.train()
        parts = losses(step)
        loss = sum(parts.values())
        if not torch.isfinite(loss):
            raise FloatingPointError(f'{name}: the loss of step {step} is {float(loss.detach())}; take a smaller rate')
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(trained, schedule.clip)
        optimizer.step()
        _follow(average, module, min(schedule.average, (step + 1) / (step + 10)))
        for key, value in {'loss': loss, **parts}.items():
            sums[key] = sums.get(key, 0.0) + float(value.detach())
        done = step + 1
        if done % schedule.measure_every == 0 or done == schedule.steps:
            count = schedule.measure_every if done % schedule.measure_every == 0 else done % schedule.measure_every
            average.eval()
            figures = {} if measure is None else measure(average)
            line = {'step': done, **{key: value / count for key, value in sums.items()}, **figures}
            sums = {}
            if figures and next(iter(figures.values())) < best[0]:
                best = next(iter(figures.values())), copy.deepcopy(average.state_dict())
            with open(log, 'a') as stream:
                stream.write(json.dumps({key: round(value, 6) for key, value in line.items()}) + '\n')
            if writer is not None:
                for key, value in line.items():
                    writer.add_scalar(key, value, done)
            part = state.with_suffix('.part')
            torch.save({'module': module.state_dict(), 'average': average.state_dict(),
                        'optimizer': optimizer.state_dict(), 'step': done, 'best_figure': best[0], 'best': best[1]},
                       part)
            os.replace(part, state)
    if best[1] is not None:
        average.load_state_dict(best[1])
    return average.eval()


def _follow(average, module, keep):
    """Move the average towards the module; counters and running statistics are copied."""
    with torch.no_grad():
        now = module.state_dict()
        for key, value in average.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(now[key], 1 - keep)
            else:
                value.copy_(now[key])


def _events(folder, name):
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / 'events' / name))


def draw(count: int, batch: int, step: int, seed: int) -> Tensor:
    """(batch,) rows of `count` for a step: every epoch all rows once, in an order of its own."""
    per_epoch = max(count // batch, 1)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed * 1_000_003 + step // per_epoch))
    start = step % per_epoch * batch
    return order[start:start + batch]
