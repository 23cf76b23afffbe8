"""Estimates from parameters: all fields that depend on pose and shape are computed here, for every estimator.

Both changed and new parameters give an estimate whose joints, rotations and hand keypoints come from the body
model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import skeleton
from ..estimate import HandEstimate, WholeBodyEstimate, hand_shape_betas
from ..geometry.camera import Intrinsics
from ..geometry.keypoint_agreement import measure_agreement
from .model import BodyModel

#: Points that project farther than this from the image are clipped to it, px.
MAX_PIXEL_DISTANCE = 1e6


@dataclass(frozen=True)
class ObservedHand:
    """An estimator's output for one hand besides the pose of its fingers. By default it was not detected."""

    state: int = skeleton.LOST            #: skeleton.OK, HELD or LOST
    confidence: float = 0.0               #: 0 to 1
    betas: ArrayLike | None = None           #: (10,) MANO shape; None: the body's own hand
    keypoints_2d: ArrayLike | None = None    #: (21, 2) px as measured; None: the projected 3D ones
    bbox_xyxy: ArrayLike | None = None       #: (4,) px; None: unknown
    #: (21, 2) px as detected, independently of the 3D ones; NaN for some of them, None for all: unknown
    detected_2d: ArrayLike | None = None


def rest_joints(body: BodyModel, betas: np.ndarray, expression: np.ndarray | None = None) -> np.ndarray:
    """(55, 3) m, the joints in the T-pose of a body of shape `betas` (10,) and `expression` (10,)."""
    return body.rest_joints(betas, expression).astype(np.float32)


def repose_estimate(body: BodyModel, estimate: WholeBodyEstimate, local_rotations: np.ndarray, *, betas: np.ndarray,
          pelvis: np.ndarray) -> WholeBodyEstimate:
    """`estimate` with the given joint rotations, shape and pelvis.

    local_rotations (55, 3) axis-angle, betas (10,), pelvis (3,) m in the camera frame. Joints, their
    rotations, transl and the hands' 3D keypoints are computed anew, the hands with the shape in `estimate`;
    measurements in the image (boxes, 2D keypoints, confidences) stay, and the mesh is dropped.
    """
    parameters, keypoints = _derive_fields(body, local_rotations, betas, estimate.expression,
                                           hand_betas=estimate.hand_betas, pelvis=pelvis)
    hands = {f'{hand.side}_hand': replace(hand, keypoints_3d=keypoints[hand.side]) for hand in estimate.hands}
    return replace(estimate, **parameters, **hands, vertices=None)


def move_estimate(estimate: WholeBodyEstimate, shift: np.ndarray) -> WholeBodyEstimate:
    """`estimate` moved by (3,) m; measurements in the image stay."""
    step = _float32(shift)
    hands = {f'{hand.side}_hand': replace(hand, keypoints_3d=hand.keypoints_3d + step) for hand in estimate.hands}
    return replace(estimate, transl=estimate.transl + step, joints=estimate.joints + step,
                   vertices=None if estimate.vertices is None else estimate.vertices + step, **hands)


def estimate_from_parameters(body: BodyModel, local_rotations: ArrayLike, betas: ArrayLike, expression: ArrayLike,
              *, intrinsics: Intrinsics, bbox_xyxy: ArrayLike, confidence: float,
              hands: Mapping[str, ObservedHand] | None = None, pelvis: ArrayLike | None = None,
              transl: ArrayLike | None = None, stage_times: Mapping[str, float] | None = None,
              joint_confidence: ArrayLike | None = None, track_id: int = -1) -> WholeBodyEstimate:
    """The estimate of a person with these parameters, including all fields that follow from them.

    local_rotations (55, 3) axis-angle in the order of the joints, betas (10,), expression (10,); pelvis (3,) m
    in the camera frame, or SMPL-X's transl (3,), one of the two. intrinsics: of the image, which the hands' 3D
    keypoints are projected with unless measured, at most MAX_PIXEL_DISTANCE away; zero behind the camera.
    bbox_xyxy (4,) px. A hand missing in `hands` was not detected. All may be of any floating type.
    joint_confidence (55,), track_id: as in WholeBodyEstimate.
    """
    if (pelvis is None) == (transl is None):
        raise ValueError('a person needs a place: either pelvis or transl')
    seen = [(hands or {}).get(side, ObservedHand()) for side in skeleton.SIDES]
    estimated_hands = [_make_unplaced_hand(side, hand) for side, hand in zip(skeleton.SIDES, seen)]
    place = {name: _float32(value) for name, value in (('pelvis', pelvis), ('transl', transl)) if value is not None}
    parameters, keypoints = _derive_fields(body, _float32(local_rotations), _float32(betas), _float32(expression),
                                    hand_betas=hand_shape_betas(estimated_hands), **place)
    for k, (hand, known) in enumerate(zip(estimated_hands, seen)):
        points, pixels = keypoints[hand.side], known.keypoints_2d
        if pixels is None:
            # A point beside the camera projects to infinity.
            pixels = np.nan_to_num(intrinsics.project(points), nan=0.0)
            pixels = np.clip(pixels, -MAX_PIXEL_DISTANCE, MAX_PIXEL_DISTANCE)
        agreement = None if known.detected_2d is None else \
            measure_agreement(_float32(known.detected_2d), points, intrinsics)
        estimated_hands[k] = replace(hand, keypoints_3d=points, keypoints_2d=_float32(pixels), agreement=agreement)
    return WholeBodyEstimate(
        **parameters, left_hand=estimated_hands[0], right_hand=estimated_hands[1], bbox_xyxy=_float32(bbox_xyxy),
        confidence=float(confidence), track_id=track_id, stage_times=dict(stage_times or {}),
        joint_confidence=None if joint_confidence is None else _float32(joint_confidence))


def _derive_fields(body, local_rotations, betas, expression, *, hand_betas, **place
                   ) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Every field of an estimate that depends on pose and shape, and side -> keypoints (21, 3)."""
    found = body.skeleton(local_rotations, betas, expression, hand_betas=hand_betas, **place)
    parameters = {name: local_rotations[rows] if rows.stop - rows.start > 1 else local_rotations[rows.start]
                  for name, rows in skeleton.POSE_SLICES.items()}
    parameters.update(betas=betas, expression=expression, transl=_float32(found.transl),
                      joints=_float32(found.joints), joint_rotations=_float32(found.joint_rotations))
    return parameters, {side: _float32(points) for side, points in found.hand_keypoints.items()}


def _make_unplaced_hand(side, seen):
    """A hand whose keypoints are not computed yet."""
    box = np.zeros(4, np.float32) if seen.bbox_xyxy is None else _float32(seen.bbox_xyxy)
    betas = None if seen.betas is None else _float32(seen.betas)
    points, pixels = np.zeros((21, 3), np.float32), np.zeros((21, 2), np.float32)
    return HandEstimate(side, seen.state, float(seen.confidence), points, pixels, betas, box)


def _float32(values):
    return np.asarray(values, np.float32)
