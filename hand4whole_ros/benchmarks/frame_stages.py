"""Stage 'frame': one picture through the full pipeline's estimator as the node calls it, part by part."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

from ..estimators.base import EstimatorConfig, EstimatorUnavailable
from ..estimators.hand4whole_pp import Hand4WholePPEstimator
from ..synthetic.motion import Motion
from ..system.progress import Bar
from . import subprocess_measurement
from .benchmark_files import BenchmarkFiles
from .result_rows import BenchmarkSkipped
from .stages import REST, StageClock, gflop

#: Images a second, images, and how many of them warm up.
_RATE, _IMAGES, _WARM_UP = 15.0, 24, 4


def measure(files: BenchmarkFiles, device: str = 'cpu', size: str = 'full') -> dict:
    """{'figures', 'remarks', 'profile'} from a child process.

    Raises BenchmarkSkipped, CheckpointError or BodyModelError.
    """
    found = subprocess_measurement.measured_by(__name__, device=device, size=size, folder=str(files.folder()))
    found['remarks']['frame'] += f'; {files.remark}'
    return found


def measure_here(device: str, size: str, folder: str) -> dict:
    """The same in this process."""
    weights = 'published' if size == 'full' else 'random-tiny'
    with Bar(desc='loading the full pipeline', total=_IMAGES, unit='image', leave=False) as bar:
        try:
            # With weights that are made up there is nobody to be followed: the detector looks at every image.
            estimator = Hand4WholePPEstimator(EstimatorConfig(
                device=device, weights_folder=Path(folder), weights=weights, static_images=True))
        except EstimatorUnavailable as error:
            raise BenchmarkSkipped(str(error)) from error
        motion, frames, times, hands = Motion(), [], [], 0
        synchronise = torch.cuda.synchronize if estimator.device.startswith('cuda') else lambda: None
        bar.set_description('rendering and estimating')
        with StageClock(estimator.network, synchronise) as clock:
            for k in range(_IMAGES):
                picture = motion.frame(k / _RATE)
                begun = time.perf_counter()
                people = estimator.estimate(picture, motion.intrinsics)
                frames.append(time.perf_counter() - begun)
                times += [person.stage_times for person in people[:1]]
                hands += sum(hand.visible for person in people for hand in person.hands)
                bar.update()
        work = gflop(estimator.network, lambda: estimator.estimate(picture, motion.intrinsics))
        estimator.close()
    times = times[_WARM_UP:]
    if not times:
        raise RuntimeError('the rendered person was not found')
    spent = {name: 1e3 * float(np.median([one[name] for one in times])) for name in ('boxes', 'network', 'describe')}
    stages = clock.medians(_WARM_UP)
    stages[REST] = spent['network'] - sum(ms for name, ms in stages.items() if name != REST)
    return {'figures': {'frame_ms': 1e3 * float(np.median(frames[_WARM_UP:])),
                        **{f'frame_{name}_ms': ms for name, ms in spent.items()}},
            'frame_precision': estimator.precision,
            'profile': {'frame': {'detector': {'ms': spent['boxes']},
                                  **{name: {'ms': ms, 'gflop': work[name]} for name, ms in stages.items()},
                                  'placing': {'ms': spent['describe']}}},
            'remarks': {'frame': f'{len(times)} images, {hands / _IMAGES:.1f} hands each, on {estimator.device}'}}


if __name__ == '__main__':
    subprocess_measurement.main(measure_here)
