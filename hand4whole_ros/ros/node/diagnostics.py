"""Counters and stage times of the node, and their message on /diagnostics."""

from __future__ import annotations

import contextlib
import time
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from ..conversions.images import quote_text
from . import stamp_guard
from .image_gaps import ImageGaps, loss_warning

#: Number of the last images that stage times are computed over.
STATISTICS_WINDOW = 100

#: Keys of values that other programs read.
NODE_KEY, RATE_KEY, DROPPED_KEY = 'node', 'rate (Hz)', 'frames dropped'
LOST_KEY = 'frames lost on the way in'
DEPTH_KEY = 'frames with depth'
AGE_KEY = 'age of the last image at publishing (s)'

#: Seconds without an image that cause a warning.
MAX_IMAGE_GAP = 2.0

#: Ratio of late images to processed ones above which there is a warning.
MAX_LATE_RATIO = 0.3

#: Share of images without usable depth above which there is a warning.
MAX_DEPTH_LOSS = 0.1

#: Status if simulated time does not come.
SILENT_CLOCK_WARNING = (
    'use_sim_time is set and nothing comes on /clock, so that no time of arrival is known: start the '
    'simulator, play the bag with its clock (hand4whole play, ros2 bag play --clock), or set use_sim_time '
    'to false'
)


@dataclass
class Counters:
    """Numbers of images by outcome. Each number is written by one thread only."""

    received: int = 0
    done: int = 0
    bad: int = 0            # rejected: not decodable, wrong step, no size
    late: int = 0           # older than the previous one
    duplicates: int = 0     # of the same stamp as the previous one
    other_frame: int = 0    # of another camera than the selected one
    waiting: int = 0        # dropped while waiting for camera_info
    failed: int = 0         # the estimator raised
    jumps: int = 0          # how often time went back
    people: int = 0         # in the last image
    hands: int = 0          # in the last image, of people and loose ones
    objects: int = 0        # in the last image, in the loose hands
    # Depth of processed images, by outcome.
    depth_used: int = 0         # all people were measured, or there are none
    depth_missing: int = 0      # none came in time
    depth_unusable: int = 0     # of another encoding, size or frame
    depth_holes: int = 0        # a person without any measurement
    depth_implausible: int = 0  # a person would be at half the distance or twice


@dataclass
class Health:
    """The content of /diagnostics, filled by the parts of the node."""

    counters: Counters = field(default_factory=Counters)
    estimator: str = 'not loaded'
    device: str = '-'
    body: str = '-'
    image_topic: str = ''
    depth_topic: str = ''                   # '' where no depth is used
    depth_problem: str = ''                 # of the last depth image that could not be used
    camera: str = 'none yet'
    image_is_blank: bool = False                     # the last image has no content
    state: str = 'unconfigured'
    problem: str = ''                       # why the node could not be configured
    source_problem: str = ''                # why the node's own camera gives no images
    gaps: ImageGaps = field(default_factory=ImageGaps)
    compressed: bool = False                # images come as CompressedImage
    overload: int = 0                       # images replaced by a newer one before their turn
    last_received: float | None = None      # time.monotonic()
    image_age: float | None = None          # s from the last image's stamp to the publication of its poses
    use_sim_time: bool = False
    clock_silent: bool = False              # use_sim_time, and nothing on /clock yet
    frame: str = ''                         # of the selected camera
    other_frame: str = ''                   # of the last image of another camera
    last_stamp: float = 0.0                 # s, of the last image
    #: (s from the stamp to the arrival, stamp) of the images since the last report.
    stamp_ages: deque = field(default_factory=lambda: deque(maxlen=STATISTICS_WINDOW))
    stamp_rate: float | None = None               # s of stamps in a second of arrival
    refused: Counter = field(default_factory=Counter)   # reason -> number of rejected people
    refused_hands: Counter = field(default_factory=Counter)     # the same for loose hands
    gives_objects: bool = False             # the estimator gives grasped objects
    refused_objects: Counter = field(default_factory=Counter)   # reason -> number of objects without a pose
    stages: dict[str, deque] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=STATISTICS_WINDOW)))

    @contextlib.contextmanager
    def stage(self, name: str):
        """Measures the time of a stage."""
        start = time.perf_counter()
        yield
        self.add_time(name, time.perf_counter() - start)

    def add_time(self, name: str, seconds: float) -> None:
        """Add the duration of a stage."""
        self.stages[name].append(seconds)


class DiagnosticsBuilder:
    """Makes a DiagnosticArray from Health; keeps the last report, to compute rates."""

    def __init__(self, name: str, full_name: str = ''):
        """full_name: of the node, with its namespace."""
        self._name, self._full_name = name, full_name
        self._last = (time.monotonic(), Counters())

    def report(self, health: Health, stamp) -> DiagnosticArray:
        """One message with one status. `stamp` is builtin_interfaces/Time."""
        then, before = self._last
        now, counts = time.monotonic(), Counters(**vars(health.counters))
        self._last = now, counts
        rate = (counts.done - before.done) / max(now - then, 1e-3)
        level, message = _assess_health(health, counts, before, rate=rate, now=now)
        status = DiagnosticStatus(
            name=f'{self._name}: pose estimation', hardware_id=health.image_topic, level=level, message=message,
            values=[KeyValue(key=key, value=value) for key, value in (
                (NODE_KEY, self._full_name), *_status_values(health, counts, rate, now))])
        array = DiagnosticArray(status=[status])
        array.header.stamp = stamp
        return array


def _assess_health(health, counts, before, *, rate, now):
    """(level, one line) of the state of the node."""
    warn, silent = DiagnosticStatus.WARN, _elapsed_since(health.last_received, now)
    if health.problem:
        return DiagnosticStatus.ERROR, health.problem
    if health.state != 'active':
        return warn, f'the node is {health.state}'
    if counts.failed > before.failed and counts.done == before.done:
        return DiagnosticStatus.ERROR, 'the estimator fails on every image: see the log'
    troubles = [*_clock_warnings(health, counts, before)]
    if health.source_problem:
        troubles.append(health.source_problem)
    elif silent is None:
        troubles.append(f'no image yet on {health.image_topic}')
    elif silent > MAX_IMAGE_GAP:
        troubles.append(f'no image for {silent:.0f} s on {health.image_topic}')
    elif counts.received > before.received and (lost := loss_warning(health.gaps.losses(), health.compressed)):
        troubles.append(lost)
    if counts.bad > before.bad:
        troubles.append(f'{counts.bad - before.bad} unusable images: see the log')
    if counts.failed > before.failed:
        troubles.append(f'the estimator failed on {counts.failed - before.failed} images: see the log')
    if health.image_is_blank:
        troubles.append('images show nothing: all pixels have nearly the same value')
    if health.camera not in ('calibrated', 'none yet'):
        troubles.append(health.camera)
    if (depth := _depth_warning(health, counts, before)):
        troubles.append(depth)
    if troubles:
        return warn, '; '.join(troubles)
    return DiagnosticStatus.OK, f'{rate:.1f} images a second, {counts.people} in view'


def _clock_warnings(health, counts, before):
    """Faults of clocks and stamps, and of images of several cameras, one line each."""
    if health.clock_silent:
        yield SILENT_CLOCK_WARNING
    done, late = counts.done - before.done, counts.late - before.late
    duplicates, others = counts.duplicates - before.duplicates, counts.other_frame - before.other_frame
    if duplicates and not done:
        yield (f'every image bears the stamp {health.last_stamp:.3f} s and is left out: the driver must stamp each '
               'image when it takes it, or with zero, and the time of arrival is used')
    elif duplicates:
        yield f'images left out because they bear the stamp of the one before: {duplicates}'
    if others:
        yield other_frame_warning(health.frame, health.other_frame)
    if late > MAX_LATE_RATIO * done and late > 1:
        yield (f'{late} images are older than the one before and left out: stamps of two clocks on one topic, or two '
               'cameras')
    if counts.jumps - before.jumps > 1:
        yield (f'time has jumped back {counts.jumps - before.jumps} times: stamps of two clocks on one topic, or two '
               'cameras')
    ages = [health.stamp_ages.popleft() for _ in range(len(health.stamp_ages))]
    wrong = [warning for age, stamp in sorted(ages, key=lambda pair: -abs(pair[0]))
             if (warning := stamp_guard.age_warning(age, stamp, health.use_sim_time))]
    yield from wrong[:1]
    if not wrong and counts.done > before.done and (slow := stamp_guard.stamp_rate_warning(health.stamp_rate)):
        yield slow


def _depth_warning(health, counts, before):
    """The most frequent reason since the last report why people are not at their measured depth; '' for none."""
    if not health.depth_topic:
        return ''
    new = {name: getattr(counts, f'depth_{name}') - getattr(before, f'depth_{name}') for name in
           ('used', 'missing', 'unusable', 'holes', 'implausible')}
    total, used = sum(new.values()), new.pop('used')
    if total - used <= MAX_DEPTH_LOSS * total:
        return ''
    reason = max(new, key=lambda name: new[name])
    why = {'missing': f'none came in time on {health.depth_topic} (with the stamp of the image, within depth_timeout)',
           'unusable': health.depth_problem,
           'holes': 'nothing was measured where people are: too near, too far, or something before them',
           'implausible': 'it would put people at half their distance or twice: it is not aligned to the colour image, '
                          'or in another unit'}[reason]
    return f'{total - used} of {total} images without depth: {why}'


def other_frame_warning(followed: str, other: str) -> str:
    """The remark on images of another frame than the selected one."""
    return (
        f'images of two frames on one topic, {quote_text(followed)} and {quote_text(other)}: two cameras publish '
        'there? '
        f'Only those of {quote_text(followed)} are used while they come'
    )


def _elapsed_since(moment, now):
    return None if moment is None else now - moment


def _status_values(health, counts, rate, now):
    silent = _elapsed_since(health.last_received, now)
    drops = (('overload', health.overload), ('unusable', counts.bad), ('late', counts.late),
             ('duplicate stamp', counts.duplicates), ('another frame', counts.other_frame),
             ('awaiting camera_info', counts.waiting), ('estimator failed', counts.failed))
    yield from (
        ('state', health.state), ('estimator', health.estimator), ('device', health.device),
        ('body model', health.body), ('camera', health.camera),
        (LOST_KEY, str(health.gaps.lost)),
        ('frames in', str(counts.received)), ('frames done', str(counts.done)),
        (DROPPED_KEY, str(sum(count for _, count in drops))),
        *((f'frames dropped: {why}', str(count)) for why, count in drops),
        *(() if not health.depth_topic else _depth_values(counts)),
        ('jumps back in time', str(counts.jumps)),
        ('people', str(counts.people)),
        ('people refused', str(sum(health.refused.values()))),
        *((f'people refused: {why}', str(count)) for why, count in sorted(health.refused.items())),
        ('hands', str(counts.hands)),
        ('hands refused', str(sum(health.refused_hands.values()))),
        *((f'hands refused: {why}', str(count)) for why, count in sorted(health.refused_hands.items())),
        *(_object_values(health, counts) if health.gives_objects else ()),
        (RATE_KEY, f'{rate:.2f}'),
        ('since the last image (s)', 'never' if silent is None else f'{silent:.3f}'),
        (AGE_KEY,
         'none yet' if health.image_age is None else f'{health.image_age:.4f}'))
    for name, times in sorted(health.stages.copy().items()):
        milliseconds = np.array(times.copy()) * 1e3
        yield f'{name}: median, max (ms)', f'{np.median(milliseconds):.2f}, {milliseconds.max():.2f}'


def _depth_values(counts):
    failures = (('late or missing', counts.depth_missing), ('unusable', counts.depth_unusable),
                ('not measured', counts.depth_holes), ('implausible', counts.depth_implausible))
    yield DEPTH_KEY, str(counts.depth_used)
    yield from ((f'frames without depth: {why}', str(count)) for why, count in failures)


def _object_values(health, counts):
    yield 'objects', str(counts.objects)
    yield 'objects refused', str(sum(health.refused_objects.values()))
    yield from ((f'objects refused: {why}', str(count)) for why, count in sorted(health.refused_objects.items()))
