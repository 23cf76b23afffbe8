"""The rate of images: by their stamps, and by their arrival, which bounds the effect of wrong stamps."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import NamedTuple

#: Number of images over which the rate is measured, and of last intervals whose median is the image interval.
_WINDOW, _INTERVALS = 12, 5

#: Minimum number of images, and of seconds of arrival, to measure the rate.
_MIN_IMAGES, _MIN_SECONDS = 5, 0.1

#: Seconds of stamps in a second of arrival below which the stamps do not give the time between two images.
_MIN_STAMP_RATE = 0.25


class Moment(NamedTuple):
    """When an image was taken, by its stamp, and when it arrived; two clocks, s."""

    stamp: float
    arrival: float


class ImageClock:
    """Measures the timing of the last images of one camera. Not thread-safe."""

    def __init__(self):
        self._moments: deque[Moment] = deque(maxlen=_WINDOW)
        #: Moment of the last image; None before the first.
        self.now: Moment | None = None
        #: Median of the last intervals between images, s, by the clock that gives more; 0 before the second image.
        self.interval = 0.0
        #: Seconds of stamps in a second of arrival, over the last images; None while there are too few.
        self.stamp_rate: float | None = None

    def tick(self, moment: Moment) -> None:
        """Add an image."""
        self._moments.append(moment)
        self.now = moment
        if len(self._moments) < 2:
            return
        last = list(self._moments)[-_INTERVALS - 1:]
        self.interval = max(median(later[k] - earlier[k] for earlier, later in zip(last, last[1:])) for k in (0, 1))
        first = self._moments[0]
        span = moment.arrival - first.arrival
        if len(self._moments) >= _MIN_IMAGES and span >= _MIN_SECONDS:
            self.stamp_rate = (moment.stamp - first.stamp) / span

    def age(self, moment: Moment) -> float:
        """Seconds from `moment` to the last image, by the clock that gives more: stamps may stop, or run slowly."""
        assert self.now is not None     # `moment` is one of an image
        return max(self.now.stamp - moment.stamp, self.now.arrival - moment.arrival)

    def step(self, moment: Moment) -> float:
        """Seconds from `moment` to the last image by the stamps; by the arrival if stamps give no time."""
        assert self.now is not None
        by_stamp, by_arrival = self.now.stamp - moment.stamp, self.now.arrival - moment.arrival
        return (
            by_arrival
            if by_stamp <= 0 or (self.stamp_rate is not None and self.stamp_rate < _MIN_STAMP_RATE)
            else by_stamp
        )
