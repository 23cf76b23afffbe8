"""An estimator's output for the person of a sample, in one form for all estimators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .. import skeleton
from ..datasets.sample import Sample
from ..detection.person_boxes import box_iou
from ..estimators.base import Estimator
from .body_parts import BodyParts

#: A detected person is the sample's if their boxes overlap by this much (intersection over union), as in AGORA.
_MIN_MATCH_OVERLAP = 0.1


@dataclass(frozen=True)
class PredictedHand:
    """Metres, along the axes of the camera. None: not estimated."""

    keypoints_3d: np.ndarray                # (21, 3)
    wrist_rotation: np.ndarray | None       # (3, 3) of SMPL-X's wrist, from the T-pose
    vertices: np.ndarray | None = None      # (778, 3) MANO's topology


@dataclass(frozen=True)
class Prediction:
    """One person. Metres, along the axes of the camera; its position is not compared."""

    hands: dict[str, PredictedHand] = field(default_factory=dict)   # side -> the estimated hands
    joints: np.ndarray | None = None                                # (55, 3)
    vertices: np.ndarray | None = None                              # (V, 3)


#: RGB image (H, W, 3) uint8 and its sample, whose truth is not used -> the prediction; None: no person is detected.
Predictor = Callable[[np.ndarray, Sample], Prediction | None]


class EstimatorPredictor:
    """An estimator as it runs with a camera: it detects people and hands itself.

    parts: of SMPL-X and MANO, if meshes are compared, which needs bodies in SMPL-X's own mesh.
    """

    def __init__(self, estimator: Estimator, parts: BodyParts | None = None):
        self._estimator, self._parts = estimator, parts

    def __call__(self, image: np.ndarray, sample: Sample) -> Prediction | None:
        people = self._estimator.estimate(image, sample.intrinsics)
        if not people:
            return None
        if sample.hands_only:       # the image shows one person's hands
            found = people[0]
        else:
            def shared(person):
                low, high = np.split(person.bbox_xyxy.astype(np.float64), 2)
                return box_iou(np.concatenate([low, high - low]), sample.bbox_xywh)
            found = max(people, key=shared)
            if shared(found) < _MIN_MATCH_OVERLAP:
                return None
        parts, body = self._parts, self._estimator.body
        mesh = body.vertices(found).astype(np.float64) if parts and parts.fits(body.num_vertices) else None
        hands = {}
        for hand in found.hands:
            if hand.visible:
                hands[hand.side] = PredictedHand(
                    hand.keypoints_3d.astype(np.float64),
                    found.joint_rotations[skeleton.WRIST[hand.side]].astype(np.float64),
                    None if mesh is None or parts is None else mesh[parts.hand_vertices[hand.side]])
        return Prediction(hands, found.joints.astype(np.float64), mesh)
