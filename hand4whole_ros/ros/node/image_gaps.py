"""Images lost between the camera and the node: gaps in the stamps, relative to the camera's own rate."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

#: Maximum and minimum number of intervals that the rate is computed over.
WINDOW, MIN_INTERVALS = 100, 12

#: Intervals above this many seconds are pauses of the camera, not losses.
MAX_GAP = 2.0

#: Share of the shortest intervals, which are taken to be without losses.
_SHORTEST_SHARE = 0.1

#: How far an interval may be from whole periods, in periods, and the minimum share of such intervals: irregular
#: stamps, such as times of arrival over a network, give no information about losses.
_TOLERANCE, _MIN_REGULAR_SHARE = 0.25, 0.8

#: Share of lost images above which there is a warning.
MAX_LOST_SHARE = 0.1


class Losses(NamedTuple):
    """Statistics of the stamps of the last images."""

    period: float       # s between two images of the camera
    share: float        # of its images that were lost


class ImageGaps:
    """Stamps of all images that arrive, including ignored ones. Not thread-safe."""

    def __init__(self):
        #: Images lost so far, according to the stamps.
        self.lost = 0
        self._last: int | None = None
        self._intervals: deque = deque(maxlen=WINDOW)
        self._period: float | None = None

    def note(self, nanoseconds: int) -> None:
        """Add an image with this stamp; 0: without one."""
        last, self._last = self._last, nanoseconds
        if last is None or nanoseconds == 0:
            return
        interval = (nanoseconds - last) * 1e-9
        if interval < 0:        # another run, or an image that was overtaken
            self._intervals.clear()
        elif 0 < interval <= MAX_GAP:
            self._intervals.append(interval)
            self.lost += self._count_lost(interval)

    def losses(self) -> Losses | None:
        """Losses of the last images; None if the stamps do not allow an estimate."""
        known, self._period = self._period, self._find_period()
        if self._period is None:
            return None
        if known is None:       # earlier images are counted now
            self.lost += sum(self._count_lost(interval) for interval in self._intervals)
        periods = np.maximum(np.round(np.array(self._intervals) / self._period), 1)
        return Losses(self._period, float(1 - len(periods) / periods.sum()))

    def _count_lost(self, interval):
        return 0 if self._period is None else max(round(interval / self._period) - 1, 0)

    def _find_period(self):
        """Period of the camera, s; None if images do not come at a constant rate."""
        if len(self._intervals) < MIN_INTERVALS:
            return None
        intervals = np.array(self._intervals)
        shortest = np.quantile(intervals, _SHORTEST_SHARE)
        period = float(np.median(intervals[abs(intervals - shortest) <= _TOLERANCE * shortest]))
        periods = intervals / period
        return period if np.mean(abs(periods - np.round(periods)) <= _TOLERANCE) >= _MIN_REGULAR_SHARE else None


def loss_warning(losses: Losses | None, compressed: bool) -> str:
    """Warning about lost images, with the remedy; '' for none. compressed: whether they are compressed already."""
    if losses is None or losses.share <= MAX_LOST_SHARE:
        return ''
    cure = '' if compressed else 'set image_transport to compressed where the driver offers it, or '
    return (f'{losses.share:.0%} of the images of this {1 / losses.period:.0f} Hz camera do not arrive: {cure}give the '
            'middleware of the camera and of this node more shared memory (config/fastdds_large_images.xml, '
            'docs/guides/own_camera.md); a processor without time to spare loses images, too')
