"""Whole-body postures of daily life: standing, sitting, squatting, kneeling, bending, crawling, lying.

A posture specifies how the pelvis leans, how both legs and the spine are bent, and the arms' usual gestures; arms,
fingers and their names are those of `gestures`. Poses are (55, 3, 3) rotations against the parent joint in the axes of
a standing person: x to the person's left, y up, z forward. Poses with self-collision are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from .. import skeleton
from . import collisions, gestures
from .figure import place_skeleton

#: Most that joints bend, radians (AAOS; the hip with the knee bent).
MAX_HIP_FLEXION, MAX_KNEE = 2.2, 2.6
HIP_EXTENSION, HIP_SPREAD, HIP_TWIST = -0.5, (-0.4, 0.9), (-0.7, 0.9)

#: Of the spine, over its three joints: forward, sideways, twist; of neck and head: nod, turn, tilt.
SPINE = ((-0.6, 1.2), (-0.5, 0.5), (-0.7, 0.7))
HEAD = ((-0.9, 1.0), (-1.3, 1.3), (-0.6, 0.6))

_CANDIDATES = 64        # poses drawn for those that are kept
_ROUNDS = 12


@dataclass(frozen=True)
class Leg:
    """Ranges, radians: flexion of the hip, spread, twist of the thigh outwards, bend of the knee, of the ankle up."""

    flexion: tuple[float, float]
    spread: tuple[float, float] = (0.0, 0.25)
    twist: tuple[float, float] = (-0.1, 0.35)
    knee: tuple[float, float] = (0.0, 0.4)
    ankle: tuple[float, float] = (-0.4, 0.4)


@dataclass(frozen=True)
class Posture:
    """One posture. Radians; `second` leg None: as the first one, a little apart."""

    odds: float
    pitch: tuple[float, float]              # of the pelvis, forward
    legs: Leg
    second: Leg | None = None
    roll: tuple[float, float] = (-0.08, 0.08)       # of the pelvis, to its left
    bend: tuple[float, float] = (-0.1, 0.4)         # of the spine
    #: Names of gestures.ANYTHING.arms; None: any.
    arms: tuple[str, ...] | None = None
    #: True where legs stay upright: the lean of the pelvis is added to the flexion of both hips.
    upright: bool = False


_STRAIGHT = Leg((-0.1, 0.2), knee=(0.0, 0.25))
_HALF_PI = np.pi / 2

POSTURES = {
    'standing': Posture(14, (-0.1, 0.1), _STRAIGHT, upright=True),
    'standing apart': Posture(5, (-0.1, 0.15), Leg((-0.1, 0.3), (0.15, 0.7), (0.0, 0.6), (0.0, 0.7)), upright=True),
    'walking': Posture(8, (-0.05, 0.2), Leg((0.1, 0.9), (-0.1, 0.12), knee=(0.1, 1.4)),
                       Leg((-0.45, 0.1), (-0.1, 0.12), knee=(0.0, 1.2))),
    'kicking': Posture(3, (-0.3, 0.2), Leg((0.6, 1.9), (-0.2, 0.8), knee=(0.0, 1.6)), Leg((-0.2, 0.2), knee=(0.0, 0.4)),
                       roll=(-0.3, 0.3)),
    'leaning': Posture(4, (-0.35, 0.4), _STRAIGHT, roll=(-0.35, 0.35), bend=(-0.4, 0.5)),
    'bending': Posture(8, (0.3, 1.5), Leg((0.0, 0.5), (0.0, 0.35), knee=(0.0, 0.9)), bend=(0.0, 1.1), upright=True),
    'lunging': Posture(5, (-0.1, 0.6), Leg((0.6, 1.8), (-0.1, 0.3), knee=(0.6, 1.9)),
                       Leg((-0.5, 0.2), (0.0, 0.3), knee=(0.0, 1.5), ankle=(-0.2, 0.5))),
    'squatting': Posture(6, (0.0, 0.9), Leg((1.3, 2.2), (0.05, 0.7), (0.0, 0.6), (1.4, 2.6), (0.0, 0.6)),
                         bend=(0.0, 0.8)),
    'sitting': Posture(14, (-0.5, 0.3), Leg((1.1, 1.75), (-0.05, 0.5), (-0.3, 0.4), (0.5, 2.0)), bend=(-0.1, 0.6),
                       arms=('lap', 'lap', 'reach', 'chest', 'face', 'talk', 'crossed', 'anywhere', 'down', 'side')),
    'sitting, legs crossed': Posture(3, (-0.4, 0.2), Leg((1.2, 1.8), (-0.35, -0.1), (0.0, 0.5), (0.7, 1.5)),
                                     Leg((1.3, 1.7), (-0.1, 0.1), knee=(1.2, 1.8))),
    'sitting on the floor': Posture(4, (-0.6, 0.3), Leg((1.0, 1.8), (-0.05, 0.7), (-0.1, 0.7), (0.0, 0.7)),
                                    bend=(0.0, 0.9)),
    'sitting cross-legged': Posture(4, (-0.4, 0.4), Leg((1.3, 1.9), (0.45, 0.9), (0.5, 0.9), (1.8, 2.5)),
                                    bend=(0.0, 0.7)),
    'knees drawn up': Posture(3, (-0.6, 0.2), Leg((1.7, 2.2), (-0.1, 0.4), knee=(1.5, 2.5)), bend=(0.1, 0.9)),
    'kneeling': Posture(5, (-0.15, 0.5), Leg((-0.1, 0.6), (0.0, 0.35), knee=(1.3, 1.9), ankle=(-0.7, 0.4))),
    'sitting on the heels': Posture(4, (-0.1, 0.5), Leg((1.0, 1.7), (0.0, 0.4), knee=(2.1, 2.6), ankle=(-0.7, 0.4))),
    'kneeling on one knee': Posture(4, (-0.1, 0.5), Leg((1.2, 1.8), (0.0, 0.4), knee=(1.2, 2.0)),
                                    Leg((-0.3, 0.4), knee=(1.2, 2.0), ankle=(-0.6, 0.5))),
    'crawling': Posture(5, (1.1, 1.7), Leg((0.9, 1.9), (0.0, 0.3), knee=(1.0, 1.9), ankle=(-0.7, 0.3)),
                        Leg((0.6, 1.9), (0.0, 0.3), knee=(0.8, 2.0), ankle=(-0.7, 0.3)), bend=(-0.4, 0.5),
                        arms=('reach', 'reach', 'reach', 'anywhere')),
    'lying on the back': Posture(5, (-_HALF_PI - 0.25, -_HALF_PI + 0.4), Leg((-0.1, 1.5), (-0.1, 0.7), (-0.2, 0.7),
                                                                              (0.0, 2.2)), roll=(-0.3, 0.3)),
    'lying on the front': Posture(4, (_HALF_PI - 0.3, _HALF_PI + 0.2), Leg((-0.3, 0.5), (-0.05, 0.8), (-0.3, 0.8),
                                                                           (0.0, 1.9), (-0.7, 0.3)), roll=(-0.3, 0.3)),
    'lying on a side': Posture(5, (-0.3, 0.3), Leg((0.0, 1.8), (-0.2, 0.4), knee=(0.0, 2.2)),
                               Leg((0.0, 1.8), (-0.2, 0.4), knee=(0.0, 2.2)), roll=(-_HALF_PI - 0.3, -_HALF_PI + 0.3)),
    'anyhow': Posture(10, (-np.pi, np.pi), Leg((HIP_EXTENSION, MAX_HIP_FLEXION), HIP_SPREAD, HIP_TWIST,
                                               (0.0, MAX_KNEE), (-0.7, 0.5)),
                      Leg((HIP_EXTENSION, MAX_HIP_FLEXION), HIP_SPREAD, HIP_TWIST, (0.0, MAX_KNEE), (-0.7, 0.5)),
                      roll=(-np.pi, np.pi), bend=SPINE[0])}

_NAMES = tuple(POSTURES)
_ODDS = np.array([posture.odds for posture in POSTURES.values()])
_ODDS = _ODDS / _ODDS.sum()


def sample_name(rng: np.random.Generator) -> str:
    """A random posture, by its frequency."""
    return _NAMES[rng.choice(len(_NAMES), p=_ODDS)]


def sample(rng: np.random.Generator, name: str, count: int, *, joints: np.ndarray, tips: np.ndarray) -> np.ndarray:
    """(count, 55, 3, 3) poses of a posture without self-collision, `count` at most _CANDIDATES.

    joints (55, 3), tips (10, 3): of the figure in the T-pose. If a posture has no collision-free pose, others are used.
    """
    kept = np.empty((0, skeleton.NUM_JOINTS, 3, 3))
    for _ in range(_ROUNDS):
        local = candidates(rng, POSTURES[name], min(_CANDIDATES, 4 * count), joints=joints, tips=tips)
        placed = place_skeleton(local, joints, tips)[1]
        kept = np.concatenate([kept, local[collisions.limbs_clear(placed)]])
        if len(kept) >= count:
            return kept[:count]
    return np.concatenate([kept, sample(rng, sample_name(rng), count - len(kept), joints=joints, tips=tips)])


def candidates(rng: np.random.Generator, posture: Posture, count: int, *, joints: np.ndarray,
               tips: np.ndarray) -> np.ndarray:
    """(count, 55, 3, 3) poses, some possibly with self-collision; one pair of gestures of the arms for all."""
    first = gestures.Gesture.sample(rng)
    if posture.arms is not None and rng.random() < 0.7:
        one, other = (posture.arms[rng.integers(len(posture.arms))] for _ in range(2))
        first = gestures.Gesture((one, other), first.together, first.legs)
    local = gestures.sample_gesture_poses(first, rng, count, joints=joints, tips=tips, turn=0.0)
    pitch, roll = rng.uniform(*posture.pitch, count), rng.uniform(*posture.roll, count)
    at = skeleton.JOINT
    local[:, 0] = _euler('ZX', -roll, pitch)
    _bend_spine(local, rng, posture, count)
    leading, alike, numbers = rng.integers(2), rng.random(count) ** 2, None
    for number, leg in enumerate((posture.legs, posture.second or posture.legs)):
        drawn = np.stack([rng.uniform(low, high, count)
                          for low, high in (leg.flexion, leg.spread, leg.twist, leg.knee, leg.ankle)])
        if posture.second is None and numbers is not None:
            drawn = numbers + alike * (drawn - numbers)
        numbers = drawn
        flexion, spread, twist, knee, ankle = drawn
        if posture.upright:
            flexion = flexion + np.clip(pitch, 0, None)
        k = (leading + number) % 2
        side, sign = skeleton.SIDES[k], (1, -1)[k]
        flexion = np.clip(flexion, HIP_EXTENSION, MAX_HIP_FLEXION)
        local[:, at[f'{side}_hip']] = _euler('XZY', -flexion, sign * spread, sign * twist)
        local[:, at[f'{side}_knee']] = _euler('XYZ', np.clip(knee, 0, MAX_KNEE), *rng.normal(0, 0.04, (2, count)))
        local[:, at[f'{side}_ankle']] = _euler('XYZ', -ankle, *rng.normal(0, 0.1, (2, count)))
        local[:, at[f'{side}_foot']] = _euler('X', np.clip(rng.normal(0, 0.15, count), -0.6, 0.2))
    return local


def _bend_spine(local, rng, posture, count):
    bend = rng.uniform(*posture.bend, count)
    lean, twist = np.clip(rng.normal(0, (0.16, 0.22), (count, 2)), -0.6, 0.6).T
    share = rng.dirichlet((4, 4, 4), count).T
    for k, name in enumerate(('spine1', 'spine2', 'spine3')):
        angles = np.stack([bend * share[k], twist * share[k], lean * share[k]])
        low, high = np.array([(-0.35, 0.55), (-0.3, 0.3), (-0.3, 0.3)]).T
        local[:, skeleton.JOINT[name]] = _euler('XYZ', *np.clip(angles.T, low, high).T)
    nod = rng.normal(0.05, 0.3, count) - 0.5 * np.clip(bend, 0, 1) * rng.random(count)
    turn, tilt = rng.normal(0, 0.45, count), rng.normal(0, 0.15, count)
    share = rng.uniform(0.3, 0.7, count)
    for name, part in (('neck', share), ('head', 1 - share)):
        angles = (np.clip(value, *limits) * part for value, limits in zip((nod, turn, tilt), HEAD))
        local[:, skeleton.JOINT[name]] = _euler('XYZ', *angles)


def _euler(axes, *angles):
    """Rotations (N, 3, 3) about moving axes, the first one outermost."""
    return Rotation.from_euler(axes, np.stack(angles, axis=-1)).as_matrix()
