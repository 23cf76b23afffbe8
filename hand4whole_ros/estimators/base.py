"""What every estimator is: image and intrinsics in, people out."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..estimate import LooseHandEstimate, WholeBodyEstimate
from ..geometry.camera import Intrinsics
from ..networks.fusion_policy import FusionPolicy

if TYPE_CHECKING:
    from ..body.model import BodyModel


#: m, from the wrist along the joints of the middle finger to its tip: the open body's, which is an adult's.
HAND_LENGTH = 0.195

#: What EstimatorConfig.quality may be.
QUALITIES = ('full', 'fast')

#: What is raised where memory runs out, the GPU's or the machine's.
OUT_OF_MEMORY = (torch.cuda.OutOfMemoryError, MemoryError)


class EstimatorUnavailable(RuntimeError):
    """An estimator cannot be made here. The message says what is missing and what to run."""


@dataclass(frozen=True)
class EstimatorConfig:
    """How to make an estimator."""

    #: 'auto' takes hand4whole_pp where its files are, else mediapipe; or a name from estimators.NAMES.
    estimator: str = 'auto'
    #: 'auto', 'cpu', 'cuda' or 'cuda:N'. Estimators mediapipe and open run on the CPU whatever is asked.
    device: str = 'auto'
    #: Licensed SMPL-X file to use instead of the open body, or None.
    body_model: Path | None = None
    #: True for unrelated pictures, False for a camera or a video, where each image follows the last.
    static_images: bool = False
    #: Folder of the published weights and body models; None for the usual one (checkpoints.store).
    weights_folder: Path | None = None
    #: 'published', or 'random' and 'random-tiny' for weights made up from names: to measure speed and to test.
    weights: str = 'published'
    #: Weights of the open model (.npz) to use instead of those shipped, or None.
    open_model: Path | None = None
    #: Weights of the lifting network (.npz) for estimator mediapipe to use instead of those shipped, or None.
    lifting_model: Path | None = None
    #: 'auto', 'fp32', 'bf16', 'fp16' or 'int8'.
    precision: str = 'auto'
    #: Who finds people and hands: a name from detection.NAMES.
    detector: str = 'mediapipe'
    #: People given of one image at most: of hand4whole_pp the most certain, of the others the largest.
    max_people: int = 4
    #: False: nobody is looked for, only hands; all of them belong to nobody then. Of mediapipe and open.
    people: bool = True
    #: 'fast' takes MediaPipe's smaller network for hands, less exact, in half its time. Of mediapipe and open.
    quality: str = 'full'
    #: m, of hands that belong to nobody in the image: how far away they are follows from it. See HAND_LENGTH.
    hand_length: float = HAND_LENGTH
    #: Which expert has the last word on what: networks.hand4whole_pp.FusionPolicy.
    #: 'auto' is what the estimator finds best.
    wrist: str = 'auto'
    fingers: str = 'hand'
    hand_shape: str = 'hand'

    def landmark_options(self) -> dict:
        """Keyword arguments of landmark_fit.LandmarkPipeline. Raises ValueError for an unknown quality."""
        if self.quality not in QUALITIES:
            raise ValueError(f"unknown quality {self.quality!r}; known are {', '.join(QUALITIES)}")
        return {'static_images': self.static_images, 'max_people': self.max_people, 'people': self.people,
                'lite_hands': self.quality == 'fast', 'hand_length': self.hand_length}

    def strategy(self, best_wrist: str) -> FusionPolicy:
        """Who has the last word; best_wrist: what 'auto' stands for. Raises ValueError for an unknown one."""
        return FusionPolicy(best_wrist if self.wrist == 'auto' else self.wrist, self.fingers, self.hand_shape)


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

        `vertices` is left None; call `body.vertices(estimate)` for the mesh. Every number in the result is finite,
        and every joint and keypoint geometry.placement.MIN_DEPTH or more in front of the camera: see accepted.
        `stage_times` says how long each stage took, in seconds.
        """

    @property
    def loose_hands(self) -> list[LooseHandEstimate]:
        """The hands of the last image that no person who was given has, the surest first; [] where an estimator finds
        none.

        Like people they are finite and in front of the camera.
        """
        return []

    @functools.cached_property
    def refused(self) -> Counter:
        """Why -> how many people were refused so far: found in an image, but not a result (estimate.BEHIND ...)."""
        return Counter()

    @functools.cached_property
    def refused_hands(self) -> Counter:
        """Likewise of loose hands."""
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
        """Forget what was learnt from earlier images: the next one comes from elsewhere."""

    def reduce_memory(self) -> bool:
        """Memory ran out: use less from now on. False where nothing more can be saved."""
        return False

    def close(self) -> None:
        """Free threads and memory. The estimator cannot be used afterwards."""
