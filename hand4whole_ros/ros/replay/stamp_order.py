"""The images of a bag in the order of their stamps: the network may have mixed them up before they were recorded."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

from ..node.stamp_guard import MIN_JUMP_BACK

#: An image that was overtaken by more than this many others is late, and left alone as the live node leaves it.
REORDER_WINDOW = 8


class StampReorderBuffer:
    """Give it images as they were recorded, and take them in order."""

    def __init__(self):
        self._waiting: list[tuple[int, int, Any]] = []
        self._count = 0
        self._newest = None

    def put(self, stamp: int, image: Any) -> Iterator[Any]:
        """Take one more image, stamped in ns; gives those whose turn has come."""
        if self._newest is not None and stamp < self._newest - MIN_JUMP_BACK * 1e9:
            # Time has jumped back: another run, which has nothing to do with this one.
            yield from self.rest()
        self._newest = stamp if self._newest is None else max(stamp, self._newest)
        heapq.heappush(self._waiting, (stamp, self._count, image))
        self._count += 1
        if len(self._waiting) > REORDER_WINDOW:
            yield heapq.heappop(self._waiting)[-1]

    def rest(self) -> Iterator[Any]:
        """There are no more: all that are left."""
        while self._waiting:
            yield heapq.heappop(self._waiting)[-1]
        self._newest = None
