"""What the lifting networks learn from: features of landmarks, and the truth along the axes of the same view."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ... import skeleton
from ...fitting.hand_view import MIRROR, hand_features, hand_views
from ...fitting.lifter import MIRRORED_FEATURES, MIRRORED_SIGNS, features
from ...fitting.person_view import person_views
from ...geometry.kinematics import kinematic_tree
from ...landmarks.indices import ARM
from ...networks.lifting_layout import BODY_FEATURES, NUM_BODY
from .detections import Detections

#: Hands of which less can be seen teach nothing.
MIN_HAND_VISIBLE = 0.25


class Samples(NamedTuple):
    """N people or hands, float32, along the axes of their views, as networks.lifting.Lifted has one hypothesis."""

    features: Tensor        #: (N, F)
    points: Tensor          #: (N, P, 3) m from the first one
    rotations: Tensor       #: (N, R, 3, 3) against the parent, the first one's in the view
    betas: Tensor           #: (N, 10) of the body

    def take(self, rows) -> Samples:
        """Those of these rows."""
        return Samples(*(part[rows] for part in self))

    @classmethod
    def of(cls, *parts: np.ndarray) -> Samples:
        """Of numpy arrays."""
        return cls(*(torch.from_numpy(np.ascontiguousarray(part, dtype=np.float32)) for part in parts))

    @classmethod
    def joined(cls, several: list[Samples]) -> Samples:
        """All of several."""
        return cls(*(torch.cat(parts) for parts in zip(*several)))


def mirrored(samples: Samples) -> Samples:
    """The same people in a mirror: left is right."""
    joints = list(skeleton.MIRROR[:NUM_BODY])
    seen_there = samples.features[:, MIRRORED_FEATURES] * torch.from_numpy(MIRRORED_SIGNS)
    flip = samples.points.new_tensor([-1.0, 1, 1])
    return Samples(seen_there, samples.points[:, joints] * flip,
                   samples.rotations[:, joints] * torch.outer(flip, flip), samples.betas)


def without_hands(samples: Samples, share: float, generator: torch.Generator) -> Samples:
    """A share of the people, drawn by chance, with hands that were not seen."""
    width = BODY_FEATURES['hands'] + BODY_FEATURES['hands_seen']
    kept = torch.rand((len(samples.betas), 1), generator=generator) >= share
    rest, hands = samples.features.split((samples.features.shape[1] - width, width), dim=1)
    return samples._replace(features=torch.cat([rest, hands * kept], dim=1))


def bodies_of(detections: Detections) -> Samples:
    """Of people whom the detector saw."""
    d = detections
    views = person_views(rays_of(d, d.pose), d.visibility, d.world, hands_of(d))
    joints = (d.joints[:, :NUM_BODY] - d.joints[:, :1]) @ np.swapaxes(views.rotation, -1, -2)
    rotations = d.rotations[:, :NUM_BODY].astype(np.float64)
    rotations[:, 0] = views.rotation @ rotations[:, 0]
    return Samples.of(features(views, d.visibility), joints, rotations, d.betas)


def hands_seen(detections: Detections) -> Samples:
    """Of every hand that the detector saw and that is there to be seen, as a right one; left ones first."""
    d, parts = detections, []
    whole = kinematic_tree().global_rotations(d.rotations.astype(np.float64))
    hands, rays = hands_of(d), rays_of(d, d.pose)
    for k, side in enumerate(skeleton.SIDES):
        there = d.hand_visibility[:, k] > MIN_HAND_VISIBLE
        rows = np.flatnonzero(np.isfinite(hands[:, k]).all(axis=(1, 2)) & there)
        shoulder, elbow, wrist = ARM[side]
        arm = np.stack([d.world[rows, wrist] - d.world[rows, elbow], d.world[rows, elbow] - d.world[rows, shoulder]], 1)
        views = hand_views(np.full(len(rows), side == 'left'), hands[rows, k], rays[rows, elbow], arm)
        mirror = MIRROR if side == 'left' else np.eye(3)
        points = (d.keypoints[rows, k] - d.keypoints[rows, k, :1]) @ np.swapaxes(views.rotation, -1, -2)
        wrists = views.rotation @ whole[rows, skeleton.WRIST[side]] @ mirror
        fingers = mirror @ d.rotations[rows, skeleton.HAND_SLICE[side]] @ mirror
        parts.append(Samples.of(hand_features(views, d.visibility[rows, elbow]), points,
                                np.concatenate([wrists[:, None], fingers], axis=1), d.betas[rows]))
    return Samples.joined(parts)


def rays_of(detections: Detections, pixels: np.ndarray) -> np.ndarray:
    """(N, ..., 2) px -> x/z, y/z."""
    camera = detections.camera.reshape(len(detections.camera), *[1] * (pixels.ndim - 2), 6)
    return (pixels - camera[..., 2:4]) / camera[..., :2]


def hands_of(detections: Detections) -> np.ndarray:
    """(N, 2, 21, 3) as person_views takes them."""
    d = detections
    seen = d.hands.any(axis=(2, 3))[..., None, None]
    depth = d.hands[..., 2:] - d.hands[..., :1, 2:]
    hands = np.concatenate([rays_of(d, d.hands[..., :2]), depth / d.camera[:, None, None, None, 0]], axis=-1)
    return np.where(seen, hands, np.nan)
