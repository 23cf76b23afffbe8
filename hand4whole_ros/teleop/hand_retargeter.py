"""Retargeting of human hands to robot hands: the interface that every library is adapted to."""

from __future__ import annotations

import abc

import numpy as np

from .joints import JointLimits
from .robot_hand import RobotHand


class RetargetingUnavailable(RuntimeError):
    """A library is missing or rejects a hand; the message is one line with the remedy."""


class HandRetargeter(abc.ABC):
    """21 keypoints of a human hand -> joint positions of a robot hand.

    A retargeter starts from its last solution: use one retargeter for each hand, in one thread.
    """

    #: The robot hand.
    hand: RobotHand

    @property
    def limits(self) -> JointLimits:
        """Names of the joints, in the order in which retarget returns them, and their ranges."""
        return self.hand.limits

    @abc.abstractmethod
    def retarget(self, keypoints: np.ndarray) -> np.ndarray:
        """(21, 3) m in the frame of the hand (hand_frame.to_hand_frame) -> (J,) rad, inside the limits.

        ValueError if a keypoint is not finite.
        """

    @abc.abstractmethod
    def tip_positions(self, positions: np.ndarray) -> np.ndarray:
        """(J,) rad -> (F, 3) m, the fingertips of the robot relative to its wrist link, in the axes of its root link
        and in the order of hand.tip_links."""

    @abc.abstractmethod
    def reset(self) -> None:
        """Discard the last solution, after a long gap or for another operator."""
