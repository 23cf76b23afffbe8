"""The experts of an estimator that consists of some: their network, and what it takes besides the image."""

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
    """What the network takes of one person in one image."""

    landmark_fit: LandmarkFit
    evidence: FitFeatures
    boxes: dict[str, HandBoxes]     #: in pixels of the body picture
    prompts: Prompts


class Experts(NamedTuple):
    """The network by itself, as evaluation/ measures it."""

    network: Hand4WholePP
    #: Whether its outputs are along the axes of the crop's virtual camera, and to be turned into the real camera's.
    in_crop_axes: bool
    #: RGB image (H, W, 3) uint8 -> the inputs that the estimator makes of its landmarks, None where nobody is found;
    #: None if the network takes any boxes of person and hands.
    prepare_inputs: Callable[[np.ndarray, Intrinsics], NetworkInputs | None] | None = None
