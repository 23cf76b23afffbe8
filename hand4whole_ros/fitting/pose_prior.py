"""Prior on the pose of a person in earlier images: the last pose and its velocity, with a spread that grows with time.

The joints' rates are measured on recorded motion (CMU motion capture database: walking, sports, gestures, at 7 to 30
images a second): the departure of a joint from a damped velocity grows about in proportion to time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..skeleton import HAND_SLICE, JOINT, WRIST
from .body_chains import NUM_BODY
from .hand_fitter import HandFit
from .kinematic_chain import exp_so3, log_so3
from .prior_body_fitter import BodyFit

#: Seconds after which a pose is not used any more.
MAX_AGE = 1.0

#: Root mean square departure of joints about each of their axes, rad/s.
_TURN_RATE = {'pelvis': 0.75, 'hip': 1.1, 'knee': 1.1, 'ankle': 1.3, 'foot': 1.5, 'spine1': 0.5, 'spine2': 0.25,
              'spine3': 0.3, 'neck': 0.5, 'head': 0.5, 'collar': 0.3, 'shoulder': 1.3, 'elbow': 1.0, 'wrist': 1.2}

#: The same of the pelvis, m/s, and its standard deviation in the last image, m: across the view and in depth.
_ROOT_RATE, _ROOT_SPREAD = (0.5, 0.5, 0.6), (0.02, 0.02, 0.06)

#: Standard deviation of a joint's rotation in the last image, radians.
_TURN_SPREAD = 0.15

#: Standard deviation of betas from one image, and the minimum from many images.
_SHAPE_SPREAD, _MIN_SHAPE_SPREAD = 0.3, 0.05

#: Share of the velocity that remains an image later; and the weight of the last image in it.
_VELOCITY_LEFT, _VELOCITY_SHARE = 0.5, 0.5


def _turn_rates() -> np.ndarray:
    rates = np.empty(NUM_BODY)
    for name, joint in JOINT.items():
        if joint < NUM_BODY:
            rates[joint] = _TURN_RATE[name.removeprefix('left_').removeprefix('right_')]
    return rates


_TURN_RATES = _turn_rates()


@dataclass(frozen=True)
class PosePrior:
    """A likely pose in the camera optical frame, with standard deviations."""

    rotations: np.ndarray       # (55, 3, 3) against the parent, the pelvis' in the camera
    turn_sigma: np.ndarray      # (22, 3) radians, of the body's joints about their own axes
    root: np.ndarray            # (3,) m
    root_sigma: np.ndarray      # (3,) m
    betas: np.ndarray           # (S,)
    betas_sigma: float
    hands: frozenset[str]       # sides of the hands in the last image

    def hand(self, side: str) -> HandFit:
        """The hand of `side` in the last image."""
        return HandFit(self.rotations[WRIST[side]], self.rotations[HAND_SLICE[side]], 0.0)


class PoseHistory:
    """The fits of one person in the images of one video, in their order."""

    def __init__(self):
        self._stamp, self._count = 0.0, 0

    def add(self, fit: BodyFit, stamp: float) -> None:
        """A fit of the image taken at `stamp`, s."""
        rotations, root, betas = fit.pose.rotations[0], fit.pose.root[0], fit.pose.betas[0]
        step = stamp - self._stamp
        if self._count and 0 < step <= MAX_AGE:
            turned = log_so3(np.swapaxes(self._rotations[:NUM_BODY], -1, -2) @ rotations[:NUM_BODY]) / step
            self._turning += _VELOCITY_SHARE * (turned - self._turning)
            self._speed += _VELOCITY_SHARE * ((root - self._root) / step - self._speed)
        elif not self._count or not 0 <= step <= MAX_AGE:
            self._turning, self._speed = np.zeros((NUM_BODY, 3)), np.zeros(3)
            self._count = 0
        self._count += 1
        self._rotations, self._root, self._betas, self._stamp = rotations, root, betas, stamp
        self._hands = frozenset(fit.hands)

    def predict(self, stamp: float) -> PosePrior | None:
        """The prior for an image taken at `stamp`, s; None if the last fit is too old or of a later time."""
        step = stamp - self._stamp
        if not self._count or not 0 <= step <= MAX_AGE:
            return None
        moved = _VELOCITY_LEFT * step
        rotations = self._rotations.copy()
        rotations[:NUM_BODY] = rotations[:NUM_BODY] @ exp_so3(moved * self._turning)
        turn = np.hypot(_TURN_SPREAD, _TURN_RATES * step)
        return PosePrior(
            rotations, np.tile(turn[:, None], 3), self._root + moved * self._speed,
            np.hypot(_ROOT_SPREAD, np.multiply(_ROOT_RATE, step)), self._betas,
            max(_SHAPE_SPREAD / np.sqrt(self._count), _MIN_SHAPE_SPREAD), self._hands)
