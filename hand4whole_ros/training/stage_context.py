"""The data and settings that every stage of the open model's training uses."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .distributed import SINGLE_PROCESS, DistributedContext
from .run_folder import RunSettings
from .skeleton_layer import SkeletonLayer
from .trainer import TrainingSchedule, draw_rows
from .training_set import TrainingSet


@dataclass(frozen=True, kw_only=True)
class StageContext:
    """Of one stage: people to train and to evaluate on, and the run. Sets and layer on one device.

    distributed: several processes that together train as one.
    """

    train_set: TrainingSet
    validation_set: TrainingSet
    skeleton_layer: SkeletonLayer
    settings: RunSettings
    lr: float | None = None     #: the peak; None: the stage's own
    distributed: DistributedContext = SINGLE_PROCESS

    def schedule(self, lr: float, eval_interval: int) -> TrainingSchedule:
        """lr: the stage's own; eval_interval: at most that many steps between two evaluations."""
        steps = self.settings.steps
        return TrainingSchedule(steps, lr if self.lr is None else self.lr, weight_decay=0.05,
                                eval_interval=max(min(eval_interval, steps), 1))

    def draw_rows(self, count: int, batch: int, step: int) -> Tensor:
        """(batch,) rows of `count` for a step, of all processes together; see trainer.draw_rows."""
        return draw_rows(count, batch, step, self.settings.seed)
