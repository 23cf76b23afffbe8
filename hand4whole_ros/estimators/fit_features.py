"""The results of the landmark fit as plain arrays: of one person in an image, or of thousands to train on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from .. import skeleton
from ..detection import body_box
from ..geometry.boxes import inside
from ..geometry.camera import Intrinsics
from ..geometry.crops import person_box
from ..landmarks.indices import MIRRORED_POSE
from .landmark_fit import LandmarkFit

#: A mirror in x: of points, and of rotations.
_MIRROR_POINTS = np.array([-1, 1, 1], np.float32)
_MIRROR_ROTATION = np.outer(_MIRROR_POINTS, _MIRROR_POINTS)


class FitFeatures(NamedTuple):
    """Of N people, float32. Left and right are the person's own, in that order. Camera optical frame."""

    box: np.ndarray         #: (N, 4) xywh px, of the networks' crop: aspect 3:4
    ray: np.ndarray         #: (N, 2) x/z, y/z through the middle of the box
    focal: np.ndarray       #: (N,) px
    pose: np.ndarray        #: (N, 33, 2) px, MediaPipe's pose landmarks
    visibility: np.ndarray  #: (N, 33) 0 to 1
    world: np.ndarray       #: (N, 33, 3) m from the middle of the hips
    hands: np.ndarray       #: (N, 2, 21, 3) px, px, relative depth in px; zeros where not detected
    inside: np.ndarray      #: (N, 2, 21) 1 where the point was detected within the image, else 0
    rotations: np.ndarray   #: (N, 55, 3, 3) of the fitted body against the parent joint, the root's in the camera
    betas: np.ndarray       #: (N, 10)
    joints: np.ndarray      #: (N, 55, 3) m

    def take(self, rows) -> FitFeatures:
        """The people of these rows."""
        return FitFeatures(*(values[rows] for values in self))


def features_of_fit(landmark_fit: LandmarkFit, intrinsics: Intrinsics) -> FitFeatures | None:
    """Of one person; None if no part of the person is in the image."""
    size = intrinsics.width, intrinsics.height
    tight = body_box.box_from_landmarks(
        landmark_fit.landmarks, [points[:, :2] for points in landmark_fit.hands.values()], *size
    )
    if tight is None:
        return None
    box = person_box(torch.from_numpy(tight)).numpy()
    hands, shown = np.zeros((2, 21, 3)), np.zeros((2, 21))
    for k, side in enumerate(skeleton.SIDES):
        if side in landmark_fit.hands:
            hands[k] = landmark_fit.hands[side]
            shown[k] = inside(hands[k, :, :2], *size)
    pose = landmark_fit.fitted.pose
    rows = (box, intrinsics.normalize(box[:2] + box[2:] / 2), np.sqrt(intrinsics.fx * intrinsics.fy),
            landmark_fit.landmarks.pose, landmark_fit.landmarks.visibility, landmark_fit.landmarks.world, hands, shown,
            pose.rotations[0], pose.betas[0], landmark_fit.fitted.placed.joints[0])
    return FitFeatures(*(np.asarray(row, np.float32)[None] for row in rows))


def mirror_features(features: FitFeatures) -> FitFeatures:
    """The same people mirrored, about the image's middle at x = 0: left and right are exchanged."""
    e = features
    pixels = np.array([-1, 1], np.float32)
    box = e.box.copy()
    box[:, 0] = -(box[:, 0] + box[:, 2])
    order, joints = list(MIRRORED_POSE), list(skeleton.MIRROR)
    return FitFeatures(box, e.ray * pixels, e.focal, e.pose[:, order] * pixels, e.visibility[:, order],
                    e.world[:, order] * _MIRROR_POINTS, e.hands[:, ::-1] * _MIRROR_POINTS, e.inside[:, ::-1],
                    e.rotations[:, joints] * _MIRROR_ROTATION, e.betas, e.joints[:, joints] * _MIRROR_POINTS)


def concatenate_features(parts: list[FitFeatures]) -> FitFeatures:
    """The people of several, concatenated."""
    return FitFeatures(*(np.concatenate(values) for values in zip(*parts)))
