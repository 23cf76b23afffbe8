"""Whole-body poses by the batch: what both arms do and how they belong together, torso, head and legs.

A gesture says where wrists go, as in `poses`: in lengths of the stretched arm from the shoulder, in the chest's axes, x
away from the body's middle, y up, z forward. One gesture is chosen for a whole batch, so that poses which run into the
body, and are dropped, are replaced by their like.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from .. import skeleton
from . import grips

_MIRROR = np.diag([-1.0, 1.0, 1.0])

#: Box of the wrist's place, lowest and highest corner, and mean roll of the forearm (radians, 0 palm down with the
#: arm sideways, negative turns the thumb up); how often it is chosen.
ARMS = {
    'reach': ((-0.35, -0.50, 0.55), (0.45, 0.35, 0.95), -0.8, 12),
    'chest': ((-0.45, -0.75, 0.32), (0.10, -0.10, 0.70), -0.9, 13),
    'talk': ((-0.10, -0.65, 0.30), (0.50, -0.05, 0.75), -1.3, 14),
    'wave': ((0.05, -0.10, 0.15), (0.65, 0.55, 0.65), -0.3, 11),
    'face': ((-0.45, 0.05, 0.25), (0.05, 0.50, 0.60), -1.0, 7),
    'crossed': ((-0.75, -0.65, 0.35), (-0.40, -0.10, 0.65), -0.7, 4),
    'hips': ((-0.05, -0.95, -0.05), (0.28, -0.72, 0.28), -0.6, 4),
    'up': ((-0.15, 0.55, -0.05), (0.60, 0.95, 0.50), -0.4, 6),
    'side': ((0.55, -0.60, -0.10), (0.98, 0.35, 0.60), -0.8, 9),
    'down': ((0.08, -0.99, -0.10), (0.42, -0.80, 0.30), -1.2, 8),
    'lap': ((-0.30, -0.90, 0.25), (0.25, -0.55, 0.60), -0.7, 5),
    'behind': ((-0.15, -0.95, -0.45), (0.20, -0.65, -0.15), -0.8, 2),
    'anywhere': ((-0.60, -0.90, -0.10), (0.90, 0.85, 0.95), -1.0, 14)}
_NAMES, _PROBABILITIES = list(ARMS), np.array([row[3] for row in ARMS.values()], float)
_PROBABILITIES /= _PROBABILITIES.sum()

#: How the two arms belong together, and how often.
HAND_RELATIONS = {'each its own': 0.38, 'mirrored': 0.22, 'near each other': 0.28, 'one at rest': 0.12}
_NEAR = 'near each other'

#: Radians. Roll of the forearm; bend of the wrist towards the palm, and towards the thumb.
ROLL, FLEXION, DEVIATION = (-2.5, 0.35), (-1.15, 1.25), (-0.40, 0.55)
_MAX_ELBOW = 2.5

LEGS = ('stand', 'walk', 'sit', 'squat', 'apart')

_ARM_JOINTS = np.array([[skeleton.JOINT[f'{side}_{name}'] for name in ('collar', 'shoulder', 'elbow', 'wrist')]
                        for side in skeleton.SIDES])


@dataclass(frozen=True)
class Gesture:
    """What a person does; poses are sampled about it."""

    arms: tuple[str, str]       # left, right: of ARMS
    together: str               # of TOGETHER
    legs: str                   # of LEGS

    @classmethod
    def sample(cls, rng: np.random.Generator, legs: str | None = None, near: float | None = None) -> Gesture:
        """Any gesture. legs: these; near: with this chance the hands are near each other."""
        together = list(HAND_RELATIONS)[rng.choice(len(HAND_RELATIONS), p=list(HAND_RELATIONS.values()))]
        if near is not None:
            together = _NEAR if rng.random() < near else 'each its own'
        first, second = (_NAMES[k] for k in rng.choice(len(_NAMES), p=_PROBABILITIES, size=2))
        if together == 'mirrored':
            second = first
        elif together == 'one at rest':
            second = ('down', 'hips', 'lap', 'behind')[rng.integers(4)]
        arms = (first, second) if rng.random() < 0.5 else (second, first)
        return cls(arms, together, legs or LEGS[rng.choice(len(LEGS), p=(0.5, 0.15, 0.2, 0.05, 0.1))])


def sample_gesture_poses(gesture: Gesture, rng: np.random.Generator, count: int, joints: np.ndarray, tips: np.ndarray,
           turn: float) -> np.ndarray:
    """(count, 55, 3, 3) poses against the parent joint, in the person's own axes.

    joints (55, 3), tips (10, 3): of the figure in the T-pose. turn: how far the person stands turned away from the
    camera, radians about y; the head mostly turns back.
    """
    vectors = np.zeros((count, skeleton.NUM_JOINTS, 3))
    _sample_torso(vectors, rng, count, turn)
    _sample_legs(vectors, rng, count, gesture.legs)
    local = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(count, skeleton.NUM_JOINTS, 3, 3)
    place, roll, flexion, deviation = _sample_arms(gesture, rng, count, joints)
    alike = rng.random() < {'mirrored': 0.7, _NEAR: 0.5}.get(gesture.together, 0.0)
    fingers = grips.sample_finger_poses(rng, count, joints, tips, 0.7 if alike else 0.0)
    pole = np.array([0.6, -1.0, -0.4]) + rng.normal(0, 0.35, (2, count, 3))
    pole[..., 0] += 0.8 * np.clip(place[..., 1], 0, 1)      # elbows of raised arms point outwards
    arms = arm_rotations(joints, place, roll, pole, flexion, deviation)
    for k, side in enumerate(skeleton.SIDES):
        mirror = np.eye(3) if k == 0 else _MIRROR
        local[:, _ARM_JOINTS[k]] = mirror @ arms[k] @ mirror
        local[:, skeleton.HAND_SLICE[side]] = mirror @ fingers[k] @ mirror
    return local


def _sample_torso(vectors, rng, count, turn):
    at = skeleton.JOINT
    vectors[:, 0] = rng.normal(0, (0.07, 0, 0.04), (count, 3))
    bend = rng.normal(0.06, 0.11, count) + (rng.random(count) < 0.15) * rng.uniform(0.1, 0.7, count)
    twist, lean = rng.normal(0, 0.2, count), rng.normal(0, 0.09, count)
    spine = np.stack([np.clip(bend, -0.3, 0.9), twist, lean], axis=1)
    for name in ('spine1', 'spine2', 'spine3'):
        vectors[:, at[name]] = spine / 3 + rng.normal(0, 0.02, (count, 3))
    look = -np.clip(turn + twist, -1.1, 1.1) * rng.uniform(0.1, 1.0, count) + rng.normal(0, 0.2, count)
    nod, tilt = rng.normal(0.04, 0.2, count) - 0.5 * bend, rng.normal(0, 0.11, count)
    head = np.stack([nod, np.clip(look, -1.2, 1.2), tilt], axis=1)
    vectors[:, at['neck']] = 0.45 * head
    vectors[:, at['head']] = 0.55 * head
    vectors[:, at['jaw'], 0] = np.clip(rng.normal(-0.1, 0.15, count), 0, 0.35)
    gaze = rng.normal(0, (0.1, 0.2, 0), (count, 3))
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
    rows = [ARMS[name] for name in gesture.arms]
    low, high = (np.array([row[k] for row in rows])[:, None] for k in (0, 1))
    place = rng.uniform(low, high, (2, count, 3))
    roll = rng.normal(np.array([row[2] for row in rows])[:, None], 0.55, (2, count))
    anyhow = rng.random((2, count)) < 0.3
    roll = np.where(anyhow, rng.uniform(*ROLL, (2, count)), roll)
    flexion, deviation = rng.normal(0.0, 0.42, (2, count)), rng.normal(0.04, 0.18, (2, count))
    if gesture.together == 'mirrored':
        for values, scale in ((place, 0.15), (roll, 0.2), (flexion, 0.3), (deviation, 0.3)):
            values[1] = values[0] + scale * (values[1] - values[0])
    elif gesture.together == _NEAR:
        place = _sample_close_wrists(rng, count, joints)
    return place, np.clip(roll, *ROLL), np.clip(flexion, *FLEXION), np.clip(deviation, *DEVIATION)


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


def arm_rotations(joints: np.ndarray, place: np.ndarray, roll: np.ndarray, pole: np.ndarray, flexion: np.ndarray,
                  deviation: np.ndarray) -> np.ndarray:
    """(..., 4, 3, 3) rotations of collar, shoulder, elbow and wrist of left arms: `poses.set_arm` by the batch.

    joints (55, 3) of the T-pose; place, pole (..., 3); roll, flexion, deviation (...): see there.
    """
    collar0, shoulder0, elbow0, wrist0 = joints[_ARM_JOINTS[0]]
    upper, fore = np.linalg.norm(elbow0 - shoulder0), np.linalg.norm(wrist0 - elbow0)
    place = place * (upper + fore)
    # Shoulder blades follow the arm upwards and forwards.
    zero = np.zeros(place.shape[:-1])
    lift = 0.18 * np.clip(place[..., 1] / (upper + fore) + 0.2, 0, 1.2)
    protract = -0.15 * np.clip(place[..., 2] / (upper + fore) - 0.4, 0, 1)
    collar, half, sideways, bent = _matrices([(zero, protract, lift), (roll / 2, zero, zero), (zero, -deviation, zero),
                                              (zero, zero, -flexion)])
    shoulder = collar0 + collar @ (shoulder0 - collar0)
    to_wrist = shoulder0 + place - shoulder
    length = np.linalg.norm(to_wrist, axis=-1)
    nearest = np.sqrt(upper ** 2 + fore ** 2 + 2 * upper * fore * np.cos(_MAX_ELBOW))
    distance = np.clip(length, nearest, 0.998 * (upper + fore))
    direction = to_wrist / length[..., None]
    # Two bones and the distance give a triangle; the pole says which way its corner, the elbow, points.
    pole = _unit(pole - direction * (direction * pole).sum(-1, keepdims=True))
    along = (upper ** 2 - fore ** 2 + distance ** 2) / (2 * distance)
    across = np.sqrt(np.maximum(upper ** 2 - along ** 2, 0.0))
    u = (direction * along[..., None] + pole * across[..., None]) / upper
    f = (direction * distance[..., None] - u * upper) / fore
    crossed = np.cross(u, f)
    normal = _unit(crossed)
    arm = np.stack([u, -normal, np.cross(u, -normal)], axis=-1)
    bend = np.arctan2(np.linalg.norm(crossed, axis=-1), (u * f).sum(-1))
    elbow = _matrices([(zero, -bend, zero)])[0] @ half
    wrist = half @ sideways @ bent
    return np.stack([collar, np.swapaxes(collar, -1, -2) @ arm, elbow, wrist], axis=-3)


def _matrices(vectors):
    """x, y and z (...) of N rotation vectors -> (N, ..., 3, 3)."""
    vectors = np.moveaxis(np.array(vectors), 1, -1)
    return Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(*vectors.shape, 3)


def _unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
