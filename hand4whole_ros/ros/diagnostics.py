"""Counters and stage times of the node, and the message on /diagnostics that shows them."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

#: How many of the last images the stage times are taken over.
WINDOW = 100

#: Seconds without an image after which that is worth a warning.
SILENCE = 2.0


@dataclass
class Counters:
    """What became of the images. Each number is written by one thread only."""

    received: int = 0
    done: int = 0
    bad: int = 0            # refused: not decodable, wrong step, no size
    late: int = 0           # older than the one before
    waiting: int = 0        # dropped while camera_info was awaited
    failed: int = 0         # the estimator raised
    jumps: int = 0          # times that time went back
    people: int = 0         # in the last image


@dataclass
class Health:
    """Everything /diagnostics tells, filled by the parts that know it."""

    counters: Counters = field(default_factory=Counters)
    estimator: str = 'not loaded'
    device: str = '-'
    body: str = '-'
    image_topic: str = ''
    camera: str = 'none yet'
    blank: bool = False                     # the last image shows nothing
    state: str = 'unconfigured'
    problem: str = ''                       # why the node could not be configured
    overload: int = 0                       # images replaced by a newer one before their turn
    last_received: float | None = None      # time.monotonic()
    image_age: float | None = None          # s from the last image's stamp to its poses being out
    stages: dict[str, deque] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=WINDOW)))

    @contextlib.contextmanager
    def stage(self, name: str):
        """Measures the time of a stage."""
        start = time.perf_counter()
        yield
        self.add_time(name, time.perf_counter() - start)

    def add_time(self, name: str, seconds: float) -> None:
        """Notes that a stage took this long."""
        self.stages[name].append(seconds)


class Reporter:
    """Makes a DiagnosticArray from Health; remembers the last report, to tell rates."""

    def __init__(self, name: str):
        self._name = name
        self._last = (time.monotonic(), Counters())

    def report(self, health: Health, stamp) -> DiagnosticArray:
        """One message with one status. `stamp` is builtin_interfaces/Time."""
        then, before = self._last
        now, counts = time.monotonic(), Counters(**vars(health.counters))
        self._last = now, counts
        rate = (counts.done - before.done) / max(now - then, 1e-3)
        level, message = _verdict(health, counts, before, rate, now)
        status = DiagnosticStatus(
            name=f'{self._name}: pose estimation', hardware_id=health.image_topic, level=level, message=message,
            values=[KeyValue(key=key, value=value) for key, value in _values(health, counts, rate, now)])
        array = DiagnosticArray(status=[status])
        array.header.stamp = stamp
        return array


def _verdict(health, counts, before, rate, now):
    """(level, one line) of the state the node is in."""
    warn, silent = DiagnosticStatus.WARN, _since(health.last_received, now)
    if health.problem:
        return DiagnosticStatus.ERROR, health.problem
    if health.state != 'active':
        return warn, f'the node is {health.state}'
    if counts.failed > before.failed and counts.done == before.done:
        return DiagnosticStatus.ERROR, 'the estimator fails on every image: see the log'
    if silent is None:
        return warn, f'no image yet on {health.image_topic}'
    if silent > SILENCE:
        return warn, f'no image for {silent:.0f} s on {health.image_topic}'
    if counts.bad > before.bad:
        return warn, f'{counts.bad - before.bad} unusable images: see the log'
    if counts.failed > before.failed:
        return warn, f'the estimator failed on {counts.failed - before.failed} images: see the log'
    if health.blank:
        return warn, 'images show nothing: all pixels have nearly the same value'
    if health.camera not in ('calibrated', 'none yet'):
        return warn, health.camera
    return DiagnosticStatus.OK, f'{rate:.1f} images a second, {counts.people} in view'


def _since(moment, now):
    return None if moment is None else now - moment


def _values(health, counts, rate, now):
    silent = _since(health.last_received, now)
    drops = (('overload', health.overload), ('unusable', counts.bad), ('late', counts.late),
             ('awaiting camera_info', counts.waiting), ('estimator failed', counts.failed))
    yield from (
        ('state', health.state), ('estimator', health.estimator), ('device', health.device),
        ('body model', health.body), ('camera', health.camera),
        ('frames in', str(counts.received)), ('frames done', str(counts.done)),
        ('frames dropped', str(sum(count for _, count in drops))),
        *((f'frames dropped: {why}', str(count)) for why, count in drops),
        ('jumps back in time', str(counts.jumps)),
        ('people', str(counts.people)), ('rate (Hz)', f'{rate:.2f}'),
        ('since the last image (s)', 'never' if silent is None else f'{silent:.3f}'),
        ('age of the last image at publishing (s)',
         'none yet' if health.image_age is None else f'{health.image_age:.4f}'))
    for name, times in sorted(health.stages.copy().items()):
        milliseconds = np.array(times.copy()) * 1e3
        yield f'{name}: median, max (ms)', f'{np.median(milliseconds):.2f}, {milliseconds.max():.2f}'
