"""Delays over the last images, for diagnostics and logs."""

from __future__ import annotations

from collections import deque

import numpy as np

#: Number of the last images that percentiles are computed over.
WINDOW = 300


class Delays:
    """One kind of delay."""

    def __init__(self):
        self._seconds: deque[float] = deque(maxlen=WINDOW)

    def add(self, seconds: float) -> None:
        """Add an image."""
        self._seconds.append(seconds)

    def percentiles(self) -> tuple[float, float] | None:
        """Median and 95th percentile, ms; None before the first image."""
        if not self._seconds:
            return None
        p50, p95 = np.percentile(self._seconds, (50, 95))
        return float(1000 * p50), float(1000 * p95)

    def values(self, name: str) -> list[tuple[str, str]]:
        """Key and text of both, for diagnostics."""
        found = self.percentiles()
        texts = ('none yet',) * 2 if found is None else tuple(f'{value:.2f}' for value in found)
        return [(f'{name}: p50 (ms)', texts[0]), (f'{name}: p95 (ms)', texts[1])]
