"""Identity over frames, hands and people that vanish for a moment, and steadier poses."""

from __future__ import annotations

import itertools
import logging
import math
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .. import skeleton
from ..body.model import BodyModel
from ..body.posing import repose_estimate
from ..estimate import BEHIND, IMPOSSIBLE, WholeBodyEstimate
from ..geometry.assignment import assign_pairs
from .image_clock import ImageClock, Moment
from .one_euro import OneEuroRotation, OneEuroVector, smoothing_factor
from .validation import rejection_reason

_logger = logging.getLogger(__name__)

#: The shape of a body or a hand does not change; what is measured of it is averaged, by a low-pass of this cut-off, Hz.
_SHAPE_CUTOFF = 0.15

#: Seconds between two lines in the log about people who cannot be.
_THROTTLE = 60.0

#: Image intervals for which somebody not seen is remembered at least: one image may miss anybody.
_MAX_MISSED_IMAGES = 1.5

#: Longest that slow images alone, and not hold_time, have a last pose repeated, s: a robot that follows a hand must not
#: be told for longer that it is where it was.
MAX_EXTENDED_HOLD = 3.0

#: Nobody is recognised after this many seconds, however near, unless images come even more slowly.
_MAX_MEMORY = 10.0

#: How fast a pelvis may go, m/s: max_jump is for images that come in quick succession. And the farthest it may have
#: gone since it was seen, however long ago that was, m.
_MAX_SPEED, _MAX_DISTANCE = 2.5, 2.5

#: side -> wrist and fingers among the joints.
_HAND_ROWS = {side: torch.tensor([skeleton.WRIST[side], *range(rows.start, rows.stop)])
              for side, rows in skeleton.HAND_SLICE.items()}


@dataclass(frozen=True)
class TrackerConfig:
    """How people are followed."""

    #: A hand or a person not seen keeps its last pose this long, s; then it is LOST, or gone. Where images come so
    #: slowly that this is less than 1.5 intervals between them, those 1.5 intervals, at most MAX_EXTENDED_HOLD. 0: not
    #: at all, at no rate.
    hold_time: float = 0.5
    #: The farthest a pelvis can be from where it was last seen and be the same person's, m; where that is longer ago,
    #: as far as somebody who runs a little gets in that time.
    max_jump: float = 0.8
    #: Estimates below this confidence are nobody.
    min_confidence: float = 0.3
    #: Whether poses are filtered (1 euro filter).
    smoothing: bool = True
    #: Cut-off of a still person, Hz: lower is steadier.
    min_cutoff: float = 2.0
    #: What motion adds to the cut-off, Hz per (rad/s) or (m/s): higher lags less.
    beta: float = 2.0


class _LastHand(NamedTuple):
    """A hand as it was when it was last OK."""

    seen: Moment
    rotations: Tensor      # (16, 3) axis-angle: wrist and fingers
    confidence: float
    betas: Tensor | None   # (10,) averaged; None: the body's own shape


@dataclass
class _Track:
    """One person being followed."""

    track_id: int
    detector_id: int                            # the id that the estimator gives the person; -1: it gives none
    filters: tuple[OneEuroRotation, OneEuroVector]
    last: WholeBodyEstimate | None = None       # as it was given out
    seen: Moment = Moment(0.0, 0.0)             # when the person was last found
    hands: dict[str, _LastHand] = field(default_factory=dict)


class Tracker:
    """Follows people from image to image. Not thread-safe."""

    def __init__(self, body: BodyModel, config: TrackerConfig = TrackerConfig()):
        self._body = body
        self.config = config
        self._next_log = 0.0     # time.monotonic()
        #: Why -> how many people an estimator described who cannot be (estimate.BEHIND, IMPOSSIBLE).
        self.refused: Counter = Counter()
        self.reset()

    def configure(self, config: TrackerConfig) -> None:
        """Follow the same people by other rules from now on."""
        if config == self.config:
            return
        self.config = config
        for track in self._tracks:
            for filtering in track.filters:
                filtering.min_cutoff, filtering.beta = config.min_cutoff, config.beta

    def reset(self) -> None:
        """Forget all people: the next image is unrelated."""
        self._tracks: list[_Track] = []
        self._numbers, self._used_ids = itertools.count(), set()
        self._clock = ImageClock()

    @property
    def stamp_rate(self) -> float | None:
        """Seconds of stamps in a second of arrival, over the last images; None while that is not known."""
        return self._clock.stamp_rate

    @property
    def clock(self) -> ImageClock:
        """How the images of this run come; another one after each reset."""
        return self._clock

    @property
    def interval(self) -> float:
        """Seconds between images, the median of the last ones; 0 before the second."""
        return self._clock.interval

    @property
    def hold_time(self) -> float:
        """Seconds for which a last pose is repeated at the rate at which images come now."""
        return self.expiry_time if self.config.hold_time > 0 else 0.0

    @property
    def expiry_time(self) -> float:
        """Seconds without an image after which the last one is out of date, also if nobody is held."""
        return max(self.config.hold_time, min(_MAX_MISSED_IMAGES * self._clock.interval, MAX_EXTENDED_HOLD))

    def remembers(self, age: float) -> bool:
        """Whether somebody, or a hand, seen `age` seconds ago and not in this image may come back as the same."""
        return age <= self.hold_time or (self.config.hold_time > 0 and age <= _MAX_MISSED_IMAGES * self._clock.interval)

    def update(self, estimates: list[WholeBodyEstimate], stamp: float,
               arrival: float | None = None) -> list[WholeBodyEstimate]:
        """The people in the image taken at `stamp` (s), with track ids, the longest known first.

        arrival (s): when it arrived, by a clock independent of stamps; None: at its stamp. Somebody not detected
        is repeated with `held` set for `hold_time` by both, as are hands (state HELD).
        Estimates that are impossible (plausible.objection) or not confident are left out. A stamp before the last
        one means that time has jumped back: everybody is forgotten first.
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
                    continue    # and its filters are forgotten with it
                people.append(person)
            elif (age := self._clock.age(track.seen)) <= self.hold_time:
                people.append(self._hold_person(track, age))
            elif not self.remembers(age):
                continue
            remaining.append(track)
        self._tracks = remaining
        return people

    def _is_valid(self, estimate):
        """False for what cannot be a person, said now and then."""
        wrong = rejection_reason(estimate)
        if wrong:
            self.refused[BEHIND if wrong.startswith(BEHIND) else IMPOSSIBLE] += 1
        if wrong and time.monotonic() >= self._next_log:
            self._next_log = time.monotonic() + _THROTTLE
            _logger.warning('a person is rejected as impossible: %s', wrong)
        return not wrong

    def _associate(self, estimates):
        """Returns track id -> estimate.

        Whom the estimator has followed is who it says. The others, who were lost in between or whom it does not follow,
        are recognised by the least sum of what pelvises have moved; whoever is left over is new.
        """
        followed = {track.detector_id: track for track in self._tracks if track.detector_id >= 0}
        found, others = {}, []
        for estimate in estimates:
            track = followed.pop(estimate.track_id, None)
            if track is not None and _moved(track, estimate) <= self._max_distance(track):
                found[track.track_id] = estimate
            else:
                others.append(estimate)
        lost = [track for track in self._tracks if track.track_id not in found]
        costs = np.reshape([_moved(track, estimate) for track in lost for estimate in others], (len(lost), len(others)))
        pairs = assign_pairs(costs, np.array([self._max_distance(track) for track in lost]))
        for t, e in pairs:
            lost[t].detector_id = others[e].track_id
            found[lost[t].track_id] = others[e]
        for e in sorted(set(range(len(others))) - {e for _, e in pairs}):
            estimate = others[e]
            filters = (OneEuroRotation(self.config.min_cutoff, self.config.beta),
                       OneEuroVector(self.config.min_cutoff, self.config.beta))
            track = _Track(self._new_id(estimate.track_id), estimate.track_id, filters)
            self._tracks.append(track)
            found[track.track_id] = estimate
        return found

    def _new_id(self, wanted):
        """That of the estimator, if it gives one that nobody has had; else the lowest such."""
        if wanted < 0 or wanted in self._used_ids:
            wanted = next(number for number in self._numbers if number not in self._used_ids)
        self._used_ids.add(wanted)
        return wanted

    @property
    def _memory_time(self):
        """Seconds after which people are no longer recognised."""
        return max(_MAX_MEMORY, self.hold_time, (1 + _MAX_MISSED_IMAGES) * self._clock.interval)

    def _max_distance(self, track):
        """How far the person can be from where they were seen last, m."""
        return max(self.config.max_jump, min(_MAX_SPEED * self._clock.age(track.seen), _MAX_DISTANCE))

    def _update_track(self, track, estimate, moment):
        """The found person, hands held where they are not seen, filtered."""
        dt = self._clock.step(track.seen)
        local, betas, pelvis = estimate.local_rotations, estimate.betas, estimate.joints[0]
        share = 1.0     # of what is measured now in the shapes
        if track.last is not None and self.config.smoothing:
            share = float(smoothing_factor(_SHAPE_CUTOFF, dt)) if dt > 0 else 0.0
            betas = torch.lerp(track.last.betas, betas, share)
        hands = {hand.side: self._update_hand(track, hand, local, moment=moment, share=share)
                 for hand in estimate.hands}
        if self.config.smoothing:
            rotations, points = track.filters
            local, pelvis = rotations(local, dt), points(pelvis[None], dt)[0]
        named = replace(estimate, left_hand=hands['left'], right_hand=hands['right'], track_id=track.track_id,
                        joint_confidence=_with_held_hands(estimate.joint_confidence, hands.values()))
        result = repose_estimate(self._body, named, local, betas=betas, pelvis=pelvis)
        track.last, track.seen = result, moment
        return result

    def _update_hand(self, track, hand, local, *, moment, share):
        """The hand, its shape averaged; where it is not seen, as it was, and its rows of `local` are overwritten."""
        rows = _HAND_ROWS[hand.side]
        known = track.hands.get(hand.side)
        if hand.state == skeleton.OK:
            if known is not None and known.betas is not None and hand.betas is not None:
                hand = replace(hand, betas=torch.lerp(known.betas, hand.betas, share))
            track.hands[hand.side] = _LastHand(moment, local[rows], hand.confidence, hand.betas)
        elif known is not None and (age := self._clock.age(known.seen)) <= self.hold_time:
            local[rows] = known.rotations
            hand = replace(hand, state=skeleton.HELD, betas=known.betas,
                           confidence=self.fade_confidence(known.confidence, age))
        return hand

    def _hold_person(self, track, age):
        """The person as seen `age` seconds ago, both hands HELD or LOST, fading."""
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
        """What is left of a confidence, a number or a tensor, `age` seconds after somebody or a hand was seen.

        It falls linearly to zero over the hold time.
        """
        left = 1 - age / self.hold_time if self.hold_time > 0 else 0.0
        return confidence * min(max(left, 0.0), 1.0)


def _with_held_hands(joint_confidence, hands):
    """(55,) with the confidence of HELD hands for their fingers; None if the estimator does not estimate it."""
    held = [hand for hand in hands if hand.state == skeleton.HELD]
    if joint_confidence is None or not held:
        return joint_confidence
    joint_confidence = joint_confidence.clone()
    for hand in held:
        joint_confidence[skeleton.HAND_SLICE[hand.side]] = hand.confidence
    return joint_confidence


def _moved(track, estimate):
    """How far the pelvis is from where it was last, m."""
    return math.dist(track.last.joints[0].tolist(), estimate.joints[0].tolist())
