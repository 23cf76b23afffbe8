"""Stamps of images: never backwards within a run, and a jump back begins a new run."""

from __future__ import annotations

#: Seconds backwards beyond which an image begins a new run (a bag that starts over) instead of being late.
JUMP_BACK = 0.5


class StampGuard:
    """Tells a jump of time from disorder on the way.

    An image a little older than the last one has been overtaken and is late; one much older begins a
    new run.
    """

    def __init__(self):
        self._last = None

    def reset(self) -> None:
        """The next stamp begins a new run."""
        self._last = None

    def judge(self, nanoseconds: int) -> str:
        """'next', 'late' or 'jump'. What is late should be left alone."""
        step = 0.0 if self._last is None else (nanoseconds - self._last) * 1e-9
        if -JUMP_BACK <= step < 0:
            return 'late'
        self._last = nanoseconds
        return 'jump' if step < 0 else 'next'
