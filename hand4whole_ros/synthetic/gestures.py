"""Whole-body poses in batches: actions and relation of both arms, torso, head and legs.

A pose is (55, 3, 3) rotations against the parent joint, identity in SMPL-X's T-pose. A gesture specifies wrist
positions: in lengths of the stretched arm from the shoulder, in the chest's axes, x away from the body's middle, y up,
z forward. One gesture is chosen for a whole batch, so that self-colliding poses, which are dropped, are replaced by
similar ones. A PosePreset specifies the gestures, and how far poses deviate from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from .. import skeleton
from . import hands

_MIRROR = np.diag([-1.0, 1.0, 1.0])


class ArmRegion(NamedTuple):
    """Target of an arm."""

    low: tuple[float, float, float]     # corners of the box of the wrist's position
    high: tuple[float, float, float]
    roll: float         # mean of the forearm, radians; 0 palm down with the arm sideways, negative turns the thumb up
    odds: float


class Shoulder(NamedTuple):
    """How a shoulder blade moves with the arm upwards and forwards, radians and factors; and the arm's reach."""

    lift: float
    max_lift: float
    protraction: float
    reach: float


#: Of poses that are sampled, and of arms that are scripted.
FREE_SHOULDER, CALM_SHOULDER = Shoulder(0.18, 1.2, 0.15, 0.998), Shoulder(0.12, 1.0, 0.12, 0.995)

LEGS = ('stand', 'walk', 'sit', 'squat', 'apart')

_ARM_JOINTS = np.array([[skeleton.JOINT[f'{side}_{name}'] for name in ('collar', 'shoulder', 'elbow', 'wrist')]
                        for side in skeleton.SIDES])


_MAX_ELBOW = 2.5        # radians

#: Relations of the two arms. Arms that are alike both make the same gesture, each with its own variation.
MIRRORED, NEAR, ALIKE, RESTING, OWN = 'mirrored', 'near each other', 'alike', 'one at rest', 'each its own'


@dataclass(frozen=True)
class PosePreset:
    """A distribution of poses. Pairs are a mean and a standard deviation, single numbers deviations; radians."""

    arms: Mapping[str, ArmRegion]
    relations: Mapping[str, float]          # of the two arms, and how often
    legs: Mapping[str, float]               # of LEGS, and how often
    pelvis: tuple[float, float]             # deviations of pitch and roll
    bend: tuple[float, float]               # of the spine, forward
    deep_bend: float                        # how often it is bent much farther
    twist: float
    lean: float
    turned_back: tuple[float, float]        # least and largest share of a body's turn that the head compensates
    head_turn: float
    nod: tuple[float, float]
    tilt: float
    face: float                             # 1: jaw and eyes move, 0: they rest
    roll: float                             # of the forearm, about its region's
    any_roll: float                         # how often it is arbitrary instead
    flexion: float                          # of the wrist, towards the palm
    deviation: tuple[float, float]          # of the wrist, towards the thumb
    pole: float                             # of the direction in which the elbow points
    roll_range: tuple[float, float]
    flexion_range: tuple[float, float]
    deviation_range: tuple[float, float]


#: Any action of a body before a camera.
ANYTHING = PosePreset(
    arms={'reach': ArmRegion((-0.35, -0.50, 0.55), (0.45, 0.35, 0.95), -0.8, 12),
          'chest': ArmRegion((-0.45, -0.75, 0.32), (0.10, -0.10, 0.70), -0.9, 13),
          'talk': ArmRegion((-0.10, -0.65, 0.30), (0.50, -0.05, 0.75), -1.3, 14),
          'wave': ArmRegion((0.05, -0.10, 0.15), (0.65, 0.55, 0.65), -0.3, 11),
          'face': ArmRegion((-0.45, 0.05, 0.25), (0.05, 0.50, 0.60), -1.0, 7),
          'crossed': ArmRegion((-0.75, -0.65, 0.35), (-0.40, -0.10, 0.65), -0.7, 4),
          'hips': ArmRegion((-0.05, -0.95, -0.05), (0.28, -0.72, 0.28), -0.6, 4),
          'up': ArmRegion((-0.15, 0.55, -0.05), (0.60, 0.95, 0.50), -0.4, 6),
          'side': ArmRegion((0.55, -0.60, -0.10), (0.98, 0.35, 0.60), -0.8, 9),
          'down': ArmRegion((0.08, -0.99, -0.10), (0.42, -0.80, 0.30), -1.2, 8),
          'lap': ArmRegion((-0.30, -0.90, 0.25), (0.25, -0.55, 0.60), -0.7, 5),
          'behind': ArmRegion((-0.15, -0.95, -0.45), (0.20, -0.65, -0.15), -0.8, 2),
          'anywhere': ArmRegion((-0.60, -0.90, -0.10), (0.90, 0.85, 0.95), -1.0, 14)},
    relations={OWN: 0.38, MIRRORED: 0.22, NEAR: 0.28, RESTING: 0.12},
    legs=dict(zip(LEGS, (0.5, 0.15, 0.2, 0.05, 0.1))),
    pelvis=(0.07, 0.04), bend=(0.06, 0.11), deep_bend=0.15, twist=0.2, lean=0.09, turned_back=(0.1, 1.0),
    head_turn=0.2, nod=(0.04, 0.2), tilt=0.11, face=1.0, roll=0.55, any_roll=0.3, flexion=0.42, deviation=(0.04, 0.18),
    pole=0.35, roll_range=(-2.5, 0.35), flexion_range=(-1.15, 1.25), deviation_range=(-0.40, 0.55))

#: Frontal upright poses of people before a camera: both hands before or beside the body.
UPRIGHT = PosePreset(
    arms={'reach': ArmRegion((-0.30, -0.40, 0.60), (0.35, 0.30, 0.90), -0.7, 18),
          'chest': ArmRegion((-0.40, -0.70, 0.35), (0.05, -0.10, 0.70), -0.9, 22),
          'talk': ArmRegion((-0.05, -0.60, 0.35), (0.45, -0.10, 0.70), -1.3, 24),
          'wave': ArmRegion((0.10, -0.05, 0.15), (0.60, 0.50, 0.60), -0.2, 14),
          'hips': ArmRegion((0.00, -0.95, -0.05), (0.25, -0.78, 0.25), -0.6, 5),
          'up': ArmRegion((0.00, 0.60, 0.05), (0.55, 0.90, 0.45), -0.3, 6),
          'side': ArmRegion((0.60, -0.55, 0.05), (0.90, 0.20, 0.55), -0.7, 7),
          'down': ArmRegion((0.15, -0.95, 0.05), (0.40, -0.80, 0.30), -1.2, 4)},
    relations={OWN: 0.55, ALIKE: 0.45}, legs={'stand': 1.0},
    pelvis=(0.05, 0.03), bend=(0.05, 0.07), deep_bend=0.0, twist=0.12, lean=0.05, turned_back=(0.4, 0.9), head_turn=0.1,
    nod=(0.02, 0.08), tilt=0.06, face=0.0, roll=0.5, any_roll=0.0, flexion=0.4, deviation=(0.05, 0.15), pole=0.25,
    roll_range=(-2.4, 0.25), flexion_range=(-0.8, 0.9), deviation_range=(-0.3, 0.4))


@dataclass(frozen=True)
class Gesture:
    """A person's gesture; poses are sampled about it."""

    arms: tuple[str, str]       # left, right: of the preset's
    together: str               # of its relations
    legs: str                   # of LEGS
    preset: PosePreset = ANYTHING

    @classmethod
    def sample(cls, rng: np.random.Generator, legs: str | None = None, near: float | None = None,
               preset: PosePreset = ANYTHING) -> Gesture:
        """Any gesture. legs: these; near: with this chance the hands are near each other."""
        together = _choose(rng, preset.relations)
        if near is not None:
            together = NEAR if rng.random() < near else OWN
        odds = np.array([region.odds for region in preset.arms.values()], float)
        first, second = (list(preset.arms)[k] for k in rng.choice(len(odds), p=odds / odds.sum(), size=2))
        if together in (MIRRORED, ALIKE):
            second = first
        elif together == RESTING:
            second = ('down', 'hips', 'lap', 'behind')[rng.integers(4)]
        arms = (first, second) if rng.random() < 0.5 else (second, first)
        return cls(arms, together, legs or _choose(rng, preset.legs), preset)


def _choose(rng, odds):
    return list(odds)[rng.choice(len(odds), p=list(odds.values()))]


def sample_gesture_poses(gesture: Gesture, rng: np.random.Generator, count: int, *, joints: np.ndarray,
                         tips: np.ndarray, turn: float) -> np.ndarray:
    """(count, 55, 3, 3) poses against the parent joint, in the person's own axes.

    joints (55, 3), tips (10, 3): of the figure in the T-pose. turn: the person's rotation away from the
    camera, radians about y; the head mostly turns back.
    """
    vectors = np.zeros((count, skeleton.NUM_JOINTS, 3))
    _sample_torso(gesture.preset, vectors, rng, count=count, turn=turn)
    _sample_legs(vectors, rng, count, gesture.legs)
    local = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(count, skeleton.NUM_JOINTS, 3, 3)
    place, roll, flexion, deviation = _sample_arms(gesture, rng, count, joints)
    alike = rng.random() < {MIRRORED: 0.7, NEAR: 0.5}.get(gesture.together, 0.0)
    fingers = hands.sample_finger_poses(rng, count, joints=joints, tips=tips, alike=0.7 if alike else 0.0)
    pole = np.array([0.6, -1.0, -0.4]) + rng.normal(0, gesture.preset.pole, (2, count, 3))
    pole[..., 0] += 0.8 * np.clip(place[..., 1], 0, 1)      # elbows of raised arms point outwards
    arms = arm_rotations(joints[_ARM_JOINTS[0]], place, roll=roll, pole=pole, flexion=flexion, deviation=deviation)
    for k, side in enumerate(skeleton.SIDES):
        mirror = np.eye(3) if k == 0 else _MIRROR
        local[:, _ARM_JOINTS[k]] = mirror @ arms[k] @ mirror
        local[:, skeleton.HAND_SLICE[side]] = mirror @ fingers[k] @ mirror
    return local


def _sample_torso(preset, vectors, rng, *, count, turn):
    at = skeleton.JOINT
    pitch, roll = preset.pelvis
    vectors[:, 0] = rng.normal(0, (pitch, 0, roll), (count, 3))
    bend = rng.normal(*preset.bend, count) + (rng.random(count) < preset.deep_bend) * rng.uniform(0.1, 0.7, count)
    twist, lean = rng.normal(0, preset.twist, count), rng.normal(0, preset.lean, count)
    spine = np.stack([np.clip(bend, -0.3, 0.9), twist, lean], axis=1)
    for name in ('spine1', 'spine2', 'spine3'):
        vectors[:, at[name]] = spine / 3 + rng.normal(0, 0.02, (count, 3))
    yaw = -np.clip(turn + twist, -1.1, 1.1) * rng.uniform(*preset.turned_back, count)
    yaw = yaw + rng.normal(0, preset.head_turn, count)
    nod, tilt = rng.normal(*preset.nod, count) - 0.5 * bend, rng.normal(0, preset.tilt, count)
    head = np.stack([nod, np.clip(yaw, -1.2, 1.2), tilt], axis=1)
    vectors[:, at['neck']] = 0.45 * head
    vectors[:, at['head']] = 0.55 * head
    vectors[:, at['jaw'], 0] = preset.face * np.clip(rng.normal(-0.1, 0.15, count), 0, 0.35)
    gaze = preset.face * rng.normal(0, (0.1, 0.2, 0), (count, 3))
    vectors[:, at['left_eye']] = vectors[:, at['right_eye']] = gaze


def _sample_legs(vectors, rng, count, legs):
    """Bend, outward turn and spread of the hips, bend of the knees."""
    at = skeleton.JOINT
    both = rng.normal(0, 1, count)
    for k, (side, sign) in enumerate(zip(skeleton.SIDES, (1, -1))):
        if legs == 'sit':
            raised, knee = rng.normal(1.45, 0.12, count), rng.normal(1.45, 0.25, count)
            spread, out = np.abs(rng.normal(0.14, 0.12, count)), rng.normal(0.1, 0.12, count)
        elif legs == 'squat':
            raised = 0.9 + 0.25 * both + rng.normal(0, 0.08, count)
            knee, spread, out = 1.9 * raised, np.abs(rng.normal(0.2, 0.12, count)), rng.normal(0.25, 0.1, count)
        elif legs == 'walk':
            swing = np.where(rng.random() < 0.5, 1, -1) * (1 if k == 0 else -1) * np.abs(both) * 0.35
            raised, knee = swing, np.clip(rng.normal(0.25, 0.2, count) - 0.5 * swing, 0.02, 1.2)
            spread, out = np.abs(rng.normal(0.03, 0.03, count)), rng.normal(0.05, 0.08, count)
        else:
            raised = np.maximum(0.0, rng.normal(0.05, 0.12, count))
            knee, out = 1.7 * raised, rng.normal(0.12, 0.12, count)
            spread = np.abs(rng.normal(0.25 if legs == 'apart' else 0.06, 0.06, count))
        vectors[:, at[f'{side}_hip']] = np.stack([-raised, sign * out, sign * spread], axis=1)
        vectors[:, at[f'{side}_knee'], 0] = knee
        level = rng.normal(0, 0.2, count) if legs == 'sit' else raised - knee
        vectors[:, at[f'{side}_ankle'], 0] = np.clip(level, -0.6, 0.5)
        vectors[:, at[f'{side}_ankle'], 2] = -sign * spread


def _sample_arms(gesture, rng, count, joints):
    """Places of the wrists (2, count, 3), roll, flexion and deviation (2, count), all as of left arms."""
    preset = gesture.preset
    regions = [preset.arms[name] for name in gesture.arms]
    low, high = (np.array(corners)[:, None] for corners in zip(*((region.low, region.high) for region in regions)))
    place = rng.uniform(low, high, (2, count, 3))
    roll = rng.normal(np.array([region.roll for region in regions])[:, None], preset.roll, (2, count))
    anyhow = rng.random((2, count)) < preset.any_roll
    roll = np.where(anyhow, rng.uniform(*preset.roll_range, (2, count)), roll)
    flexion, deviation = rng.normal(0.0, preset.flexion, (2, count)), rng.normal(*preset.deviation, (2, count))
    if gesture.together == MIRRORED:
        for values, scale in ((place, 0.15), (roll, 0.2), (flexion, 0.3), (deviation, 0.3)):
            values[1] = values[0] + scale * (values[1] - values[0])
    elif gesture.together == NEAR:
        place = _sample_close_wrists(rng, count, joints)
    return (place, np.clip(roll, *preset.roll_range), np.clip(flexion, *preset.flexion_range),
            np.clip(deviation, *preset.deviation_range))


def _sample_close_wrists(rng, count, joints):
    """Wrists some centimetres to a forearm apart, about a point before the chest, the belly or the face."""
    shoulder, elbow, wrist = joints[_ARM_JOINTS[0, 1:]]
    arm = np.linalg.norm(elbow - shoulder) + np.linalg.norm(wrist - elbow)
    middle = rng.uniform((-0.25, -0.75, 0.38), (0.25, 0.35, 0.85), (count, 3))
    apart = rng.normal(0, (0.6, 1.0, 0.7), (count, 3))
    apart[:, 0] = np.abs(apart[:, 0]) + 0.25        # the left wrist mostly on the left
    apart *= rng.uniform(0.05, 0.22, (count, 1)) / np.linalg.norm(apart, axis=1, keepdims=True)
    out = np.array([shoulder[0] / arm, 0, 0])
    left, right = middle + apart - out, middle - apart + out
    return np.stack([left, right * (-1, 1, 1)])


def set_arm(local: np.ndarray, joints: np.ndarray, side: str, place: np.ndarray, *, roll: float, pole: np.ndarray,
            flexion: float = 0.0, deviation: float = 0.0) -> None:
    """Bend the arm of `side` in `local` (55, 3, 3), in place, so that its wrist reaches `place` (3,).

    joints (55, 3): of the figure in the T-pose. A place out of reach is approached as far as the arm goes, others are
    reached within some millimetres. The rest: see arm_rotations.
    """
    mirror = _MIRROR if side == 'right' else np.eye(3)
    rows = _ARM_JOINTS[skeleton.SIDES.index(side)]
    arm = arm_rotations(joints[rows] @ mirror, np.asarray(place, float), roll=np.asarray(roll), pole=pole,
                        flexion=np.asarray(flexion), deviation=np.asarray(deviation), shoulder=CALM_SHOULDER)
    local[rows] = mirror @ arm @ mirror


def arm_rotations(arm: np.ndarray, place: np.ndarray, *, roll: np.ndarray, pole: np.ndarray, flexion: np.ndarray,
                  deviation: np.ndarray, shoulder: Shoulder = FREE_SHOULDER) -> np.ndarray:
    """(..., 4, 3, 3) rotations of collar, shoulder, elbow and wrist of left arms whose wrists reach `place`.

    arm (4, 3): these joints in the T-pose. place, pole (..., 3): the wrist's position and the elbow's direction, in
    the axes of the module docstring. roll of the forearm, half of it in the elbow, half in the wrist; flexion of
    the wrist and its deviation towards the thumb (...), radians.
    """
    collar0, shoulder0, elbow0, wrist0 = arm
    upper, fore = np.linalg.norm(elbow0 - shoulder0), np.linalg.norm(wrist0 - elbow0)
    place = place * (upper + fore)
    zero = np.zeros(place.shape[:-1])
    lift = shoulder.lift * np.clip(place[..., 1] / (upper + fore) + 0.2, 0, shoulder.max_lift)
    protract = -shoulder.protraction * np.clip(place[..., 2] / (upper + fore) - 0.4, 0, 1)
    collar, half, sideways, bent = _matrices([(zero, protract, lift), (roll / 2, zero, zero), (zero, -deviation, zero),
                                              (zero, zero, -flexion)])
    to_wrist = shoulder0 + place - (collar0 + collar @ (shoulder0 - collar0))
    length = np.linalg.norm(to_wrist, axis=-1)
    nearest = np.sqrt(upper ** 2 + fore ** 2 + 2 * upper * fore * np.cos(_MAX_ELBOW))
    distance = np.clip(length, nearest, shoulder.reach * (upper + fore))
    direction = to_wrist / length[..., None]
    # Two bones and the distance define a triangle; the pole gives the direction of its corner, the elbow.
    pole = _unit(pole - direction * (direction * pole).sum(-1, keepdims=True))
    along = (upper ** 2 - fore ** 2 + distance ** 2) / (2 * distance)
    across = np.sqrt(np.maximum(upper ** 2 - along ** 2, 0.0))
    u = (direction * along[..., None] + pole * across[..., None]) / upper
    f = (direction * distance[..., None] - u * upper) / fore
    crossed = np.cross(u, f)
    normal = _unit(crossed)
    aimed = np.stack([u, -normal, np.cross(u, -normal)], axis=-1)
    bend = np.arctan2(np.linalg.norm(crossed, axis=-1), (u * f).sum(-1))
    elbow = _matrices([(zero, -bend, zero)])[0] @ half
    wrist = half @ sideways @ bent
    return np.stack([collar, np.swapaxes(collar, -1, -2) @ aimed, elbow, wrist], axis=-3)


def _matrices(vectors):
    """x, y and z (...) of N rotation vectors -> (N, ..., 3, 3)."""
    vectors = np.moveaxis(np.array(vectors), 1, -1)
    return Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(*vectors.shape, 3)


def _unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
