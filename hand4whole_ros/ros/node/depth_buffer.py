"""Depth images that wait for their colour images: paired by stamps, in either order of arrival."""

from __future__ import annotations

import threading
import time
from collections import deque

from ..conversions.serialised_header import read_stamp

#: Maximum difference of the stamps of a colour image and its depth, ns. Drivers that align depth give both one
#: stamp; for other drivers it is half the interval of 25 Hz.
MAX_STAMP_DIFFERENCE = 20_000_000

#: Number of depth images kept: colour overtakes depth by one or two.
_KEPT = 4

#: Seconds without any depth image after which none is waited for.
_SILENCE = 1.0


class DepthBuffer:
    """`add` is called by one thread, `expect` and `take` by another."""

    def __init__(self):
        self._condition = threading.Condition()
        self._images: deque[tuple[int, bytes]] = deque(maxlen=_KEPT)
        self._expected: int | None = None
        self._found: tuple[int, bytes] | None = None
        self._arrived = float('-inf')

    def add(self, data: bytes) -> None:
        """A serialised sensor_msgs/Image has arrived."""
        with self._condition:
            self._arrived = time.monotonic()
            self._images.append((read_stamp(data), data))
            self._match(*self._images[-1])
            self._condition.notify_all()

    def expect(self, stamp: int) -> None:
        """The colour image of this stamp, ns, is being processed: its depth is kept until then."""
        with self._condition:
            self._expected, self._found = stamp, None
            for one in self._images:
                self._match(*one)

    def take(self, timeout: float) -> bytes | None:
        """The depth of the expected image; waits up to `timeout` seconds if it may still come."""
        until = time.monotonic() + timeout
        with self._condition:
            while self._found is None and self._may_still_come():
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._condition.wait(left)
            found, self._expected, self._found = self._found, None, None
        return None if found is None else found[1]

    def _match(self, stamp, data):
        if self._expected is None:
            return
        difference = abs(stamp - self._expected)
        if difference <= MAX_STAMP_DIFFERENCE and (self._found is None
                                                   or difference < abs(self._found[0] - self._expected)):
            self._found = stamp, data

    def _may_still_come(self):
        """False if depth images no longer come, or if a later one has arrived already."""
        return (self._expected is not None and time.monotonic() - self._arrived <= _SILENCE
                and self._images[-1][0] <= self._expected + MAX_STAMP_DIFFERENCE)
