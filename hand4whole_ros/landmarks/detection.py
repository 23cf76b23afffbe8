"""Shared code of MediaPipe's detectors: decodes a network's outputs to the box and keypoints of each object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .anchors import anchors
from .crops import checked
from .model_files import ModelFile
from .network import Network
from .regions import Region
from .runtime import Runtime

#: Logits of scores are clipped to this.
_MAX_LOGIT = 100.0

#: Boxes with a larger intersection over union are the same object.
_SAME_OBJECT = 0.3


@dataclass(frozen=True, eq=False)
class Detection:
    """One object. The box is upright in the image and may reach beyond it."""

    score: float            # 0 to 1
    box: np.ndarray         # (4,) px: left, top, right, bottom
    keypoints: np.ndarray   # (K, 2) px


class Detector:
    """A detection network with its anchors. min_score: detections with a lower score are left out."""

    def __init__(self, model: ModelFile, strides: tuple[int, ...], min_score: float, runtime: Runtime | None = None):
        self.min_score = min_score
        self._network = Network(model, runtime or Runtime())
        self._anchors = anchors(model.input_size, strides)

    def detect(self, image: np.ndarray, region: Region | None = None) -> list[Detection]:
        """All objects in an RGB image (H, W, 3) uint8, or in a region of it, the highest score first.

        Raises ValueError if `image` is not an image.
        """
        region = Region.of_image(checked(image)) if region is None else region
        boxes, logits = self._network.run(image, region)
        objects = weighted_suppression(*decode(boxes[0], logits[0, :, 0], self._anchors,
                                               input_size=self._network.model.input_size, min_score=self.min_score))
        return [_to_image(region, *one) for one in objects]


def decode(outputs: np.ndarray, logits: np.ndarray, centres: np.ndarray, *, input_size: int, min_score: float
           ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores (M,), boxes (M, 4): left, top, right, bottom, and keypoints (M, K, 2); 0 and 1 at the edges of the input.

    outputs (N, 4 + 2 K): centre, width and height, keypoints, in px of the input; centre and keypoints are relative to
    the anchors' centres (N, 2). Boxes with a lower score than min_score or a negative size are left out.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits.astype(float), -_MAX_LOGIT, _MAX_LOGIT)))
    chosen = np.flatnonzero((scores >= min_score) & (outputs[:, 2:4] >= 0).all(1))
    values = outputs[chosen].astype(float) / input_size
    centre, half = values[:, :2] + centres[chosen], values[:, 2:4] / 2
    keypoints = values[:, 4:].reshape(len(chosen), (outputs.shape[1] - 4) // 2, 2) + centres[chosen][:, None]
    return scores[chosen], np.concatenate([centre - half, centre + half], axis=1), keypoints


def weighted_suppression(scores: np.ndarray, boxes: np.ndarray, keypoints: np.ndarray
                         ) -> list[tuple[float, np.ndarray, np.ndarray]]:
    """Weighted non-maximum suppression: score, box (4,) and keypoints (K, 2) of each object, the highest score first.

    An object is the box with the highest score together with all boxes that overlap it. It has that score; its box and
    keypoints are the means of theirs, weighted with the scores.
    """
    order = np.argsort(-scores, kind='stable')
    objects = []
    while len(order):
        same = _overlaps(boxes[order[0]], boxes[order]) > _SAME_OBJECT
        same[0] = True      # a box without an area does not overlap itself
        group, weights = order[same], scores[order[same]] / scores[order[same]].sum()
        objects.append((float(scores[order[0]]), weights @ boxes[group], np.tensordot(weights, keypoints[group], 1)))
        order = order[~same]
    return objects


def _overlaps(box, boxes):
    """Intersection over union of one box (4,) with others (M, 4)."""
    size = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    intersection = np.prod(np.maximum(size, 0), axis=1)
    union = np.prod(box[2:] - box[:2]) + np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) - intersection
    return np.divide(intersection, union, out=np.zeros(len(boxes)), where=union > 0)


def _to_image(region, score, box, keypoints):
    corners = region.to_image(box[[[0, 1], [2, 1], [2, 3], [0, 3]]])
    return Detection(score, np.concatenate([corners.min(0), corners.max(0)]), region.to_image(keypoints))
