"""Image batches of a training set, as inputs of the networks, with the photometric variation of cameras."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import skeleton
from ..geometry.crops import BODY_SIZE, roi_align
from ..networks.hand4whole_pp import HandBoxes
from ..networks.prompts import Prompt, Prompts
from ..networks.wilor import prepare_crops
from .distributed import SINGLE_PROCESS, DistributedContext
from .shards import SHARD_IMAGE_SIZE
from .training_set import TrainingSet


class ImageBatch(NamedTuple):
    """B people, on the device of the training set."""

    rows: Tensor                        #: (B,) of the training set
    patches: Tensor                     #: (B, 3, 384, 288) RGB, 0 to 1
    prompts: Prompts

    def body_images(self) -> Tensor:
        """(B, 3, 256, 192)."""
        return F.interpolate(self.patches, BODY_SIZE, mode='bilinear', align_corners=False, antialias=True)


def load_batch(
    dataset: TrainingSet,
    rows: Tensor,
    generator: torch.Generator | None = None,
    distributed: DistributedContext = SINGLE_PROCESS,
) -> ImageBatch:
    """This process' part of the rows (n,) of a step, or all of them.

    generator: of augmentation, on the CPU and in the same state in every process; None for none. The augmentation of a
    person does not depend on the process.
    """
    count = len(dataset.pictures)
    step, rows = len(rows), distributed.part(rows)
    pictures = [dataset.pictures.picture(row % count)[:, ::-1 if row >= count else 1] for row in rows.tolist()]
    patches = torch.from_numpy(np.stack([picture.transpose(2, 0, 1) for picture in pictures])).float().div_(255)
    if generator is not None:
        def drawn(*size):
            return distributed.part(torch.rand(step, *size, generator=generator) * 2 - 1)
        patches = augment_light(patches, drawn)
    device = dataset.body.betas.device
    rows, patches = rows.to(device), patches.to(device)
    return ImageBatch(rows, patches, dataset.prompts.take(rows))


def load_hand_images(batch: ImageBatch, dataset: TrainingSet, side: str, people: Tensor) -> tuple[Tensor, Prompt]:
    """Of the people (n,) of the batch: crops (n, 3, 256, 256) as right hands, for the hand expert, and prompts."""
    boxes = dataset.boxes[side].boxes[batch.rows[people]] * (SHARD_IMAGE_SIZE[0] / BODY_SIZE[0])
    crops = roi_align(batch.patches[people], boxes)
    left = torch.full((len(people),), side == 'left', device=crops.device)
    return prepare_crops(crops, left), batch.prompts.hands[side].take(people)


def batch_hand_boxes(batch: ImageBatch, dataset: TrainingSet) -> dict[str, HandBoxes]:
    """side -> boxes of the batch's people, in pixels of the body picture."""
    return {side: dataset.boxes[side].take(batch.rows) for side in skeleton.SIDES}


def augment_light(patches: Tensor, drawn: Callable[..., Tensor]) -> Tensor:
    """Exposure, contrast, tint, and sometimes greyscale, of images (N, 3, H, W) from 0 to 1, in place.

    drawn: random numbers -1 to 1 of every image, (N, *size), by their size.
    """
    gain = torch.exp(0.25 * drawn(1, 1, 1) + 0.08 * drawn(3, 1, 1))
    contrast = torch.exp(0.25 * drawn(1, 1, 1))
    level = (1 - contrast) * patches.mean((1, 2, 3), keepdim=True) * gain + 0.08 * drawn(1, 1, 1)
    grey = drawn() > 0.8
    patches[grey] = patches[grey].mean(1, keepdim=True).expand(-1, 3, -1, -1)
    return patches.mul_(contrast * gain).add_(level).clamp_(0, 1)
