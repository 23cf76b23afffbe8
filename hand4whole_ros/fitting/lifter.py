"""Runs the lifting network: from landmarks of one person to hypotheses of the body in the camera's axes.

The network also lifts the person in a mirror. It was trained on mirrored people as well, so both bodies are equally
likely, and their errors are in part independent: their mean is nearer to the truth.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import skeleton
from ..landmarks.indices import MIRRORED_POSE
from ..networks.lifting_inference import LiftedArrays, LiftingPredictor
from ..networks.lifting_layout import BODY_FEATURES, NUM_BODY
from .kinematic_chain import exp_so3, log_so3
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
        seen = features(views, visibility[None])
        out = self._network(np.concatenate([seen, seen[:, MIRRORED_FEATURES] * MIRRORED_SIGNS]))
        points, rotations, betas, bones, turns, logits = _mean(LiftedArrays(*(part.astype(np.float64) for part in out)))
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


def _mirror_table() -> tuple[np.ndarray, np.ndarray]:
    """Of each feature of a person in a mirror: the number of the feature before, and its sign."""
    ends = np.cumsum(list(BODY_FEATURES.values()))
    parts = dict(zip(BODY_FEATURES, np.split(np.arange(ends[-1]), ends[:-1])))
    pose = list(MIRRORED_POSE)
    order = {'points': parts['points'].reshape(-1, 2)[pose], 'visibility': parts['visibility'][pose],
             'world': parts['world'].reshape(-1, 3)[pose], 'size': parts['size'],
             'hands': parts['hands'].reshape(2, -1, 3)[::-1], 'hands_seen': parts['hands_seen'][::-1]}
    signs = {name: np.ones(values.shape, np.float32) for name, values in order.items()}
    for name in ('points', 'world', 'hands'):
        signs[name][..., 0] = -1
    one, other = (np.concatenate([values[name].ravel() for name in BODY_FEATURES]) for values in (order, signs))
    return one, other


#: features[:, MIRRORED_FEATURES] * MIRRORED_SIGNS are those of the people in a mirror.
MIRRORED_FEATURES, MIRRORED_SIGNS = _mirror_table()

#: Joint -> that of the other side; a mirror in x.
_JOINTS, _FLIP = list(skeleton.MIRROR[:NUM_BODY]), np.array([-1.0, 1, 1])


def _mean(out: LiftedArrays) -> LiftedArrays:
    """Of one person and of the same person in a mirror (2, K, ...) -> (K, ...) of the person.

    Spreads are those of the person alone: confidence was calibrated with them. So are several hypotheses: the same
    number need not be the same hypothesis in the mirror.
    """
    one, other = (LiftedArrays(*(part[k] for part in out)) for k in range(2))
    if len(one.logits) > 1:
        return one
    turn = log_so3(np.swapaxes(one.rotations, -1, -2) @ (other.rotations[:, _JOINTS] * np.outer(_FLIP, _FLIP)))
    return one._replace(points=(one.points + other.points[:, _JOINTS] * _FLIP) / 2,
                        rotations=one.rotations @ exp_so3(turn / 2), betas=(one.betas + other.betas) / 2)


def orthogonal(rotations: np.ndarray) -> np.ndarray:
    """Single-precision rotations (..., 3, 3), orthonormalised by one Newton step for the polar factor."""
    return rotations @ (1.5 * np.eye(3) - 0.5 * np.swapaxes(rotations, -1, -2) @ rotations)
