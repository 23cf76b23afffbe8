"""What every estimator is: image and intrinsics in, people out."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..estimate import LooseHandEstimate, WholeBodyEstimate
from ..geometry.camera import Intrinsics

if TYPE_CHECKING:
    from ..body.model import BodyModel
    from .experts import Experts


#: What is raised where memory runs out, the GPU's or the machine's.
OUT_OF_MEMORY = (torch.cuda.OutOfMemoryError, MemoryError)


class EstimatorUnavailable(RuntimeError):
    """An estimator cannot be made here. The message names what is missing and the command to run."""


class Estimator(ABC):
    """Turns one image into the people in it. Not thread-safe: one thread calls one estimator."""

    #: The name it is selected by.
    name: str
    #: The body whose parameters the estimates are in.
    body: BodyModel
    #: Where it runs, for people: 'cpu', 'cuda:0'.
    device: str = 'cpu'
    #: Whether hands that grasp come with the pose of what they grasp, LooseHandEstimate.object.
    gives_objects: bool = False

    @abstractmethod
    def estimate(self, image: np.ndarray, intrinsics: Intrinsics,
                 stamp: float | None = None) -> list[WholeBodyEstimate]:
        """People in an RGB image (H, W, 3) uint8, the most certain first; [] if nobody is detected.

        `vertices` is left None; call `body.vertices(estimate)` for the mesh. Every number in the result is finite,
        and every joint and keypoint geometry.placement.MIN_DEPTH or more in front of the camera: see accepted.
        `stage_times` has the time of each stage, in seconds. stamp: when the image was taken, s by any clock, of
        images that follow each other; None: unknown, and earlier poses are no prior of this image.
        """

    @property
    def loose_hands(self) -> list[LooseHandEstimate]:
        """The hands of the last image that no person who was given has, the surest first; [] where an estimator finds
        none.

        Like people they are finite and in front of the camera.
        """
        return []

    @property
    def experts(self) -> Experts | None:
        """The network of an estimator that consists of a body expert and a hand expert, else None."""
        return None

    @functools.cached_property
    def refused(self) -> Counter:
        """Why -> how many people were refused so far: found in an image, but not a result (estimate.BEHIND ...)."""
        return Counter()

    @functools.cached_property
    def refused_hands(self) -> Counter:
        """Likewise of loose hands."""
        return Counter()

    @functools.cached_property
    def refused_objects(self) -> Counter:
        """Why -> how many hands grasp something whose pose is not known."""
        return Counter()

    def filter_estimates(self, estimates: Iterable[WholeBodyEstimate]) -> list[WholeBodyEstimate]:
        """Those whom a camera can have seen; the others are counted in `refused`. Every result goes through here."""
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
        """ValueError unless the image is RGB (H, W, 3) uint8 and the intrinsics are of its size."""
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
        """Memory ran out: use less from now on. False where nothing more can be saved."""
        return False

    def close(self) -> None:
        """Free threads and memory. The estimator cannot be used afterwards."""
