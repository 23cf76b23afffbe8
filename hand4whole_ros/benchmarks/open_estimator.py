"""Stage 'mediapipe': the open estimator on a rendered moving person, image by image as in the node."""

from __future__ import annotations

import numpy as np

from ..config import EstimatorConfig
from ..estimators.base import EstimatorUnavailable
from ..estimators.mediapipe import MediaPipeEstimator
from ..synthetic.motion import PersonMotion
from ..system.progress import ProgressBar
from .result_rows import BenchmarkSkipped

#: Images a second, images, and how many of them warm up.
RATE, IMAGES, WARM_UP = 15.0, 90, 15


def measure(images: int = IMAGES) -> dict:
    """{'figures': detector_ms, fit_ms}. Raises BenchmarkSkipped."""
    try:
        estimator = MediaPipeEstimator(EstimatorConfig('mediapipe'))
    except EstimatorUnavailable as error:
        raise BenchmarkSkipped(str(error)) from error
    times = []
    try:
        motion = PersonMotion()
        for k in ProgressBar(range(images), 'rendering and estimating', unit='image', leave=False):
            moment = k / RATE
            found = estimator.estimate(motion.frame(moment), motion.intrinsics, moment)
            times += [person.stage_times for person in found]
    finally:
        estimator.close()
    times = times[WARM_UP:]
    if not times:
        raise RuntimeError('the rendered person was not found')
    return {'figures': {f'{stage}_ms': 1e3 * float(np.median([seen[stage] for seen in times]))
                        for stage in ('detector', 'fit')}}
