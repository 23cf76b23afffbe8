"""Stage 'video': the open estimators on a drawn operator in a video, beside MediaPipe Holistic, in one run.

Detectors and mirror images run in some images only: the figures are means.
"""

from __future__ import annotations

from itertools import count

import numpy as np

from .. import estimators
from ..config import EstimatorConfig
from ..geometry.camera import Intrinsics
from ..skeleton import SIDES
from ..synthetic.motion import PersonMotion
from . import timing
from .landmarks import RATE, VideoWorkload, beside_each_other, create_holistic, draw_video, time_videos
from .result_rows import VIDEO_RUNS, stage_keys

#: Images after which everybody is tracked with both hands.
_WARM_UP = 30


def measure(seconds: float = 3 * timing.DEFAULT_SECONDS) -> dict:
    """{'figures': ..., 'why_null': ...} of the rows of stage 'video', within some seconds.

    Raises LandmarksUnavailable or EstimatorUnavailable.
    """
    motion = PersonMotion()
    images, focal = draw_video(motion), motion.intrinsics.fx
    made = {run: estimators.create(EstimatorConfig(run.estimator, quality=run.quality, max_people=run.people))
            for run in VIDEO_RUNS}
    videos = {run.key: VideoWorkload(beside_each_other(images, run.people), _estimation(estimator, focal))
              for run, estimator in made.items()}
    holistic = create_holistic()
    if holistic is not None:
        videos['holistic'] = VideoWorkload(beside_each_other(images, 1), lambda image, _: holistic.process(image))
    try:
        figures = {f'video_{key}': figure for key, figure in time_videos(
            videos, seconds, warm_up=_WARM_UP, average=np.mean).items()}
    finally:
        for closed in [*made.values(), *([] if holistic is None else [holistic])]:
            closed.close()
    for run in made:
        people = videos[run.key].last
        if len(people) < run.people or not all(person.hand(side).visible for person in people for side in SIDES):
            for kind in ('', '_processor'):
                del figures[f'video_{run.key}{kind}_ms']
    why_null = {key: 'mediapipe is not installed' if 'holistic' in key else 'not everybody was detected with both hands'
                for key in stage_keys('video') if key not in figures}
    return {'figures': figures, 'why_null': why_null}


def _estimation(estimator, focal):
    """Estimates the people of an image; the images are taken RATE a second."""
    stamps = count()

    def step(image, _):
        height, width = image.shape[:2]
        return estimator.estimate(image, Intrinsics.from_focal(width, height, focal), next(stamps) / RATE)
    return step
