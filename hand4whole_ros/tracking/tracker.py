"""Identity over frames, hands and people that are briefly undetected, and steadier poses."""

from __future__ import annotations

import itertools
import logging
import math
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from .. import skeleton
from ..body.model import BodyModel
from ..body.posing import repose_estimate
from ..estimate import BEHIND, IMPOSSIBLE, WholeBodyEstimate
from ..geometry.assignment import assign_pairs
from ..geometry.one_euro import smoothing_factor
from .image_clock import ImageClock, Moment
from .person_filter import PersonFilter, placed
from .validation import rejection_reason

_logger = logging.getLogger(__name__)

#: The shape of a body or a hand does not change; its measurements are averaged by a low-pass of this cut-off, Hz.
_SHAPE_CUTOFF = 0.15

#: Seconds between two log messages about impossible people.
_THROTTLE = 60.0

#: Minimum number of image intervals for which an undetected person is remembered: one image may miss anybody.
_MAX_MISSED_IMAGES = 1.5

#: Maximum time for which slow images extend the repetition of a last pose beyond hold_time, s: a robot that follows a
#: hand must not get an old pose for longer.
MAX_EXTENDED_HOLD = 3.0

#: Seconds after which a person is no longer recognised at any distance, unless images come even more slowly.
_MAX_MEMORY = 10.0

#: Maximum speed of a pelvis, m/s: max_jump is for images that come in quick succession. And its maximum motion since it
#: was last detected, however long ago, m.
_MAX_SPEED, _MAX_DISTANCE = 2.5, 2.5

#: side -> wrist and fingers among the joints.
_HAND_ROWS = {side: np.r_[skeleton.WRIST[side], rows]
              for side, rows in skeleton.HAND_SLICE.items()}


@dataclass(frozen=True)
class TrackerConfig:
    """Settings of a Tracker."""

    #: An undetected hand or person keeps its last pose this long, s; then it is LOST, or dropped. If images come so
    #: slowly that this is less than 1.5 intervals between them, those 1.5 intervals, at most MAX_EXTENDED_HOLD.
    #: 0: never, at any rate.
    hold_time: float = 0.5
    #: Maximum distance of a pelvis from its last position to be the same person's, m; after a longer time, the distance
    #: that a slowly running person covers in it.
    max_jump: float = 0.8
    #: Estimates below this confidence are rejected.
    min_confidence: float = 0.3
    #: Whether poses are filtered (1 euro filter).
    smoothing: bool = True
    #: Cut-off of a still person, Hz: lower is steadier.
    min_cutoff: float = 2.0
    #: Increase of the cut-off with speed, Hz per (rad/s) or (m/s): higher lags less.
    beta: float = 2.0


class _LastHand(NamedTuple):
    """A hand in its last state OK."""

    seen: Moment
    rotations: np.ndarray      # (16, 3) axis-angle: wrist and fingers
    confidence: float
    betas: np.ndarray | None   # (10,) averaged; None: the body's own shape


@dataclass
class _Track:
    """One tracked person."""

    track_id: int
    detector_id: int                            # the estimator's id of the person; -1: none
    filter: PersonFilter
    last: WholeBodyEstimate | None = None       # the last result
    seen: Moment = Moment(0.0, 0.0)             # when the person was last detected
    hands: dict[str, _LastHand] = field(default_factory=dict)


class Tracker:
    """Tracks people from image to image. Not thread-safe."""

    def __init__(self, body: BodyModel, config: TrackerConfig = TrackerConfig()):
        self._body = body
        self.config = config
        self._next_log = 0.0     # time.monotonic()
        #: Reason (estimate.BEHIND, IMPOSSIBLE) -> number of rejected people.
        self.refused: Counter = Counter()
        self.reset()

    def configure(self, config: TrackerConfig) -> None:
        """Use another configuration for the same tracks from now on."""
        if config == self.config:
            return
        self.config = config
        for track in self._tracks:
            track.filter.configure(config.min_cutoff, config.beta)

    def reset(self) -> None:
        """Forget all people: the next image is unrelated."""
        self._tracks: list[_Track] = []
        self._numbers, self._used_ids = itertools.count(), set()
        self._clock = ImageClock()

    @property
    def stamp_rate(self) -> float | None:
        """Seconds of stamps in a second of arrival, over the last images; None while unknown."""
        return self._clock.stamp_rate

    @property
    def clock(self) -> ImageClock:
        """The timing of the images of this run; a new one after each reset."""
        return self._clock

    @property
    def interval(self) -> float:
        """Seconds between images, the median of the last ones; 0 before the second."""
        return self._clock.interval

    @property
    def hold_time(self) -> float:
        """Seconds for which a last pose is repeated at the present rate of images."""
        return self.expiry_time if self.config.hold_time > 0 else 0.0

    @property
    def expiry_time(self) -> float:
        """Seconds without an image after which the last one is outdated, also if nobody is held."""
        return max(self.config.hold_time, min(_MAX_MISSED_IMAGES * self._clock.interval, MAX_EXTENDED_HOLD))

    def remembers(self, age: float) -> bool:
        """Whether a person or a hand last detected `age` seconds ago may still be recognised as the same."""
        return age <= self.hold_time or (self.config.hold_time > 0 and age <= _MAX_MISSED_IMAGES * self._clock.interval)

    def update(self, estimates: list[WholeBodyEstimate], stamp: float,
               arrival: float | None = None) -> list[WholeBodyEstimate]:
        """The people in the image taken at `stamp` (s), with track ids, the longest known first.

        arrival (s): when it arrived, by a clock independent of stamps; None: at its stamp. An undetected person
        is repeated with `held` set for `hold_time` by both, as are hands (state HELD).
        Estimates that are impossible (validation.rejection_reason) or not confident are left out. A stamp before the
        last one means that time has jumped back: all tracks are forgotten first.
        """
        moment = Moment(stamp, stamp if arrival is None else arrival)
        if self._clock.now is not None and stamp < self._clock.now.stamp:
            self.reset()
        self._clock.tick(moment)
        self._tracks = [track for track in self._tracks if self._clock.age(track.seen) <= self._memory_time]
        estimates = [e for e in estimates if self._is_valid(e) and e.confidence >= self.config.min_confidence]
        found = self._associate(estimates)
        people, remaining = [], []
        for track in self._tracks:
            estimate = found.get(track.track_id)
            if estimate is not None:
                person = self._update_track(track, estimate, moment)
                if not self._is_valid(person):
                    continue    # and drops its filter
                people.append(person)
            elif (age := self._clock.age(track.seen)) <= self.hold_time:
                people.append(self._hold_person(track, age))
            elif not self.remembers(age):
                continue
            remaining.append(track)
        self._tracks = remaining
        return people

    def _is_valid(self, estimate):
        """Whether an estimate can be a person; otherwise logs the reason at intervals."""
        wrong = rejection_reason(estimate)
        if wrong:
            self.refused[BEHIND if wrong.startswith(BEHIND) else IMPOSSIBLE] += 1
        if wrong and time.monotonic() >= self._next_log:
            self._next_log = time.monotonic() + _THROTTLE
            _logger.warning('a person is rejected as impossible: %s', wrong)
        return not wrong

    def _associate(self, estimates):
        """Returns track id -> estimate.

        People tracked by the estimator keep its assignment. The others, who were lost in between or whom it does not
        track, are matched by the least sum of pelvis motions; the remaining ones are new.
        """
        followed = {track.detector_id: track for track in self._tracks if track.detector_id >= 0}
        found, others = {}, []
        for estimate in estimates:
            track = followed.pop(estimate.track_id, None)
            if track is not None and _moved(track, estimate) <= self._max_distance(track):
                found[track.track_id] = estimate
            else:
                others.append(estimate)
        for track, estimate in self._nearest([t for t in self._tracks if t.track_id not in found], others):
            track.detector_id = estimate.track_id
            found[track.track_id] = estimate
        for estimate in others:
            if any(estimate is known for known in found.values()):
                continue
            track = _Track(self._new_id(estimate.track_id), estimate.track_id,
                           PersonFilter(self.config.min_cutoff, self.config.beta))
            self._tracks.append(track)
            found[track.track_id] = estimate
        return found

    def _nearest(self, tracks, estimates):
        """Pairs of a track and an estimate with the least sum of motions.

        First within the distance that whoever was seen last may have gone, then farther: that somebody who has not been
        seen for a while may be far by now must not make him the other person who has hardly moved, and may hide him.
        """
        if not (tracks and estimates):
            return []
        costs = np.array([[_moved(track, estimate) for estimate in estimates] for track in tracks])
        limits = np.array([self._max_distance(track) for track in tracks])
        costs[costs >= limits[:, None]] = math.inf
        pairs = []
        for limit in (limits.min(), limits.max()):
            for t, e in assign_pairs(costs, limit):
                pairs.append((tracks[t], estimates[e]))
                costs[t], costs[:, e] = math.inf, math.inf
        return pairs

    def _new_id(self, wanted):
        """The estimator's id if it is set and unused, otherwise the lowest unused one."""
        if wanted < 0 or wanted in self._used_ids:
            wanted = next(number for number in self._numbers if number not in self._used_ids)
        self._used_ids.add(wanted)
        return wanted

    @property
    def _memory_time(self):
        """Seconds after which people are no longer recognised."""
        return max(_MAX_MEMORY, self.hold_time, (1 + _MAX_MISSED_IMAGES) * self._clock.interval)

    def _max_distance(self, track):
        """Maximum distance of the person from the last position, m."""
        return max(self.config.max_jump, min(_MAX_SPEED * self._clock.age(track.seen), _MAX_DISTANCE))

    def _update_track(self, track, estimate, moment):
        """The detected person, filtered, with undetected hands held."""
        dt = self._clock.step(track.seen)
        local, betas, pelvis = estimate.local_rotations, estimate.betas, estimate.joints[0]
        share = 1.0     # weight of the new measurement in the shapes
        if track.last is not None and self.config.smoothing:
            share = float(smoothing_factor(_SHAPE_CUTOFF, dt)) if dt > 0 else 0.0
            betas = _blend(track.last.betas, betas, share)
        hands = {hand.side: self._update_hand(track, hand, local, moment=moment, share=share)
                 for hand in estimate.hands}
        if self.config.smoothing:
            local, pelvis = track.filter(estimate, local, dt)
        named = replace(estimate, left_hand=hands['left'], right_hand=hands['right'], track_id=track.track_id,
                        joint_confidence=_with_held_hands(estimate.joint_confidence, hands.values()))
        result = repose_estimate(self._body, named, local, betas=betas, pelvis=pelvis)
        if self.config.smoothing:
            result = placed(result, estimate)
        track.last, track.seen = result, moment
        return result

    def _update_hand(self, track, hand, local, *, moment, share):
        """The hand with averaged shape; if undetected, the last one, which overwrites its rows of `local`."""
        rows = _HAND_ROWS[hand.side]
        known = track.hands.get(hand.side)
        if hand.state == skeleton.OK:
            if known is not None and known.betas is not None and hand.betas is not None:
                hand = replace(hand, betas=_blend(known.betas, hand.betas, share))
            track.hands[hand.side] = _LastHand(moment, local[rows], hand.confidence, hand.betas)
        elif known is not None and (age := self._clock.age(known.seen)) <= self.hold_time:
            local[rows] = known.rotations
            hand = replace(hand, state=skeleton.HELD, betas=known.betas,
                           confidence=self.fade_confidence(known.confidence, age))
        return hand

    def _hold_person(self, track, age):
        """The person as detected `age` seconds ago, both hands HELD or LOST, with fading confidence."""
        hands = []
        for hand in track.last.hands:
            state = skeleton.LOST if hand.state == skeleton.LOST else skeleton.HELD
            hands.append(replace(hand, state=state, confidence=self.fade_confidence(hand.confidence, age),
                                 agreement=None))
        joints = track.last.joint_confidence
        held = replace(track.last, held=True, confidence=self.fade_confidence(track.last.confidence, age),
                       left_hand=hands[0], right_hand=hands[1], stage_times={},
                       joint_confidence=None if joints is None else self.fade_confidence(joints, age))
        return held

    def fade_confidence(self, confidence, age: float):
        """A confidence, number or array, faded `age` seconds after the person or hand was last detected.

        It falls linearly to zero over the hold time.
        """
        left = 1 - age / self.hold_time if self.hold_time > 0 else 0.0
        return confidence * float(min(max(left, 0.0), 1.0))    # a scalar of numpy would widen arrays


def _with_held_hands(joint_confidence, hands):
    """(55,) with the confidence of HELD hands for their fingers; None if the estimator does not estimate it."""
    held = [hand for hand in hands if hand.state == skeleton.HELD]
    if joint_confidence is None or not held:
        return joint_confidence
    joint_confidence = joint_confidence.copy()
    for hand in held:
        joint_confidence[skeleton.HAND_SLICE[hand.side]] = hand.confidence
    return joint_confidence


def _blend(old, new, share):
    """float32: `old` at share 0, `new` at 1, both exactly."""
    return np.float32(1 - share) * old + np.float32(share) * new


def _moved(track, estimate):
    """Distance of the pelvis from its last position, m."""
    return math.dist(track.last.joints[0].tolist(), estimate.joints[0].tolist())
