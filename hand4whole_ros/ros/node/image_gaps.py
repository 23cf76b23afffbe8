"""Images that are lost between the camera and the node: gaps in the stamps, against the camera's own rate."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

#: Intervals that the rate is taken over, and of which at least so many are needed.
WINDOW, MIN_INTERVALS = 100, 12

#: Seconds beyond which the camera has paused: nothing was lost.
MAX_GAP = 2.0

#: The shortest intervals, this share of them, are those without a loss between two images.
_SHORTEST_SHARE = 0.1

#: How far an interval may be from whole periods, in periods, and the share of intervals that have to keep to it: stamps
#: that come as they like, such as times of arrival over a network, tell nothing of losses.
_TOLERANCE, _MIN_REGULAR_SHARE = 0.25, 0.8

#: Share of images lost beyond which that is worth a warning.
MAX_LOST_SHARE = 0.1


class Losses(NamedTuple):
    """Statistics of the stamps of the last images."""

    period: float       # s between two images of the camera
    share: float        # of its images that did not arrive


class ImageGaps:
    """Stamps of all images that arrive, also of those that are then left out. For one thread."""

    def __init__(self):
        #: Images lost so far, as far as the stamps tell.
        self.lost = 0
        self._last: int | None = None
        self._intervals: deque = deque(maxlen=WINDOW)
        self._period: float | None = None

    def note(self, nanoseconds: int) -> None:
        """One more image with this stamp; 0: without one."""
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
        """Of the last images; None if the stamps do not show it."""
        known, self._period = self._period, self._find_period()
        if self._period is None:
            return None
        if known is None:       # what came before is counted now
            self.lost += sum(self._count_lost(interval) for interval in self._intervals)
        periods = np.maximum(np.round(np.array(self._intervals) / self._period), 1)
        return Losses(self._period, float(1 - len(periods) / periods.sum()))

    def _count_lost(self, interval):
        return 0 if self._period is None else max(round(interval / self._period) - 1, 0)

    def _find_period(self):
        """Of the camera, s; None where images do not come at a rate."""
        if len(self._intervals) < MIN_INTERVALS:
            return None
        intervals = np.array(self._intervals)
        shortest = np.quantile(intervals, _SHORTEST_SHARE)
        period = float(np.median(intervals[abs(intervals - shortest) <= _TOLERANCE * shortest]))
        periods = intervals / period
        return period if np.mean(abs(periods - np.round(periods)) <= _TOLERANCE) >= _MIN_REGULAR_SHARE else None


def loss_warning(losses: Losses | None, compressed: bool) -> str:
    """What is wrong where images are lost, with the cure; '' for nothing. compressed: they are that already."""
    if losses is None or losses.share <= MAX_LOST_SHARE:
        return ''
    cure = '' if compressed else 'set image_transport to compressed where the driver offers it, or '
    return (f'{losses.share:.0%} of the images of this {1 / losses.period:.0f} Hz camera do not arrive: {cure}give the '
            'middleware of the camera and of this node more shared memory (config/fastdds_large_images.xml, '
            'docs/guides/own_camera.md); a processor without time to spare loses images, too')
