"""Data of the viewer: people and hands of one image, numpy only, in the camera's optical frame, metres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class ViewedHand:
    """One hand."""

    track_id: int               # -1 if it is LOST
    side: str                   # 'left' or 'right'
    state: int                  # skeleton.LOST, HELD or OK
    confidence: float
    keypoints: np.ndarray       # (21, 3)


@dataclass(frozen=True)
class ViewedPerson:
    """One person."""

    track_id: int
    held: bool
    confidence: float
    is_operator: bool
    joints: np.ndarray              # (55, 3)
    inferred: np.ndarray            # (55,) bool: not visible
    hands: tuple[ViewedHand, ...]   # left, right


@dataclass(frozen=True)
class ViewedImage:
    """All people in one image."""

    people: Sequence[ViewedPerson] = ()
    loose_hands: Sequence[ViewedHand] = field(default=())   # those without a person
