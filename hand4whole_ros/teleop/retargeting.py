"""Retargeting of human hands to robot hands: a retargeter for a hand, and the measure of a pinch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .dexpilot import DexPilotRetargeter
from .hand_retargeter import HandRetargeter, RetargetingUnavailable
from .robot_hand import RobotHand

__all__ = ['HandRetargeter', 'RetargetingUnavailable', 'create', 'pinch_distance']


def create(hand: RobotHand) -> HandRetargeter:
    """A retargeter for this hand. RetargetingUnavailable if the library is missing or rejects the hand."""
    return DexPilotRetargeter(hand)


def pinch_distance(tips: np.ndarray, fingers: Sequence[str], finger: str = 'index') -> float:
    """Distance between the tips of thumb and `finger`; tips (F, 3) are those of `fingers`."""
    thumb, other = (list(fingers).index(name) for name in ('thumb', finger))
    return float(np.linalg.norm(tips[thumb] - tips[other]))
