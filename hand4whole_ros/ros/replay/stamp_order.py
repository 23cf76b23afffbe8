"""The images of a bag in the order of their stamps: the network may have mixed them up before they were recorded."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

from ..node.stamp_guard import MIN_JUMP_BACK

#: An image overtaken by more than this many others is late, and skipped as in the live node.
REORDER_WINDOW = 8


class StampReorderBuffer:
    """Takes images as they were recorded, and returns them in order of their stamps."""

    def __init__(self):
        self._waiting: list[tuple[int, int, Any]] = []
        self._count = 0
        self._newest = None

    def put(self, stamp: int, image: Any) -> Iterator[Any]:
        """Add an image, stamped in ns; returns those whose turn has come."""
        if self._newest is not None and stamp < self._newest - MIN_JUMP_BACK * 1e9:
            # Time has jumped back: a new, independent run.
            yield from self.rest()
        self._newest = stamp if self._newest is None else max(stamp, self._newest)
        heapq.heappush(self._waiting, (stamp, self._count, image))
        self._count += 1
        if len(self._waiting) > REORDER_WINDOW:
            yield heapq.heappop(self._waiting)[-1]

    def rest(self) -> Iterator[Any]:
        """All remaining images, at the end."""
        while self._waiting:
            yield heapq.heappop(self._waiting)[-1]
        self._newest = None
