"""Timing of repeated work."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

#: Minimum and maximum number of rounds; in between, as many as fit into the seconds.
MIN_ROUNDS, MAX_ROUNDS = 3, 50
DEFAULT_SECONDS = 20.0


def time_interleaved(work: Mapping[str, Callable[[], object]], synchronise: Callable[[], None] = lambda: None,
                     seconds: float = DEFAULT_SECONDS, step: Callable[[str], None] = lambda name: None,
                     *, clock: Callable[[], float] | None = None, min_rounds: int = MIN_ROUNDS,
                     average: Callable = np.median) -> dict[str, float]:
    """Milliseconds of each piece of work, the median over rounds in which each is done once, after a warm-up round.

    Other load on the machine affects all of them alike, so that their ratios are valid even if their values are not.
    `synchronise` waits for the device; `step` is called with a name before that work is done. clock: in
    seconds, time.perf_counter by default; time.process_time is the processor's, which depends less on other programs.
    min_rounds: minimum number of rounds, however long they take. average: instead of the median, as for work that costs
    more in some rounds by design.
    """
    clock = clock or time.perf_counter
    spent = {name: [] for name in work}
    begun = time.perf_counter()
    for number in range(-1, MAX_ROUNDS):
        if number >= min_rounds and time.perf_counter() - begun > seconds:
            break
        if number == 0:
            begun = time.perf_counter()
        for name, do in work.items():
            step(name)
            synchronise()
            start = clock()
            do()
            synchronise()
            if number >= 0:
                spent[name].append(clock() - start)
    return {name: 1e3 * float(average(times)) for name, times in spent.items()}
