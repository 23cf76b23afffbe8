"""Repeating work and noting how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

#: Rounds at least, and at most; in between, as many as fit into SECONDS.
MIN_ROUNDS, MAX_ROUNDS = 3, 50
DEFAULT_SECONDS = 20.0


def time_interleaved(work: Mapping[str, Callable[[], object]], synchronise: Callable[[], None] = lambda: None,
                seconds: float = DEFAULT_SECONDS, step: Callable[[str], None] = lambda name: None,
                *, clock: Callable[[], float] | None = None, min_rounds: int = MIN_ROUNDS) -> dict[str, float]:
    """Milliseconds of each piece of work, the median over rounds in which each is done once, after one to warm up.

    Whatever else the machine does meets all of them alike, so that their ratios hold where their sizes do not.
    `synchronise` waits for the device; `step` is called with a name before that work is done. clock: the seconds on
    it, time.perf_counter by default; time.process_time is the processor's, which other programs change less.
    min_rounds: rounds at least, however long they take.
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
    return {name: 1e3 * float(np.median(times)) for name, times in spent.items()}
