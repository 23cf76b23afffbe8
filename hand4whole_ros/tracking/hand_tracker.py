"""Identity of hands over frames: those of tracked people, and loose ones, which are filtered and held here.

A hand keeps its track id when its person changes: a loose hand on a desk is still the same hand when a person leans
into the image and it becomes that person's right hand.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from .. import skeleton
from ..body.model import BodyModel
from ..estimate import BEHIND, IMPOSSIBLE, HandEstimate, LooseHandEstimate, WholeBodyEstimate
from ..fitting.hand_rotations import HandRotations
from ..geometry.assignment import assign_pairs
from ..geometry.one_euro import OneEuroPoints, OneEuroRotations
from ..landmarks.measures import palm_length
from .image_clock import Moment
from .tracker import Tracker
from .validation import hand_rejection_reason

#: Maximum motion of a hand: palms from one image to the next; palms per second if the images are far apart; palms in
#: total. A hand's palm is some 0.1 m.
_MAX_STEP, _MAX_SPEED, _MAX_DISTANCE = 2.0, 25.0, 6.0

#: Seconds, or image intervals if they are longer, after which a hand is no longer recognised.
_MAX_MEMORY, _MAX_INTERVALS = 2.0, 2.5

#: Minimum cost of a match by position: more than that of any match by the estimator's own ids.
_BY_PLACE = 100.0

#: Cost, in palms, of a match with the other side, and with another size (by its logarithm).
_OTHER_SIDE, _OTHER_SIZE = 1.5, 2.0

#: m. The cut-off of the filter rises with the speed in these units. A motion of one unit, a palm's length, rotates a
#: palm or a finger by about a radian: with the same settings hands lag as little as the joints of people, which are
#: filtered as rotations.
_FILTER_UNIT = 0.1

#: Weight of the last image in the estimate of a loose hand's side, and the confidence needed to change the side.
_SIDE_SHARE, _OTHER_SIDE_SURE = 0.25, 0.65


def _length(points):
    """Length along the middle finger of keypoints (21, 3)."""
    return float(np.linalg.norm(np.diff(points[list(skeleton.MIDDLE_FINGER_KEYPOINTS)], axis=0), axis=1).sum())


@dataclass(frozen=True)
class TrackedHand:
    """One hand in one image, OK or HELD."""

    track_id: int               # the same from image to image
    person: int                 # track id of its person; -1: no person in the image
    hand: HandEstimate
    side_confidence: float      # 0 to 1: confidence in the side; 1 for the hand of an arm
    wrist_rotation: np.ndarray  # (3, 3) in the camera frame, axes as WholeBodyEstimate.joint_rotations
    finger_pose: np.ndarray     # (15, 3) axis-angle against the parents, SMPL-X's order

    @property
    def is_loose(self) -> bool:
        """Whether it has no person in the image."""
        return self.person < 0


@dataclass
class _HandTrack:
    track_id: int
    owner: tuple[int, str] | None           # track id of the person, side; None: no person
    side: str
    keypoints: np.ndarray                   # (21, 2) px when it was last detected
    seen: Moment | None
    estimator_id: int = -1                  # its last id in the estimator
    right: float = 0.5                      # probability that it is a right hand
    filter: OneEuroPoints | None = None     # of a loose hand's keypoints
    turn_filter: OneEuroRotations | None = None  # of its wrist and fingers, if the estimator gives their rotations
    last: LooseHandEstimate | None = None   # the last result; None: it is not loose


@dataclass(frozen=True)
class _Observation:
    hand: HandEstimate
    owner: tuple[int, str] | None

    @property
    def keypoints(self) -> np.ndarray:
        return self.hand.keypoints_2d


class HandTracker:
    """Tracks hands in the images whose people a Tracker has tracked. Not thread-safe."""

    def __init__(self, body: BodyModel, people: Tracker):
        """people: its configuration, hold time and clock are used for hands, too."""
        self._people, self._rotations = people, HandRotations(body.kinematics)
        #: Reason (estimate.BEHIND, IMPOSSIBLE) -> number of rejected loose hands.
        self.refused: Counter = Counter()
        self.reset()

    def reset(self) -> None:
        """Forget all hands."""
        self._tracks: list[_HandTrack] = []
        self._ids = itertools.count()
        self._clock = self._people.clock

    def update(self, people: Sequence[WholeBodyEstimate],
               loose: Sequence[LooseHandEstimate]) -> list[TrackedHand]:
        """The hands of the image of the last people.update, by their track ids.

        people: its result. loose: the estimator's. A loose hand that is not detected is repeated for the hold time
        (state HELD). Loose hands that are impossible or below the minimum confidence are left out.
        """
        if self._clock is not self._people.clock:
            self.reset()    # time has jumped back
        least = self._people.config.min_confidence
        loose = [hand for hand in loose if self._is_valid(hand) and hand.confidence >= least]
        present = {person.track_id: person for person in people}
        owned = {(person.track_id, hand.side): hand for person in people for hand in person.hands
                 if hand.state != skeleton.LOST}
        seen = {owner: hand for owner, hand in owned.items() if hand.state == skeleton.OK}
        known = {track.owner: track for track in self._tracks if track.owner is not None}
        updated: list[_HandTrack] = []
        for owner, hand in seen.items():
            if owner in known:
                self._update_owned(known[owner], owner, hand)
                updated.append(known[owner])
        new = [_Observation(hand, owner) for owner, hand in seen.items() if owner not in known]
        new += [_Observation(hand, None) for hand in loose]
        found = []
        for observation, track in zip(new, self._associate(new, [t for t in self._tracks if t not in updated])):
            if observation.owner is not None:
                self._update_owned(track, observation.owner, observation.hand)
            else:
                found.append((track, self._update_loose(track, observation.hand)))
            updated.append(track)
        self._tracks = [track for track in self._tracks if track in updated or self._people.remembers(self._age(track))
                        or (track.owner is not None and track.owner[0] in present)]
        held = [self._hold(track) for track in self._tracks if self._is_held(track, updated)]
        return sorted([*self._of_people(present, owned), *(self._as_tracked(*one) for one in found), *held],
                      key=lambda hand: hand.track_id)

    def _is_valid(self, hand):
        reason = hand_rejection_reason(hand)
        if reason:
            self.refused[BEHIND if reason.startswith(BEHIND) else IMPOSSIBLE] += 1
        return not reason

    def _age(self, track):
        return self._clock.age(track.seen)

    def _associate(self, observations, tracks):
        """The track of each observation: that of the same estimator id, then the nearest; otherwise a new one."""
        memory = max(_MAX_MEMORY, _MAX_INTERVALS * self._clock.interval)
        tracks = [track for track in tracks if self._age(track) <= memory]
        costs = np.array([[self._cost(observation, track) for track in tracks] for observation in observations])
        pairs = assign_pairs(costs.reshape(len(observations), len(tracks)), 10 * _BY_PLACE)
        given = {o: tracks[t] for o, t in pairs}
        for o, observation in enumerate(observations):
            if o not in given:
                given[o] = _HandTrack(next(self._ids), None, observation.hand.side, observation.keypoints,
                                      self._clock.now)
                self._tracks.append(given[o])
        return [given[o] for o in range(len(observations))]

    def _cost(self, observation, track):
        """Cost of matching an observation to a track: 0 for equal estimator ids, inf if impossible.

        Otherwise _BY_PLACE plus the distance and penalties, in palms.
        """
        # A person's hand stays the person's own.
        if observation.owner is not None and track.owner is not None and observation.owner[1] != track.side:
            return math.inf
        name = getattr(observation.hand, 'track_id', -1)
        if name >= 0 and name == track.estimator_id:
            return 0.0
        palms = [palm_length(points) for points in (observation.keypoints, track.keypoints)]
        gap = float(np.linalg.norm(observation.keypoints - track.keypoints, axis=1).mean()) / max(palms)
        if gap > max(_MAX_STEP, min(_MAX_SPEED * self._age(track), _MAX_DISTANCE)):
            return math.inf
        return (_BY_PLACE + gap + _OTHER_SIZE * abs(math.log(palms[0] / palms[1]))
                + _OTHER_SIDE * (observation.hand.side != track.side))

    def _update_owned(self, track, owner, hand):
        track.owner, track.side, track.right = owner, owner[1], float(owner[1] == 'right')
        track.keypoints, track.seen = hand.keypoints_2d, self._clock.now
        track.filter = track.turn_filter = track.last = None
        track.estimator_id = -1

    def _update_loose(self, track, hand):
        """The hand, filtered, with the side estimated over the last images."""
        config, first = self._people.config, track.last is None
        right = hand.side_confidence if hand.side == 'right' else 1 - hand.side_confidence
        if first and track.owner is None:
            track.right, track.side = right, hand.side
        track.right += _SIDE_SHARE * (right - track.right)
        if max(track.right, 1 - track.right) > _OTHER_SIDE_SURE:
            track.side = 'right' if track.right > 0.5 else 'left'
        if hand.side != track.side:     # those of the other side are meaningless
            hand = replace(hand, wrist_rotation=None, finger_pose=None)
        points = hand.keypoints_3d
        if config.smoothing:
            step = 0.0 if first else self._clock.step(track.seen)
            points = self._filtered(track, points, step)
            hand = self._with_filtered_rotations(track, hand, step)
        track.owner, track.estimator_id = None, hand.track_id
        track.keypoints, track.seen = hand.keypoints_2d, self._clock.now
        track.last = replace(hand, side=track.side, keypoints_3d=points, track_id=track.track_id)
        return track.last

    def _filtered(self, track, points, dt):
        """Filtered keypoints (21, 3) m; the hand keeps its length."""
        config = self._people.config
        if track.filter is None:
            track.filter = OneEuroPoints(config.min_cutoff, config.beta)
        track.filter.min_cutoff, track.filter.beta = config.min_cutoff, config.beta
        steady = (track.filter(points / _FILTER_UNIT, dt) * _FILTER_UNIT).astype(np.float32)
        # Points with different motions have different lags, which shortens the distance between them.
        return steady[0] + (steady - steady[0]) * (_length(points) / max(_length(steady), 1e-6))

    def _with_filtered_rotations(self, track, hand, dt):
        """The hand with the estimator's rotations filtered; unchanged if it has none."""
        if hand.wrist_rotation is None or hand.finger_pose is None:
            track.turn_filter = None
            return hand
        config = self._people.config
        if track.turn_filter is None:
            track.turn_filter = OneEuroRotations(config.min_cutoff, config.beta)
        track.turn_filter.min_cutoff, track.turn_filter.beta = config.min_cutoff, config.beta
        turns = np.concatenate([Rotation.from_matrix(hand.wrist_rotation).as_rotvec()[None], hand.finger_pose])
        steady = track.turn_filter(turns, dt)
        return replace(hand, wrist_rotation=Rotation.from_rotvec(steady[0]).as_matrix().astype(np.float32),
                       finger_pose=steady[1:].astype(np.float32))

    def _is_held(self, track, updated):
        return track.last is not None and track not in updated and self._age(track) <= self._people.hold_time

    def _hold(self, track):
        confidence = self._people.fade_confidence(track.last.confidence, self._age(track))
        return self._as_tracked(track, replace(track.last, state=skeleton.HELD, confidence=confidence,
                                               object=None, agreement=None))

    def _as_tracked(self, track, hand):
        side = track.right if hand.side == 'right' else 1 - track.right
        if hand.wrist_rotation is None or hand.finger_pose is None:
            rotations = self._rotations(hand.keypoints_3d, hand.side)
        else:
            rotations = hand.wrist_rotation, hand.finger_pose
        return TrackedHand(track.track_id, -1, hand, side, *rotations)

    def _of_people(self, people, owned):
        """Hands of people, OK or HELD, except those that were detected as loose."""
        for track in self._tracks:
            if track.owner is not None and track.owner in owned:
                person, side = people[track.owner[0]], track.owner[1]
                yield TrackedHand(
                    track.track_id, person.track_id, owned[track.owner], 1.0,
                    person.joint_rotations[skeleton.WRIST[side]], getattr(person, f'{side}_hand_pose'))
