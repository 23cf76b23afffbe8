"""Number and wait policy of the threads of numerical libraries."""

from __future__ import annotations

import os
import sys

#: Spins, some microseconds, before a waiting thread sleeps. GNU's OpenMP, which torch includes,
#: spins for milliseconds by default: if other programs use the processor, too, every layer of a network then waits
#: for a thread that waits for a thread that is not running. With six busy programs on two cores a whole forward then
#: takes three times as long, and three times the processor's time.
_SPIN_COUNT = '1000'


def configure_wait_policy() -> None:
    """Call it before torch is imported; does nothing if the user has set a policy."""
    if not {'GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'} & set(os.environ):
        os.environ['GOMP_SPINCOUNT'] = _SPIN_COUNT


def count_threads() -> int:
    """The number of threads that a library for products should use here: OMP_NUM_THREADS, or one for each core."""
    chosen = os.environ.get('OMP_NUM_THREADS', '')
    return int(chosen) if chosen.isdecimal() and int(chosen) else len(os.sched_getaffinity(0))


def set_torch_threads(threads: int) -> None:
    """Make torch use so many threads; nothing where it is not loaded."""
    torch = sys.modules.get('torch')
    if torch is not None:
        torch.set_num_threads(threads)
