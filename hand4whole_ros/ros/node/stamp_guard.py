"""Stamps of images: they only grow within a run, a jump back begins a new run; and warnings about them."""

from __future__ import annotations

#: Seconds backwards beyond which an image begins a new run (a bag that starts over) instead of being late.
MIN_JUMP_BACK = 0.5

#: Seconds that a stamp may be before the image's arrival, and after it, without a warning.
MAX_AGE, MAX_AHEAD = 2.0, 0.5

#: Below this, s, a stamp is relative to the start of a machine or a simulation: ten years after 1970.
_MIN_EPOCH_STAMP = 10 * 365 * 86400.0

#: Seconds of stamps in a second of arrival below which there is a warning.
MIN_STAMP_RATE = 0.7

#: Consecutive images without a stamp after which it is another camera, one that does not stamp.
MAX_UNSTAMPED_IMAGES = 5

_SYNCHRONISE_ADVICE = 'synchronise the clocks of the machine with the camera and of this one (chrony, PTP)'


class StampGuard:
    """Distinguishes a jump of time from messages out of order.

    An image a little older than the last one has been overtaken and is late; one much older begins a
    new run. One with the same stamp is a duplicate: it contains nothing new, or its camera does not stamp.
    """

    def __init__(self):
        self._last = None

    def reset(self) -> None:
        """The next stamp begins a new run."""
        self._last = None

    def classify(self, nanoseconds: int) -> str:
        """'next', 'late', 'duplicate' or 'jump'. Late and duplicate images should be skipped."""
        step = 0.0 if self._last is None else (nanoseconds - self._last) * 1e-9
        if nanoseconds == self._last:
            return 'duplicate'
        if -MIN_JUMP_BACK <= step < 0:
            return 'late'
        self._last = nanoseconds
        return 'jump' if step < 0 else 'next'


class StampPresence:
    """Whether a camera stamps its images: one without a stamp among others with stamps is invalid."""

    def __init__(self):
        self._expected, self._missing = False, 0

    def note(self, present: bool) -> bool:
        """Add an image, with a stamp or without; returns whether this camera's images should have one."""
        self._missing = 0 if present else self._missing + 1
        self._expected = present or (self._expected and self._missing <= MAX_UNSTAMPED_IMAGES)
        return self._expected


def age_warning(age: float, stamp: float, simulated: bool) -> str:
    """Warning about images that arrive `age` s after their `stamp` (s), with the likely cause; '' for none.

    simulated: `age` is by the time of /clock (use_sim_time).
    """
    if -MAX_AHEAD <= age <= MAX_AGE:
        return ''
    observed = f'images are stamped {format_duration(abs(age))} {"before" if age > 0 else "after"} they arrive'
    small = stamp < _MIN_EPOCH_STAMP
    if simulated and not small and age < 0:
        return f'{observed}: they bear real time, and this node goes by /clock: set use_sim_time to false'
    if simulated:
        return f'{observed}: the camera and /clock are not of one simulation or bag'
    if small:
        return (f'{observed}: the stamps count from the start of the camera or of a simulation: have the driver stamp '
                'with ROS time, or set use_sim_time where /clock gives that time')
    if age > 0:
        return f'{observed}: {_SYNCHRONISE_ADVICE}; for a bag set use_sim_time and play it with its clock'
    return f'{observed}: {_SYNCHRONISE_ADVICE}'


def stamp_rate_warning(pace: float | None) -> str:
    """Warning if stamps advance `pace` s in a second of arrival; '' for none."""
    if pace is None or pace >= MIN_STAMP_RATE:
        return ''
    return (f'stamps go {pace:.2f} s while images arrive for 1 s: the driver does not stamp images when they are taken,'
            ' or a bag is played slowly without use_sim_time')


def format_duration(seconds: float) -> str:
    """Seconds in readable units: 3.2 s, 40 min, 1.0 h, 12 days, 54.1 years."""
    for name, size, least in (('years', 365.25 * 86400, 2), ('days', 86400, 2), ('h', 3600, 0.95), ('min', 60, 2)):
        if seconds >= least * size:
            return f'{seconds / size:.1f} {name}'
    return f'{seconds:.1f} s'
