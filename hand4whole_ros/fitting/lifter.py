"""Runs the lifting network: from landmarks of one person to hypotheses of the body in the camera's axes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..networks.lifting_inference import LiftingPredictor
from .person_view import PersonViews, person_views


class LiftedBody(NamedTuple):
    """K hypotheses of one person, float64."""

    view: np.ndarray            #: (3, 3) from the camera's axes to the view's (person_view)
    points: np.ndarray          #: (K, 22, 3) m, joints from the pelvis, along the view's axes
    rotations: np.ndarray       #: (K, 22, 3, 3) against the parent, the pelvis' in the camera
    betas: np.ndarray           #: (K, 10)
    bone_spread: np.ndarray     #: (K, 21, 3) m, mean error of joint minus parent along the view's axes
    turn_spread: np.ndarray     #: (K, 22, 3) radians, mean error of rotations about the joints' own axes
    odds: np.ndarray            #: (K,) of the hypotheses, their sum one


class Lifter:
    """Runs a network that `checkpoints.lifting` has loaded."""

    def __init__(self, network: LiftingPredictor):
        self._network = network

    def __call__(self, rays: np.ndarray, visibility: np.ndarray, world: np.ndarray, hands: np.ndarray) -> LiftedBody:
        """rays (33, 2), visibility (33,), world (33, 3), hands (2, 21, 3): of one person, as in person_views."""
        views = person_views(rays[None], visibility[None], world[None], hands[None])
        out = self._network(features(views, visibility[None]))
        points, rotations, betas, bones, turns, logits = (part[0].astype(np.float64) for part in out)
        view = views.rotation[0]
        rotations = orthogonal(rotations)
        rotations[:, 0] = view.T @ rotations[:, 0]
        odds = np.exp(logits - logits.max())
        return LiftedBody(view, points, rotations, betas, np.exp(bones), np.exp(turns), odds / odds.sum())


def features(views: PersonViews, visibility: np.ndarray) -> np.ndarray:
    """Input of the network for N people, (N, networks.lifting_layout.BODY_FEATURES) float32; visibility (N, 33)."""
    known = views.hands.any(axis=(2, 3))
    parts = (views.points, visibility, views.world, np.log(views.size)[:, None], views.hands, known)
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1).astype(np.float32)


def orthogonal(rotations: np.ndarray) -> np.ndarray:
    """Single-precision rotations (..., 3, 3), orthonormalised by one Newton step for the polar factor."""
    return rotations @ (1.5 * np.eye(3) - 0.5 * np.swapaxes(rotations, -1, -2) @ rotations)
