"""Targets of the open model for people: the truth along the axes of its crops (estimators.prompt_builder)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .. import skeleton
from ..estimators.fit_features import FitFeatures
from ..estimators.prompt_builder import crop_to_camera_rotations, wrist_rotations
from ..geometry.crops import BODY_SIZE
from .shards import ShardTruth

NUM_BODY = skeleton.NUM_BODY_JOINTS

#: Hands with a smaller visible share are not targets.
MIN_VISIBILITY = 0.25

_MIRROR = np.array([-1, 1, 1], np.float32)


class BodyTargets(NamedTuple):
    """Of N people, float32, the crop's frame."""

    rotations: Tensor   #: (N, 22, 3, 3) against the parent, the root's in the frame
    betas: Tensor       #: (N, 10)
    joints: Tensor      #: (N, 22, 3) m from the pelvis
    wrists: Tensor      #: (N, 2, 3, 3) of left and right wrist in the frame
    places: Tensor      #: (N, 22, 2) of the joints, -1 to 1 across the crop; NaN behind the camera

    def take(self, rows: Tensor) -> BodyTargets:
        """Those of these rows."""
        return BodyTargets(*(values[rows] for values in self))


class HandTargets(NamedTuple):
    """Of N hands as right hands, float32, the crop's frame."""

    rotations: Tensor   #: (N, 16, 3, 3) the wrist's in the frame, then fingers against their parents
    betas: Tensor       #: (N, 10) of the open hand
    keypoints: Tensor   #: (N, 21, 3) m from the wrist
    places: Tensor      #: (N, 21, 2) in sides of the hand's box from its middle; NaN behind
    counts: Tensor      #: (N,) bool: detected, and truly visible

    def take(self, rows: Tensor) -> HandTargets:
        """Those of these rows."""
        return HandTargets(*(values[rows] for values in self))


def body_targets(evidence: FitFeatures, truth: ShardTruth) -> BodyTargets:
    """Of N people."""
    turns = crop_to_camera_rotations(evidence)
    rotations = truth.rotations[:, :NUM_BODY].copy()
    rotations[:, 0] = turns.swapaxes(-1, -2) @ rotations[:, 0]
    joints = truth.joints[:, :NUM_BODY]
    pixels = _pixels(joints, evidence) / evidence.box[:, None, 2:] * 2
    return BodyTargets(*map(torch.from_numpy, (
        rotations, truth.betas, (joints - joints[:, :1]) @ turns, wrist_rotations(truth.rotations, turns), pixels)))


def hand_targets(
    evidence: FitFeatures, truth: ShardTruth, boxes: dict, components: np.ndarray
) -> dict[str, HandTargets]:
    """side -> of N people.

    boxes: as PromptBuilder gives them; components (10, 10): of open_hands.hand_shape_components.
    """
    turns = crop_to_camera_rotations(evidence)
    wrists, found = wrist_rotations(truth.rotations, turns), {}
    for k, side in enumerate(skeleton.SIDES):
        mirror = _MIRROR if side == 'left' else np.ones(3, np.float32)
        rotations = np.concatenate([wrists[:, k, None], truth.rotations[:, skeleton.HAND_SLICE[side]]], axis=1)
        keypoints = ((truth.hands[:, k] - truth.hands[:, k, :1]) @ turns) * mirror
        scale = evidence.box[:, 2] / BODY_SIZE[1]
        box = boxes[side].boxes.numpy() * scale[:, None]
        middle = (box[:, :2] + box[:, 2:]) / 2 - evidence.box[:, 2:] / 2
        places = (_pixels(truth.hands[:, k], evidence) - middle[:, None]) / (box[:, 2] - box[:, 0])[:, None, None]
        counts = boxes[side].exists & torch.from_numpy(truth.visibility[:, k] >= MIN_VISIBILITY)
        rotations, betas, keypoints, places = (torch.from_numpy(value.astype(np.float32)) for value in (
            rotations * np.outer(mirror, mirror), truth.betas @ components, keypoints, places * mirror[:2]))
        found[side] = HandTargets(rotations, betas, keypoints, places, counts)
    return found


def concatenate_targets(parts: list[HandTargets]) -> HandTargets:
    """The hands of several, concatenated."""
    return HandTargets(*(torch.cat(part) for part in zip(*parts)))


def _pixels(points, evidence):
    """(N, P, 3) m in the camera -> (N, P, 2) px from the middle of the box; NaN behind the camera."""
    depth = np.where(points[..., 2:] > 0.05, points[..., 2:], np.nan)
    return evidence.focal[:, None, None] * (points[..., :2] / depth - evidence.ray[:, None])

