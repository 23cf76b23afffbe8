"""Errors of the distance of drawn operators' wrists: as estimated, with a known size, and with measured depth."""

from __future__ import annotations

import cv2
import numpy as np

from .. import skeleton
from ..estimate import WholeBodyEstimate
from ..estimators.base import Estimator
from ..geometry.depth_image import DepthImage
from ..synthetic.motion import PersonMotion
from ..synthetic.operator import OPERATOR_SCRIPT
from ..synthetic.visibility import body_rasterizer
from ..teleop.metric_depth import HeightCorrection, PalmLengthCorrection, palm_length
from ..tracking.depth_correction import DepthCorrection

#: Seconds of the operator's motion that are evaluated.
MOMENTS = (1.0, 2.4, 3.6, 5.2, 7.3)

#: A depth camera at a metre or two: its noise, a share of the distance, correlated over some pixels; the error
#: of its calibration, likewise; the share of the image without measurement, besides a rim around every edge.
NOISE, CALIBRATION_ERROR, HOLES = 0.015, 0.01, 0.08
_NOISE_WIDTH, _HOLE_WIDTH, _RIM = 1.5, 6.0, 5      # px

#: m: minimum step in depth of an edge; distance of the wall behind the person.
_EDGE, _WALL = 0.1, 1.5


def depth_figures(estimator: Estimator, people: int = 10, first_seed: int = 10) -> dict[str, float]:
    """Medians and 90th percentiles of the wrist's error along the viewing direction, mm; the estimator takes single
    images. Needs anny."""
    errors: dict[str, list[float]] = {name: [] for name in (
        'as estimated', 'height known', 'palm length known', 'depth measured')}
    correction, hands = DepthCorrection(estimator.body), 0
    for seed in range(first_seed, first_seed + people):
        motion, rng = PersonMotion(seed, score=OPERATOR_SCRIPT), np.random.default_rng((seed, 3))
        by_palm = {side: PalmLengthCorrection(palm_length(points))
                   for side, points in motion.hand_keypoints(0.0).items()}
        by_height = HeightCorrection(float(np.ptp(motion.figure.rest_vertices[:, 1])))
        bias = 1 + rng.normal(0, CALIBRATION_ERROR)
        for moment in MOMENTS:
            found = estimator.estimate(motion.frame(moment), motion.intrinsics, moment)
            measured = _measured_people(found, motion, moment, correction=correction, bias=bias, rng=rng)
            for side, true in motion.hand_keypoints(moment).items():
                hands += 1
                if not found or found[0].hand(side).state != skeleton.OK:
                    continue
                points = found[0].hand(side).keypoints_3d.astype(np.float64)
                places = {'as estimated': points, 'palm length known': by_palm[side](points, seed),
                          'height known': by_height(points, found[0].joints.astype(np.float64), seed),
                          'depth measured': measured[0].hand(side).keypoints_3d.astype(np.float64)}
                ray = true[0] / np.linalg.norm(true[0])
                for name, place in places.items():
                    errors[name].append(1000 * abs(float((place[0] - true[0]) @ ray)))
    figures: dict[str, float] = {'hands': hands, 'found': len(errors['as estimated'])}
    for name, values in errors.items():
        figures[f'{name}, median mm'] = float(np.median(values)) if values else float('nan')
        figures[f'{name}, p90 mm'] = float(np.percentile(values, 90)) if values else float('nan')
    return figures


def _measured_people(found, motion, moment, *, correction, bias, rng) -> list[WholeBodyEstimate]:
    depth = body_rasterizer().ids_and_depth(motion.scene(moment).vertices, motion.intrinsics)[1]
    correction.reset()      # images are independent
    return correction(found, [], noisy_depth(bias * depth, rng), motion.intrinsics, stamp=moment).people


def noisy_depth(depth: np.ndarray, rng: np.random.Generator) -> DepthImage:
    """Exact depth (H, W) m, inf where nothing is -> that of a depth camera, in millimetres, in front of a wall."""
    exact = np.where(np.isfinite(depth), depth, depth[np.isfinite(depth)].max() + _WALL).astype(np.float32)

    def blurred(width):
        noise = cv2.GaussianBlur(rng.normal(size=exact.shape).astype(np.float32), (0, 0), width)
        return noise / noise.std()
    rim = cv2.morphologyEx(exact, cv2.MORPH_GRADIENT, np.ones((_RIM, _RIM), np.uint8)) > _EDGE
    blobs = blurred(_HOLE_WIDTH)
    measured = exact * (1 + NOISE * blurred(_NOISE_WIDTH))
    measured[rim | (blobs > np.quantile(blobs, 1 - HOLES))] = 0
    return DepthImage(np.round(1000 * measured).astype(np.uint16), 0.001)
