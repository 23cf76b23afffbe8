"""What happens to a picture before a network learns from it. The paper names none of it; modest ones are taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Largest turn of the picture, in radians, and the share of pictures that are turned at all.
MAX_ROLL, ROLL_PROBABILITY = np.radians(30), 0.5
#: By how much a person's box may be larger or smaller, and how far, in its sizes, it may lie aside.
MAX_SCALE, MAX_SHIFT = 0.15, 0.05
#: The same of a hand's box: detectors are not exact.
HAND_SCALE, HAND_SHIFT = 0.1, 0.05
#: By how much each colour may be brighter or darker.
COLOUR = 0.2


@dataclass(frozen=True)
class Augmentation:
    """Of one picture. The defaults change nothing. Two hands, in the order of skeleton.SIDES."""

    roll: float = 0.0                           #: radians, from x to y of the picture
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)     #: in sizes of the box
    colour: tuple[float, float, float] = (1.0, 1.0, 1.0)
    hand_scale: tuple[float, float] = (1.0, 1.0)
    hand_shift: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 0.0), (0.0, 0.0))

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Augmentation:
        """At random, evenly within the limits of this file."""
        roll = rng.uniform(-MAX_ROLL, MAX_ROLL) * (rng.random() < ROLL_PROBABILITY)
        scale = float(rng.uniform(1 - MAX_SCALE, 1 + MAX_SCALE))
        shift = tuple(rng.uniform(-MAX_SHIFT, MAX_SHIFT, 2).tolist())
        colour = tuple(rng.uniform(1 - COLOUR, 1 + COLOUR, 3).tolist())
        hand_scale = tuple(rng.uniform(1 - HAND_SCALE, 1 + HAND_SCALE, 2).tolist())
        left, right = (tuple(row) for row in rng.uniform(-HAND_SHIFT, HAND_SHIFT, (2, 2)).tolist())
        return cls(float(roll), scale, shift, colour, hand_scale, (left, right))

    def augment_person_box(self, box_xywh: np.ndarray) -> np.ndarray:
        """The person's box xywh (4,) that is taken instead."""
        size = box_xywh[2:] * self.scale
        centre = box_xywh[:2] + box_xywh[2:] * (0.5 + np.array(self.shift))
        return np.concatenate([centre - size / 2, size])

    def augment_hand_box(self, box_xyxy: np.ndarray, side: int) -> np.ndarray:
        """The hand's box xyxy (4,) that is taken instead."""
        size = (box_xyxy[2:] - box_xyxy[:2])
        centre = (box_xyxy[:2] + box_xyxy[2:]) / 2 + size * np.array(self.hand_shift[side])
        half = size * self.hand_scale[side] / 2
        return np.concatenate([centre - half, centre + half])


NO_AUGMENTATION = Augmentation()
