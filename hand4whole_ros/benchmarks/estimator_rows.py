"""Stage 'estimators': every estimator on images of one person and of four people, in one run."""

from __future__ import annotations

import functools
import time
from pathlib import Path

import numpy as np
import torch

from .. import estimators
from ..config import EstimatorConfig, WeightsSource
from ..estimators.base import Estimator, EstimatorUnavailable
from ..synthetic.motion import PersonMotion
from ..system.memory import trim_memory
from ..system.progress import ProgressBar
from . import subprocess_measurement
from .benchmark_files import BenchmarkFiles
from .result_rows import ESTIMATORS, PEOPLE, BenchmarkSkipped, estimator_key
from .timing import DEFAULT_SECONDS, MIN_ROUNDS, time_interleaved

_WEIGHTS = {'full': WeightsSource.RANDOM, 'tiny': WeightsSource.RANDOM_TINY}
#: Seconds of the person's movement from one of four people to the next.
_APART = 1.7


def measure(files: BenchmarkFiles, device: str = 'cpu', size: str = 'full') -> dict:
    """{'figures', 'why_null', 'remarks'} from a child process. Raises BenchmarkSkipped or BodyModelError."""
    found = subprocess_measurement.measure_in_subprocess(__name__, device=device, size=size,
                                                         folder=str(files.body_folder()))
    found['remarks']['estimators'] += f'; weights made up from names; {files.body_remark}'
    return found


def measure_in_process(device: str, size: str, folder: str) -> dict:
    """The same in this process."""
    if size == 'tiny':      # tiny networks would wait longer for a second thread than they compute
        torch.set_num_threads(1)
    made, why, remarks = {}, {}, []
    for name in ESTIMATORS:
        config = EstimatorConfig(name, device=device, weights=_WEIGHTS[size], weights_folder=Path(folder),
                                 max_people=max(PEOPLE), max_hands=2 * max(PEOPLE), static_images=True)
        try:
            made[name] = estimators.create(config)
            trim_memory()   # all of them are in memory at once
        except EstimatorUnavailable as error:
            why.update({estimator_key(name, people, part): str(error) for people in PEOPLE for part in ('', 'network')})
    if not made:
        raise BenchmarkSkipped(next(iter(why.values())))
    pictures, clocks = draw_pictures(), {name: NetworkClock(one) for name, one in made.items()}
    figures: dict[str, float | None] = {}
    runs = {estimator_key(name, people): (name, people) for people in pictures for name in made}
    seen: dict[str, str] = {}

    def estimate(key):
        name, people = runs[key]
        found = made[name].estimate(*pictures[people])
        seen[key] = f'{len(found)} people, {len(made[name].loose_hands)} other hands'
    work = {key: functools.partial(estimate, key) for key in runs}
    with ProgressBar(desc='estimators', unit='picture', leave=False) as bar:
        def step(key):
            name, people = runs[key]
            clocks[name].begin(people)
            bar.update()
        figures.update(time_interleaved(work, seconds=DEFAULT_SECONDS if size == 'full' else 0.0, step=step,
                                        min_rounds=MIN_ROUNDS if size == 'full' else 1))
    for name, people in runs.values():
        key, spent = estimator_key(name, people, 'network'), clocks[name].median_ms(people)
        figures[key] = spent
        if spent is None:
            why[key] = 'it has no network of its own besides those for landmarks'
    for name, one in made.items():
        remarks.append(f'{name} on {one.device}: '
                       f'{"; ".join(seen[estimator_key(name, people)] for people in pictures)}')
        one.close()
    return {'figures': figures, 'why_null': why, 'remarks': {'estimators': ' | '.join(remarks)}}


def draw_pictures() -> dict:
    """Number of people -> (image, intrinsics): people of equal size in each, beside and above each other."""
    motion = PersonMotion()
    frames = [motion.frame(_APART * k) for k in range(max(PEOPLE))]
    half = len(frames) // 2
    together = np.concatenate([np.concatenate(frames[:half], axis=1), np.concatenate(frames[half:], axis=1)])
    height, width = together.shape[:2]
    one = motion.intrinsics
    many = type(one)(one.fx, one.fy, (width - 1) / 2, (height - 1) / 2, width, height)
    return {1: (frames[0], one), max(PEOPLE): (together, many)}


class NetworkClock:
    """Time of an estimator's network for each image, all its passes together."""

    def __init__(self, estimator: Estimator):
        self._spent: dict[int, list[float]] = {}
        self._people, self._started = 0, 0.0
        # Of the open model only parts are run, and its forward never.
        network = None if estimator.name == 'open' else getattr(estimator, 'network', None)
        self._has_network = network is not None
        self._cuda = estimator.device.startswith('cuda')
        if network is not None:
            network.register_forward_pre_hook(self._begin_pass)
            network.register_forward_hook(self._end_pass)

    def begin(self, people: int) -> None:
        """The next passes are for one image of so many people."""
        self._people = people
        self._spent.setdefault(people, []).append(0.0)

    def median_ms(self, people: int) -> float | None:
        """Over all images but the first; None without a network."""
        return 1e3 * float(np.median(self._spent[people][1:])) if self._has_network else None

    def _begin_pass(self, *_):
        self._synchronise()
        self._started = time.perf_counter()

    def _end_pass(self, *_):
        self._synchronise()
        if self._people:
            self._spent[self._people][-1] += time.perf_counter() - self._started

    def _synchronise(self):
        if self._cuda:
            torch.cuda.synchronize()


if __name__ == '__main__':
    subprocess_measurement.main(measure_in_process)
