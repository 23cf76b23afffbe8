"""An endless source of pictures for training, with the truth about each; see `scene` and `drawing`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .drawing import draw
from .scene import CLOSE_UPS, Scene, scene
from .scene_truth import SceneTruth


class Source:
    """Pictures of width x height pixels. Item k of equal sources is the same picture, to the byte.

    seed: of the source; sources of different seeds share no scene. close_ups: how often only hands are shown.
    Several processes share a source by taking different items of it.
    """

    def __init__(self, seed: int = 0, width: int = 640, height: int = 480, close_ups: float = CLOSE_UPS):
        self.seed, self.width, self.height, self.close_ups = seed, width, height, close_ups

    def scene(self, index: int) -> Scene:
        """Scene `index`, not yet drawn."""
        return scene((self.seed << 40) + index, self.width, self.height, self.close_ups)

    def __getitem__(self, index: int) -> tuple[np.ndarray, SceneTruth]:
        """The picture (height, width, 3) uint8 RGB and its truth."""
        return draw(self.scene(index))

    def __iter__(self) -> Iterator[tuple[np.ndarray, SceneTruth]]:
        """All pictures, without end."""
        index = 0
        while True:
            yield self[index]
            index += 1
