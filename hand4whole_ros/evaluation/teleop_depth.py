"""Errors of the distance of drawn operators' wrists, with the length of the palm known and without."""

from __future__ import annotations

import numpy as np

from .. import skeleton
from ..estimators.base import Estimator
from ..synthetic.motion import PersonMotion
from ..synthetic.operator import OPERATOR_SCRIPT
from ..teleop.metric_depth import PalmLengthCorrection, palm_length

#: Seconds of the operator's motion that are looked at.
MOMENTS = (1.0, 2.4, 3.6, 5.2, 7.3)


def depth_figures(estimator: Estimator, people: int = 10, first_seed: int = 10) -> dict[str, float]:
    """Medians and 90th percentiles of the wrist's error along the viewing direction, mm; the estimator takes single
    images. Needs anny."""
    errors = {'as estimated': [], 'palm length known': []}
    hands = 0
    for seed in range(first_seed, first_seed + people):
        motion = PersonMotion(seed, score=OPERATOR_SCRIPT)
        corrections = {side: PalmLengthCorrection(palm_length(points))
                       for side, points in motion.hand_keypoints(0.0).items()}
        for moment in MOMENTS:
            found = estimator.estimate(motion.frame(moment), motion.intrinsics, moment)
            for side, true in motion.hand_keypoints(moment).items():
                hands += 1
                if not found or found[0].hand(side).state != skeleton.OK:
                    continue
                measured = found[0].hand(side).keypoints_3d.double().numpy()
                ray = true[0] / np.linalg.norm(true[0])
                for name, points in (('as estimated', measured),
                                     ('palm length known', corrections[side](measured, seed))):
                    errors[name].append(1000 * abs(float((points[0] - true[0]) @ ray)))
    figures: dict[str, float] = {'hands': hands, 'found': len(errors['as estimated'])}
    for name, values in errors.items():
        figures[f'{name}, median mm'] = float(np.median(values)) if values else float('nan')
        figures[f'{name}, p90 mm'] = float(np.percentile(values, 90)) if values else float('nan')
    return figures
