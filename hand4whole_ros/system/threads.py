"""How threads of numerical libraries wait for one another."""

from __future__ import annotations

import os

#: Turns of a loop, some microseconds, before a waiting thread goes to sleep. GNU's OpenMP, which torch brings along,
#: turns for milliseconds by itself: where other programs want the processor, too, every layer of a network then waits
#: for a thread that waits for a thread that is not running. With six busy programs on two cores a whole forward takes
#: three times as long so, and three times the processor's time.
_SPIN_COUNT = '1000'


def configure_wait_policy() -> None:
    """To be called before torch is imported; does nothing where the user has said how threads should wait."""
    if not {'GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'} & set(os.environ):
        os.environ['GOMP_SPINCOUNT'] = _SPIN_COUNT
