"""The training data of a folder of people, in memory: inputs and targets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from .. import skeleton
from ..body.model import BodyModel
from ..body.open_body import load_arrays
from ..body.open_hands import hand_shape_components
from ..estimators.prompt_builder import PromptBuilder
from ..networks.hand4whole_pp import Hand4WholePP, HandBoxes
from ..networks.prompts import Prompt, Prompts, concatenate_prompts
from . import shards
from .shards import JpegImages, Records
from .skeleton_layer import SkeletonLayer
from .targets import BodyTargets, HandTargets, body_targets, concatenate_targets, hand_targets

#: The last people of a folder are held out for evaluation.
HELD_OUT = 0.05

#: Number of folds of the people, for initial regressions that were not trained on them.
FOLDS = 2

#: Rows that are regressed at a time: an MLP's intermediate values are larger than its inputs.
_REGRESSION_BATCH = 4096


@dataclass(frozen=True)
class TrainingSet:
    """N people and then the same N mirrored: 2 N rows each. All but the images may be on any device."""

    pictures: JpegImages                  # of the N
    boxes: dict[str, HandBoxes]
    prompts: Prompts
    body: BodyTargets
    hands: dict[str, HandTargets]

    @classmethod
    def of(cls, people: Records, components: np.ndarray) -> TrainingSet:
        """components (10, 10): of open_hands.hand_shape_components."""
        evidence, truth = shards.append_mirrored(people.evidence, people.truth)
        boxes, prompts = PromptBuilder(components)(evidence)
        return cls(people.pictures, boxes, prompts, body_targets(evidence, truth),
                   hand_targets(evidence, truth, boxes, components))

    def __len__(self) -> int:
        return 2 * len(self.pictures)

    def to(self, device: torch.device) -> TrainingSet:
        """With everything but the images on a device: some 7 kB a row."""
        def moved(parts):
            return type(parts)(*(None if part is None else part.to(device) for part in parts))
        return TrainingSet(self.pictures, {side: moved(boxes) for side, boxes in self.boxes.items()},
                       Prompts(moved(self.prompts.body),
                               {side: moved(prompt) for side, prompt in self.prompts.hands.items()}),
                       moved(self.body), {side: moved(hands) for side, hands in self.hands.items()})

    def without(self, fold: int) -> TrainingSet:
        """Of the people who are not in one of the FOLDS."""
        people = torch.arange(len(self.pictures))
        people = people[people % FOLDS != fold]
        rows = torch.cat([people, people + len(self.pictures)])
        return TrainingSet(
            self.pictures.take(people.numpy()),
            {side: boxes.take(rows) for side, boxes in self.boxes.items()}, self.prompts.take(rows),
            self.body.take(rows), {side: hands.take(rows) for side, hands in self.hands.items()})

    @torch.no_grad()
    def with_initial_regressions(self, networks: list[Hand4WholePP]) -> TrainingSet:
        """With the initial regressions of FOLDS networks, each for the people of its own fold, unseen in training."""
        fold = torch.arange(len(self)) % len(self.pictures) % FOLDS

        def with_initial(prompt, regressors):
            answers = prompt.whole.new_empty(len(self), regressors[0].num_initial)
            for k, regressor in enumerate(regressors):
                for rows in (fold == k).nonzero()[:, 0].split(_REGRESSION_BATCH):
                    answers[rows] = regressor.eval()(prompt.take(rows))
            return prompt._replace(initial=answers)
        return replace(self, prompts=Prompts(
            with_initial(self.prompts.body, [network.body_regressor.initial for network in networks]),
            {side: with_initial(prompt, [network.wilor.backbone.initial for network in networks])
             for side, prompt in self.prompts.hands.items()}))

    @cached_property
    def right_hands(self) -> tuple[Prompt, HandTargets]:
        """Every hand that counts, once, unmirrored: inputs and targets."""
        prompts, targets = [], []
        for side in skeleton.SIDES:     # the other half is the other side's mirror image
            rows = self.hands[side].counts[:len(self.pictures)].nonzero()[:, 0]
            prompts.append(self.prompts.hands[side].take(rows))
            targets.append(self.hands[side].take(rows))
        return concatenate_prompts(prompts), concatenate_targets(targets)


def load_training_sets(folders: list[Path]) -> tuple[TrainingSet, TrainingSet, SkeletonLayer]:
    """To train on, and to evaluate on: the last people of every folder; and the skeleton of losses."""
    model = BodyModel.load()
    components = hand_shape_components(model, load_arrays())
    split = [shards.read_shards(folder).split(HELD_OUT) for folder in folders]
    learnt, measured = (shards.concatenate_records(list(part)) for part in zip(*split))
    return (
        TrainingSet.of(learnt, components),
        TrainingSet.of(measured, components),
        SkeletonLayer(model.kinematics, components),
    )
