"""The interface of every estimator: from image and intrinsics to people."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from ..estimate import LooseHandEstimate, WholeBodyEstimate
from ..geometry.camera import Intrinsics

if TYPE_CHECKING:
    from ..body.model import BodyModel
    from .experts import Experts


class EstimatorUnavailable(RuntimeError):
    """An estimator cannot be created here. The message names what is missing and the command to run."""


class Estimator(ABC):
    """Estimates the people in one image. Not thread-safe: one thread calls one estimator."""

    #: The name it is selected by.
    name: str
    #: The body that the estimates' parameters belong to.
    body: BodyModel
    #: Its device, for display: 'cpu', 'cuda:0'.
    device: str = 'cpu'
    #: Whether grasping hands come with the pose of the grasped object, LooseHandEstimate.object.
    gives_objects: bool = False

    @abstractmethod
    def estimate(self, image: np.ndarray, intrinsics: Intrinsics,
                 stamp: float | None = None) -> list[WholeBodyEstimate]:
        """People in an RGB image (H, W, 3) uint8, the most certain first; [] if nobody is detected.

        `vertices` is left None; call `body.vertices(estimate)` for the mesh. Every number in the result is finite,
        and every joint and keypoint geometry.placement.MIN_DEPTH or more in front of the camera: see filter_estimates.
        `stage_times` has the time of each stage, in seconds. stamp: when the image was taken, s by any clock, of
        images that follow each other; None: unknown, and earlier poses are not used as a prior.
        """

    @property
    def loose_hands(self) -> list[LooseHandEstimate]:
        """The hands of the last image that belong to no person in the result, the surest first; [] where an estimator
        detects none.

        Like people they are finite and in front of the camera.
        """
        return []

    @property
    def experts(self) -> Experts | None:
        """The network of an estimator that consists of a body expert and a hand expert, else None."""
        return None

    @functools.cached_property
    def refused(self) -> Counter:
        """Reason -> how many people were refused so far: detected, but not in the result (estimate.BEHIND ...)."""
        return Counter()

    @functools.cached_property
    def refused_hands(self) -> Counter:
        """The same of loose hands."""
        return Counter()

    @functools.cached_property
    def refused_objects(self) -> Counter:
        """Reason -> how many hands grasp an object of unknown pose."""
        return Counter()

    def filter_estimates(self, estimates: Iterable[WholeBodyEstimate]) -> list[WholeBodyEstimate]:
        """The plausible people; the others are counted in `refused`. Every result passes through here."""
        kept = []
        for estimate in estimates:
            reason = estimate.rejection_reason()
            if reason:
                self.refused[reason] += 1
            else:
                kept.append(estimate)
        return kept

    @staticmethod
    def check_input(image: np.ndarray, intrinsics: Intrinsics) -> None:
        """Raises ValueError unless the image is RGB (H, W, 3) uint8 and the intrinsics are of its size."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f'an RGB image (H, W, 3) of uint8 is expected, '
                             f'found {image.shape} of {image.dtype}')
        height, width = image.shape[:2]
        if (intrinsics.width, intrinsics.height) != (width, height):
            raise ValueError(f'the intrinsics are of a {intrinsics.width} x {intrinsics.height} image, '
                             f'the image is {width} x {height}')

    def reset(self) -> None:
        """Forget earlier images: the next one is unrelated."""

    def reduce_memory(self) -> bool:
        """Reduce memory use after memory ran out. False if no further reduction is possible."""
        return False

    def close(self) -> None:
        """Free threads and memory. The estimator cannot be used afterwards."""
