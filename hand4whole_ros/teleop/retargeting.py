"""Human hands to robot hands: 21 keypoints to joint angles, by whichever library is installed."""

from __future__ import annotations

import abc
from collections.abc import Sequence

import numpy as np

from .joints import JointLimits
from .robot_hand import RobotHand


class RetargetingUnavailable(RuntimeError):
    """A library is missing or refuses a hand; one line says what to do."""


class HandRetargeter(abc.ABC):
    """What every retargeting library looks like to the rest of this package.

    A retargeter has a memory, since it starts its search at the last solution: one hand, one retargeter, one thread.
    """

    #: The hand it was made for.
    hand: RobotHand

    @property
    def limits(self) -> JointLimits:
        """Names of the joints, in the order in which retarget gives them, and their range."""
        return self.hand.limits

    @abc.abstractmethod
    def retarget(self, keypoints: np.ndarray) -> np.ndarray:
        """(21, 3) m in the frame of the hand (hand_frame.to_hand_frame) -> (J,) rad, inside the limits.

        ValueError where a keypoint is not finite.
        """

    @abc.abstractmethod
    def tip_positions(self, positions: np.ndarray) -> np.ndarray:
        """(J,) rad -> (F, 3) m of the robot's fingertips from its wrist link, in the axes of its root link, in the
        order of hand.tip_links."""

    @abc.abstractmethod
    def reset(self) -> None:
        """Forget the last solution: the next keypoints are another operator's, or come after a long gap."""


def create(hand: RobotHand) -> HandRetargeter:
    """The retargeter for this hand. RetargetingUnavailable where the library is missing or refuses the hand."""
    from .dexpilot import DexPilotRetargeter
    return DexPilotRetargeter(hand)


def pinch_distance(tips: np.ndarray, fingers: Sequence[str], finger: str = 'index') -> float:
    """From the thumb's tip to that of `finger`, in the unit of tips (F, 3), which are those of `fingers`."""
    thumb, other = (list(fingers).index(name) for name in ('thumb', finger))
    return float(np.linalg.norm(tips[thumb] - tips[other]))
