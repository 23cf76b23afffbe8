"""What every estimator is: image and intrinsics in, people out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..estimate import WholeBodyEstimate
from ..geometry.camera import Intrinsics

if TYPE_CHECKING:
    from ..body.model import BodyModel


class EstimatorUnavailable(RuntimeError):
    """An estimator cannot be made here. The message says what is missing and what to run."""


@dataclass(frozen=True)
class EstimatorConfig:
    """How to make an estimator."""

    #: 'auto' takes the best one whose parts are there; else a name from estimators.NAMES.
    estimator: str = 'auto'
    #: 'auto', 'cpu', 'cuda' or 'cuda:N'. The mediapipe estimator runs on the CPU whatever is asked.
    device: str = 'auto'
    #: Licensed SMPL-X file to use instead of the open body, or None.
    body_model: Path | None = None
    #: True for unrelated pictures, False for a camera or a video, where each image follows the last.
    static_images: bool = False


class Estimator(ABC):
    """Turns one image into the people in it. Not thread-safe: one thread calls one estimator."""

    #: The name it is selected by.
    name: str
    #: The body whose parameters the estimates are in.
    body: BodyModel
    #: Where it runs, for people: 'cpu', 'cuda:0'.
    device: str = 'cpu'

    @abstractmethod
    def estimate(self, image: np.ndarray, intrinsics: Intrinsics) -> list[WholeBodyEstimate]:
        """People in an RGB image (H, W, 3) uint8, the most certain first; [] when nobody is seen.

        `vertices` is left None; call `body.vertices(estimate)` for the mesh. Every pose in the result
        is finite. `stage_times` says how long each stage took, in seconds.
        """

    def reset(self) -> None:
        """Forget what was learnt from earlier images: the next one comes from elsewhere."""

    def close(self) -> None:
        """Free threads and memory. The estimator cannot be used afterwards."""
