"""Pictures of a batch of lessons, as the networks get them, with the accidents of light that cameras have."""

from __future__ import annotations

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
from .lessons import Lessons, take
from .records import PICTURE_SIZE


class Look(NamedTuple):
    """B people."""

    rows: Tensor                        #: (B,) of the lessons
    patches: Tensor                     #: (B, 3, 384, 288) RGB, 0 to 1
    prompts: Prompts

    def body_pictures(self) -> Tensor:
        """(B, 3, 256, 192)."""
        return F.interpolate(self.patches, BODY_SIZE, mode='bilinear', align_corners=False, antialias=True)


def look(lessons: Lessons, rows: Tensor, generator: torch.Generator | None = None) -> Look:
    """Rows (B,) of the lessons; generator: of accidents, None for none."""
    count = len(lessons.records)
    pictures = np.stack([lessons.records.picture(int(row) % count) for row in rows])
    patches = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255
    patches = torch.where((rows >= count)[:, None, None, None], patches.flip(-1), patches)
    if generator is not None:
        patches = _lit(patches, generator)
    return Look(rows, patches, Prompts(take(lessons.prompts.body, rows),
                                       {side: take(lessons.prompts.hands[side], rows) for side in skeleton.SIDES}))


def hand_pictures(seen: Look, lessons: Lessons, side: str, people: Tensor) -> tuple[Tensor, Prompt]:
    """Of the people (n,) of the look: crops (n, 3, 256, 256) as right hands, ready for the hand expert, and prompts."""
    boxes = lessons.boxes[side].boxes[seen.rows[people]] * (PICTURE_SIZE[0] / BODY_SIZE[0])
    crops = roi_align(seen.patches[people], boxes)
    return prepare_crops(crops, torch.full((len(people),), side == 'left')), take(seen.prompts.hands[side], people)


def boxes_of(seen: Look, lessons: Lessons) -> dict[str, HandBoxes]:
    """side -> boxes of the look's people, in pixels of the body picture."""
    return {side: HandBoxes(*(values[seen.rows] for values in lessons.boxes[side])) for side in skeleton.SIDES}


def _lit(patches, generator):
    """Exposure, contrast, tint, and at times no colour at all."""
    def drawn(*size):
        return torch.rand(*size, generator=generator) * 2 - 1
    count = len(patches)
    gain = torch.exp(0.25 * drawn(count, 1, 1, 1) + 0.08 * drawn(count, 3, 1, 1))
    middle = patches.mean((1, 2, 3), keepdim=True)
    patches = (patches - middle) * torch.exp(0.25 * drawn(count, 1, 1, 1)) + middle
    grey = patches.mean(1, keepdim=True).expand_as(patches)
    patches = torch.where(drawn(count, 1, 1, 1) > 0.8, grey, patches)
    return (patches * gain + 0.08 * drawn(count, 1, 1, 1)).clamp(0, 1)
