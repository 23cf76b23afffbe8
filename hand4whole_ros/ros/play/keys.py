"""The rate at which a bag is played, and the keys that change it."""

from __future__ import annotations

import select
import sys
import time

#: Factor of the rate for one key.
_RATE_FACTORS = {'+': 1.25, '=': 1.25, '-': 0.8}

PAUSE_KEY = ' '


class PlaybackClock:
    """Bag time that advances at some rate, or is paused."""

    def __init__(self, rate: float = 1.0, paused: bool = False):
        self.rate, self.paused = rate, paused
        self.begin(0)

    def begin(self, nanoseconds: int) -> None:
        """Set the present time."""
        self._base_time, self._base_monotonic = nanoseconds, time.monotonic_ns()

    def now(self) -> int:
        """The time in the bag, ns."""
        return (
            self._base_time
            if self.paused
            else self._base_time + int((time.monotonic_ns() - self._base_monotonic) * self.rate)
        )

    def time_and_delay(self, nanoseconds: int) -> tuple[int, float]:
        """The time in the bag, ns, and real seconds until it is that time: 0 if it has come, infinite while paused.

        Both from one reading of the clock: as long as there are seconds left, the time is earlier than that.
        """
        now = self.now()
        return now, float('inf') if self.paused else max(nanoseconds - now, 0) * 1e-9 / self.rate

    def key(self, key: str) -> None:
        """A key was pressed: space pauses and resumes, + and - change the rate."""
        self.begin(self.now())
        if key == PAUSE_KEY:
            self.paused = not self.paused
        elif key in _RATE_FACTORS:
            self.rate *= _RATE_FACTORS[key]

    def describe(self) -> str:
        """State as text for the user."""
        return f' {self.rate:.2f} x' + (', paused: space resumes' if self.paused else '')


class Keyboard:
    """Keys pressed in the terminal; none without a terminal. A context manager, which restores it."""

    def __init__(self):
        self._terminal = None

    def __enter__(self) -> Keyboard:
        if sys.stdin is not None and sys.stdin.isatty():
            import termios
            import tty
            self._terminal = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
        return self

    def __exit__(self, *error) -> None:
        if self._terminal is not None:
            import termios
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._terminal)

    def pressed(self) -> str:
        """The keys pressed since the last call."""
        if self._terminal is None or not select.select([sys.stdin], [], [], 0)[0]:
            return ''
        import os
        return os.read(sys.stdin.fileno(), 64).decode(errors='ignore')
