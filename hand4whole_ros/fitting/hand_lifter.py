"""Runs the hand's lifting network: from landmarks of one person's hands to likely hands in the camera's axes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..landmarks.indices import ARM
from ..networks.lifting_inference import LiftingPredictor
from ..skeleton import SIDES
from .hand_view import MIRROR, hand_features, hand_views
from .lifter import orthogonal


class LiftedHand(NamedTuple):
    """The output of the network for one hand, float64."""

    frame: np.ndarray           #: (3, 3) from the camera's axes to the view's (hand_view); mirrored for a left hand
    points: np.ndarray          #: (21, 3) m from the wrist along the view's axes
    wrist: np.ndarray           #: (3, 3) rotation of the wrist in the camera
    fingers: np.ndarray         #: (15, 3, 3) against the parents
    bone_spread: np.ndarray     #: (20, 3) m, mean error of point minus parent along the view's axes
    turn_spread: np.ndarray     #: (15, 3) radians, mean error of the fingers' rotations about the joints' own axes


class HandLifter:
    """Runs a network of the form `networks.lifting_layout.HAND`."""

    def __init__(self, network: LiftingPredictor):
        self._network = network

    def __call__(self, hands: dict[str, np.ndarray], rays: np.ndarray, visibility: np.ndarray,
                 world: np.ndarray) -> dict[str, LiftedHand]:
        """side -> LiftedHand of hands (21, 3): x/z, y/z and depth from the wrist over its z.

        rays (33, 2) x/z, y/z, visibility (33,) and world (33, 3) m of the pose landmarks of the same person.
        """
        sides = [side for side in SIDES if side in hands]
        if not sides:
            return {}
        left = np.array([side == 'left' for side in sides])
        shoulders, elbows, wrists = np.array([ARM[side] for side in sides]).T
        arm = np.stack([world[wrists] - world[elbows], world[elbows] - world[shoulders]], axis=1)
        views = hand_views(left, np.stack([hands[side] for side in sides]), rays[elbows], arm)
        out = self._network(hand_features(views, visibility[elbows]))
        best = out.logits.argmax(axis=1)
        points, rotations, _, bones, turns, _ = (
            part[np.arange(len(sides)), best].astype(np.float64) for part in out)
        rotations, found = orthogonal(rotations), {}
        for k, side in enumerate(sides):
            mirror = MIRROR if side == 'left' else np.eye(3)
            frame = views.rotation[k]
            found[side] = LiftedHand(frame, points[k], frame.T @ rotations[k, 0] @ mirror,
                                     mirror @ rotations[k, 1:] @ mirror, np.exp(bones[k]), np.exp(turns[k, 1:]))
        return found
