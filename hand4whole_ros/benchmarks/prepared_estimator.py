"""An estimator that only waits, to measure the node around it."""

from __future__ import annotations

import itertools
import time

import numpy as np

from .. import skeleton
from ..body.model import BodyModel
from ..body.posing import ObservedHand, estimate_from_parameters
from ..body.smplx_mano_body import SmplxManoBody
from ..config import EstimatorConfig
from ..estimators.base import Estimator
from ..geometry.camera import Intrinsics
from .dummy_body import dummy_body

#: Prepared estimates, returned in turn; their person moves slowly, as filters and viewers expect.
_POSES = 64


class PreparedEstimator(Estimator):
    """One prepared person, both hands visible; every image takes `seconds` of sleep, as if a GPU did the work.

    own_hands: on the dummy body for SMPL-X, with hands of MANO's shape, as in the full pipeline; else on the
    open body.
    """

    name = 'prepared'

    def __init__(self, config: EstimatorConfig, seconds: float = 0.0, own_hands: bool = False):
        self._seconds = seconds
        self.body = SmplxManoBody(dummy_body()) if own_hands else BodyModel.load(config.body_model)
        self._people = itertools.cycle(
            [_make_person(self.body, 2 * np.pi * k / _POSES, own_hands) for k in range(_POSES)]
        )

    def estimate(self, image: np.ndarray, intrinsics: Intrinsics, stamp: float | None = None) -> list:
        """The next pose, regardless of the image."""
        if self._seconds:
            time.sleep(self._seconds)
        return [next(self._people)]


def _make_person(body, phase, own_hands):
    local = np.zeros((skeleton.NUM_JOINTS, 3))
    local[0, 0] = np.pi
    local[:, 1] += 0.2 * np.sin(phase + np.arange(skeleton.NUM_JOINTS))
    shape = np.full(10, 0.3)
    box, hand_box = np.array([100.0, 50.0, 300.0, 400.0]), np.array([10.0, 20.0, 60.0, 80.0])
    hand = ObservedHand(skeleton.OK, 0.8, shape if own_hands else None, bbox_xyxy=hand_box)
    return estimate_from_parameters(
        body, local, shape, np.zeros(10), intrinsics=Intrinsics.from_fov(640, 480), bbox_xyxy=box, confidence=0.9,
        hands=dict.fromkeys(skeleton.SIDES, hand), pelvis=np.array([0.2 * np.sin(phase), 0.3, 3.0]),
        stage_times={'prepared': 0.0})
