"""Display times of frames: the container's times, corrected to increase."""

from __future__ import annotations

from fractions import Fraction

#: Minimum seconds between two frames.
MIN_STEP = 0.001
#: Longer gaps are wrong times, s.
_MAX_GAP = 86_400.0
#: Assumed if a container has no plausible rate, frames a second.
_DEFAULT_RATE = 30.0
#: Some containers give their clock's ticks per second as a rate.
_MAX_RATE = 500.0


def select_frame_rate(*claims: Fraction | None) -> float:
    """The first plausible rate in a container, frames a second."""
    return next((float(rate) for rate in claims if rate is not None and 0 < rate <= _MAX_RATE), _DEFAULT_RATE)


class FrameTimes:
    """Times of frames in order of display, to seconds from the first one."""

    def __init__(self, rate: float):
        """rate: frames a second, if there are no times."""
        self._interval = 1 / rate
        self._stamp: float | None = None        # of the last frame
        self._time: float | None = None         # the latest in the container
        self._offset = 0.0                      # stamp less time
        #: Frames that have no time in the container, and those whose times do not increase.
        self.untimed = self.unordered = 0

    def stamp(self, time: float | None) -> float:
        """Of the next frame, larger than the last one; `time` is the container's, s.

        Without a time a frame comes one interval after the last; so does one whose time does not increase.
        If times go back further than by reordering, or jump ahead by more than a day, the recording was
        restarted: later times are relative to that.
        """
        if self._stamp is None:
            self._stamp, self._time = 0.0, time
            self._offset = -(time or 0.0)
            self.untimed += time is None
            return 0.0
        following = self._stamp + self._interval
        if time is None:
            self.untimed += 1
            self._stamp = following
        elif self._time is None:
            self._restart(time, following)
        elif self._time < time <= self._time + _MAX_GAP:
            self._time = time
            # Rounded, as 3.3 - 3 is less than 0.3 in floating point.
            self._stamp = max(round(time + self._offset, 9), self._stamp + MIN_STEP)
        else:
            self.unordered += 1
            if self._time - 3 * self._interval <= time <= self._time:
                self._stamp = following
            else:
                self._restart(time, following)
        return self._stamp

    def _restart(self, time, stamp):
        self._time, self._stamp, self._offset = time, stamp, stamp - time
