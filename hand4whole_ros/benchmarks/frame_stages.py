"""Stage 'frame': one image through the full pipeline's estimator as the node calls it, part by part."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

from ..config import EstimatorConfig, WeightsSource
from ..estimators.base import EstimatorUnavailable
from ..estimators.hand4whole_pp import Hand4WholePPEstimator
from ..synthetic.motion import PersonMotion
from ..system.progress import ProgressBar
from . import subprocess_measurement
from .benchmark_files import BenchmarkFiles
from .result_rows import BenchmarkSkipped
from .stages import OTHER_STAGE, StageTimer, count_gflop

#: Images a second, images, and how many of them warm up.
_RATE, _IMAGES, _WARM_UP = 15.0, 24, 4


def measure(files: BenchmarkFiles, device: str = 'cpu', size: str = 'full') -> dict:
    """{'figures', 'remarks', 'profile'} from a child process.

    Raises BenchmarkSkipped, CheckpointError or BodyModelError.
    """
    found = subprocess_measurement.measure_in_subprocess(__name__, device=device, size=size, folder=str(files.folder()))
    found['remarks']['frame'] += f'; {files.remark}'
    return found


def measure_in_process(device: str, size: str, folder: str) -> dict:
    """The same in this process."""
    weights = WeightsSource.PUBLISHED if size == 'full' else WeightsSource.RANDOM_TINY
    with ProgressBar(desc='loading the full pipeline', total=_IMAGES, unit='image', leave=False) as bar:
        try:
            # With generated weights no person is tracked: the detector runs on every image.
            estimator = Hand4WholePPEstimator(EstimatorConfig(
                device=device, weights_folder=Path(folder), weights=weights, static_images=True))
        except EstimatorUnavailable as error:
            raise BenchmarkSkipped(str(error)) from error
        motion, frames, times, hands = PersonMotion(), [], [], 0
        synchronise = torch.cuda.synchronize if estimator.device.startswith('cuda') else lambda: None
        bar.set_description('rendering and estimating')
        with StageTimer(estimator.network, synchronise) as clock:
            for k in range(_IMAGES):
                picture = motion.frame(k / _RATE)
                begun = time.perf_counter()
                people = estimator.estimate(picture, motion.intrinsics, k / _RATE)
                frames.append(time.perf_counter() - begun)
                times += [person.stage_times for person in people[:1]]
                hands += sum(hand.visible for person in people for hand in person.hands)
                bar.update()
        work = count_gflop(estimator.network, lambda: estimator.estimate(picture, motion.intrinsics))
        estimator.close()
    times = times[_WARM_UP:]
    if not times:
        raise RuntimeError('the rendered person was not found')
    spent = {name: 1e3 * float(np.median([one[name] for one in times])) for name in ('boxes', 'network', 'describe')}
    stages = clock.medians(_WARM_UP)
    stages[OTHER_STAGE] = spent['network'] - sum(ms for name, ms in stages.items() if name != OTHER_STAGE)
    return {'figures': {'frame_ms': 1e3 * float(np.median(frames[_WARM_UP:])),
                        **{f'frame_{name}_ms': ms for name, ms in spent.items()}},
            'frame_precision': estimator.precision,
            'profile': {'frame': {'detector': {'ms': spent['boxes']},
                                  **{name: {'ms': ms, 'gflop': work[name]} for name, ms in stages.items()},
                                  'placing': {'ms': spent['describe']}}},
            'remarks': {'frame': f'{len(times)} images, {hands / _IMAGES:.1f} hands each, on {estimator.device}'}}


if __name__ == '__main__':
    subprocess_measurement.main(measure_in_process)
