"""The experts of an estimator that consists of them: their network, and its inputs besides the image."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..geometry.camera import Intrinsics
from ..networks.hand4whole_pp import Hand4WholePP, HandBoxes
from ..networks.prompts import Prompts
from .fit_features import FitFeatures
from .landmark_fit import LandmarkFit


class NetworkInputs(NamedTuple):
    """The inputs of the network for one person in one image."""

    landmark_fit: LandmarkFit
    evidence: FitFeatures
    boxes: dict[str, HandBoxes]     #: in pixels of the body picture
    prompts: Prompts


class Experts(NamedTuple):
    """The network by itself, for evaluation/."""

    network: Hand4WholePP
    #: Whether its outputs are along the axes of the crop's virtual camera, to be rotated to the real camera's.
    in_crop_axes: bool
    #: RGB image (H, W, 3) uint8 -> the inputs that the estimator makes of its landmarks, None if nobody is detected;
    #: None if the network takes any boxes of person and hands.
    prepare_inputs: Callable[[np.ndarray, Intrinsics], NetworkInputs | None] | None = None
