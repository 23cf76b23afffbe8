"""From the features of a fit to the inputs of the open model: boxes of hands, and a prompt for each expert.

The networks use the axes of a camera directed through the centre of the cropped box (the crop's
frame); the features are in the real camera's frame, and rotated here.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .. import skeleton
from ..geometry.crops import BODY_SIZE
from ..geometry.hand_boxes import hand_boxes
from ..geometry.kinematics import kinematic_tree
from ..geometry.placement import view_rotation
from ..keypoints import KEYPOINT_NAMES
from ..landmarks.indices import HIPS, SHOULDERS, PoseLandmark, side_landmarks
from ..networks.hand4whole_pp import HandBoxes
from ..networks.open_model import OPEN_MODEL
from ..networks.prompts import Prompt, Prompts
from .fit_features import FitFeatures

#: Keypoints -> MediaPipe's pose landmarks of another name, or several whose middle they are.
_TOES = {'big_toe': 'FOOT_INDEX', 'small_toe': 'FOOT_INDEX'}
_MIDDLE = {'pelvis': HIPS, 'neck': SHOULDERS, 'nose': (PoseLandmark.NOSE,)}

_MIRROR = np.array([-1, 1, 1], np.float32)
_NUM_BODY = skeleton.NUM_BODY_JOINTS


def _landmark_weights():
    """(25, 33) the share of every landmark in each of the body keypoints."""
    shares = np.zeros((OPEN_MODEL.body.num_keypoints, len(PoseLandmark)), np.float32)
    for row, name in zip(shares, KEYPOINT_NAMES):
        side, _, part = name.partition('_')
        which = _MIDDLE.get(name) or side_landmarks(side, _TOES.get(part, part.upper()))
        row[list(which)] = 1 / len(which)
    return shares


_LANDMARK_WEIGHTS = _landmark_weights()


class PromptBuilder:
    """Builds the prompts of the open model. components (10, 10): of body.open_hands.hand_shape_components."""

    def __init__(self, components: np.ndarray):
        self._components = components.astype(np.float32)

    def __call__(self, features: FitFeatures) -> tuple[dict[str, HandBoxes], Prompts]:
        """Of N people: side -> HandBoxes in pixels of the body picture, and the prompts of both experts."""
        boxes, hands = self.hands(features)
        return boxes, Prompts(_body_prompt(features, crop_to_camera_rotations(features)), hands)

    def hands(self, features: FitFeatures) -> tuple[dict[str, HandBoxes], dict[str, Prompt]]:
        """Of N people: side -> HandBoxes, as above, and side -> the prompts of the hand expert."""
        camera_rotations = crop_to_camera_rotations(features)
        boxes = {side: _make_hand_boxes(features, k) for k, side in enumerate(skeleton.SIDES)}
        wrists = wrist_rotations(features.rotations, camera_rotations)
        return boxes, {side: self._hand(features, camera_rotations, wrists[:, k], k, boxes=boxes[side].boxes.numpy())
                       for k, side in enumerate(skeleton.SIDES)}

    def _hand(self, e, camera_rotations, wrist, k, *, boxes):
        """The prompt of hands of one side, as of right hands."""
        left = skeleton.SIDES[k] == 'left'
        mirror = _MIRROR if left else np.ones(3, np.float32)
        scale = e.box[:, 2] / BODY_SIZE[1]          # image pixels per body-picture pixel
        side = (boxes[:, 2] - boxes[:, 0]) * scale
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2 * scale[:, None] + e.box[:, :2]
        points = e.hands[:, k].copy()
        points[..., :2] = (points[..., :2] - middle[:, None]) * mirror[:2]
        points *= 2 / side[:, None, None]
        rotations = np.concatenate([wrist[:, None], e.rotations[:, skeleton.HAND_SLICE[skeleton.SIDES[k]]]], axis=1)
        rotations = rotations * np.outer(mirror, mirror)
        codes = rotations[..., :2].swapaxes(-1, -2).reshape(len(side), -1)
        depth = (e.joints[:, skeleton.WRIST[skeleton.SIDES[k]]] * camera_rotations[..., 2]).sum(axis=1)
        size = 2 * e.focal / np.maximum(depth, 0.1) / side
        camera = np.stack([size, points[:, 0, 0] / size, points[:, 0, 1] / size], axis=1)
        away = (middle - e.box[:, :2] - e.box[:, 2:] / 2) / e.focal[:, None] * mirror[:2]
        whole = np.concatenate([codes, e.betas @ self._components, camera, away], axis=1)
        return Prompt(_tensor(points[..., :2]), _tensor(e.inside[:, k]), _tensor(points[..., 2:]), _tensor(whole))


def crop_to_camera_rotations(features: FitFeatures) -> np.ndarray:
    """(N, 3, 3) from the crop's frame to the camera's."""
    return np.stack([view_rotation(ray) for ray in features.ray.astype(np.float64)]).astype(np.float32)


def wrist_rotations(local: np.ndarray, camera_rotations: np.ndarray) -> np.ndarray:
    """(N, 2, 3, 3) of left and right wrist in the crop's frame, from rotations (N, 55, 3, 3) against the parents."""
    wrists = (kinematic_tree().joint_rotation(local, wrist) for wrist in skeleton.WRIST.values())
    return np.stack([camera_rotations.swapaxes(-1, -2) @ wrist for wrist in wrists], axis=1)


def _body_prompt(e, camera_rotations):
    points = (_LANDMARK_WEIGHTS @ e.pose - e.box[:, None, :2]) / e.box[:, None, 2:] * 2 - 1
    local = e.rotations[:, :_NUM_BODY].copy()
    local[:, 0] = camera_rotations.swapaxes(-1, -2) @ local[:, 0]
    joints = (e.joints[:, :_NUM_BODY] - e.joints[:, :1]) @ camera_rotations
    depth = (e.joints[:, 0] * camera_rotations[..., 2]).sum(axis=1)
    focal = np.log(e.focal / e.box[:, 3])
    camera = np.stack([np.log(np.maximum(depth, 0.1)), focal, *e.ray.T], axis=1)
    seen = e.inside.any(axis=2, keepdims=True).astype(np.float32)
    hands = (e.hands - e.hands[:, :, :1] * (1, 1, 0)) / e.box[:, 3, None, None, None]
    hands = np.concatenate([seen, (hands * seen[..., None]).reshape(len(seen), 2, -1)], axis=2)
    whole = [local[..., :2].reshape(len(seen), -1), e.betas, joints.reshape(len(seen), -1), camera,
             hands.reshape(len(seen), -1)]
    return Prompt(
        _tensor(points),
        _tensor(e.visibility @ _LANDMARK_WEIGHTS.T),
        _tensor((_LANDMARK_WEIGHTS @ e.world) @ camera_rotations),
        _tensor(np.concatenate(whole, axis=1)),
    )


def _make_hand_boxes(e, k):
    scale = BODY_SIZE[1] / e.box[:, None, 2:3]
    there = (e.hands[:, k, :, :2] - e.box[:, None, :2]) * scale
    return HandBoxes(*hand_boxes(_tensor(there), _tensor(e.inside[:, k]), OPEN_MODEL.hand_room))


def _tensor(values) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
