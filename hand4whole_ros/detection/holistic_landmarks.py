"""The landmarks of one person, the input of fits and boxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..landmarks.indices import UPPER_BODY


@dataclass(frozen=True)
class HolisticLandmarks:
    """One person. Pixel centres are at integer coordinates; world landmarks in metres."""

    pose: np.ndarray                # (33, 2) px
    visibility: np.ndarray          # (33,) 0 to 1
    world: np.ndarray               # (33, 3) m from the middle of the hips; x right, y down, z away
    left_hand: np.ndarray | None    # (21, 3) px, px, relative depth in px (smaller is nearer)
    right_hand: np.ndarray | None   # likewise; right is the person's own
    face: bool                      # a face was detected
    #: (33,) torsos, distance of the landmarks of the image and of its mirror image from their mean; None: one way only.
    disagreement: np.ndarray | None = None
    #: (33,) 0 to 1: maximum of the pose network's heat map at the landmark; None: unknown.
    keypoint_score: np.ndarray | None = None
    person: float = 1.0             # 0 to 1: that it is a person
    #: Side -> 0 to 1: that the landmarks of that hand are right; 1 where it is missing.
    hand_confidence: Mapping[str, float] = field(default_factory=dict)
    track_id: int = -1              # the same in all images of a video; -1 in an unrelated image

    def hand(self, side: str) -> np.ndarray | None:
        """(21, 3) of `side`, 'left' or 'right', or None if it was not detected."""
        return self.left_hand if side == 'left' else self.right_hand

    @property
    def confidence(self) -> float:
        """0 to 1: the mean visibility of shoulders, elbows, wrists and hips."""
        return float(np.clip(self.visibility[list(UPPER_BODY)].mean(), 0, 1))
