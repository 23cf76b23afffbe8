"""Natural upper-body poses: where the hands go, the arms that bring them there, torso, head and legs.

A pose is (55, 3, 3) rotations against the parent joint, identity in SMPL-X's T-pose. Places of hands are
in lengths of the stretched arm, from the shoulder, in the chest's axes: x away from the body's middle,
y up, z forward.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from .. import skeleton
from . import hands
from .figure import PosableBody

_MIRROR = np.diag([-1.0, 1.0, 1.0])

#: Box of the wrist's place, lowest and highest corner, and mean forearm roll (radians, 0 palm down with the
#: arm sideways, negative turns the thumb up).
ARM_GESTURES = {
    'reach': ((-0.30, -0.40, 0.60), (0.35, 0.30, 0.90), -0.7),
    'chest': ((-0.40, -0.70, 0.35), (0.05, -0.10, 0.70), -0.9),
    'talk': ((-0.05, -0.60, 0.35), (0.45, -0.10, 0.70), -1.3),
    'wave': ((0.10, -0.05, 0.15), (0.60, 0.50, 0.60), -0.2),
    'hips': ((0.00, -0.95, -0.05), (0.25, -0.78, 0.25), -0.6),
    'up': ((0.00, 0.60, 0.05), (0.55, 0.90, 0.45), -0.3),
    'side': ((0.60, -0.55, 0.05), (0.90, 0.20, 0.55), -0.7),
    'down': ((0.15, -0.95, 0.05), (0.40, -0.80, 0.30), -1.2)}

_PROBABILITIES = {'reach': 0.18, 'chest': 0.22, 'talk': 0.24, 'wave': 0.14, 'hips': 0.05, 'up': 0.06, 'side': 0.07,
         'down': 0.04}

#: Natural roll of the forearm and bend of the wrist, radians.
ROLL_RANGE = (-2.4, 0.25)
WRIST_FLEXION_RANGE = (-0.8, 0.9)
WRIST_DEVIATION_RANGE = (-0.3, 0.4)


def sample_pose(figure: PosableBody, rng: np.random.Generator, turn: float) -> np.ndarray:
    """A random pose of `figure`: (55, 3, 3), the pelvis included, in the person's own axes.

    turn: how far the whole person stands turned away from the camera, radians about y; the head turns back.
    """
    vectors = np.zeros((skeleton.NUM_JOINTS, 3))
    put = _joint_setter(vectors)
    put('pelvis', rng.normal(0.0, 0.05), 0, rng.normal(0, 0.03))
    bend, twist, lean = rng.normal(0.05, 0.07), rng.normal(0, 0.12), rng.normal(0, 0.05)
    for name in ('spine1', 'spine2', 'spine3'):
        put(name, bend / 3, twist / 3, lean / 3)
    look = -np.clip(turn + twist, -1.0, 1.0) * rng.uniform(0.4, 0.9) + rng.normal(0, 0.1)
    nod, tilt = rng.normal(0.02, 0.08), rng.normal(0, 0.06)
    for name in ('neck', 'head'):
        put(name, nod / 2, look / 2, tilt / 2)
    _sample_legs(put, rng)
    local = Rotation.from_rotvec(vectors).as_matrix()
    first = rng.choice(list(_PROBABILITIES), p=list(_PROBABILITIES.values()))
    second = first if rng.random() < 0.45 else rng.choice(list(_PROBABILITIES), p=list(_PROBABILITIES.values()))
    for side, gesture in zip(rng.permutation(skeleton.SIDES), (first, second)):
        low, high, roll = ARM_GESTURES[gesture]
        place = rng.uniform(low, high)
        roll = np.clip(rng.normal(roll, 0.5), *ROLL_RANGE)
        pole = np.array([0.6, -1.0, -0.4]) + rng.normal(0, 0.25, 3)
        set_arm(local, figure, side, place, roll, pole,
                flexion=np.clip(rng.normal(0.0, 0.4), *WRIST_FLEXION_RANGE),
                deviation=np.clip(rng.normal(0.05, 0.15), *WRIST_DEVIATION_RANGE))
        closed, spread = hands.sample_hand_shape(rng)
        local[skeleton.HAND_SLICE[side]] = hands.finger_rotations(
            side, closed, spread, figure.joints, figure.tips, bend=rng.normal(1.0, 0.12, (5, 3)))
    return local


def _joint_setter(vectors):
    def put(name, x, y, z):
        vectors[skeleton.JOINT[name]] = x, y, z
    return put


def _sample_legs(put, rng):
    width = abs(rng.normal(0.05, 0.04))
    for side, sign in (('left', 1), ('right', -1)):
        raised = max(0.0, rng.normal(0.05, 0.12))
        put(f'{side}_hip', -raised, sign * rng.normal(0.1, 0.1), sign * width)
        put(f'{side}_knee', 1.7 * raised, 0, 0)
        put(f'{side}_ankle', -0.7 * raised, 0, -sign * width)


def set_arm(local: np.ndarray, figure: PosableBody, side: str, place: np.ndarray, roll: float, pole: np.ndarray,
            flexion: float = 0.0, deviation: float = 0.0) -> None:
    """Bend the arm of `side` in `local` (55, 3, 3), in place, so that its wrist comes to `place`.

    place, pole (3,): the wrist's place and the way the elbow points, in the axes named at the module's head;
    a place out of reach is approached as far as the arm goes, others are met within some millimetres. roll of
    the forearm, flexion and deviation (towards the thumb) of the wrist in radians; half of the roll is in the
    elbow, half in the wrist.
    """
    mirror = _MIRROR if side == 'right' else np.eye(3)
    joints = {name: mirror @ figure.joints[skeleton.JOINT[f'{side}_{name}']]
              for name in ('collar', 'shoulder', 'elbow', 'wrist')}
    upper = np.linalg.norm(joints['elbow'] - joints['shoulder'])
    fore = np.linalg.norm(joints['wrist'] - joints['elbow'])
    place = np.asarray(place, float) * (upper + fore)

    # Shoulder blades follow the arm upwards and forwards.
    lift = 0.12 * np.clip(place[1] / (upper + fore) + 0.2, 0, 1)
    protract = -0.12 * np.clip(place[2] / (upper + fore) - 0.4, 0, 1)
    collar = Rotation.from_rotvec((0, protract, lift)).as_matrix()
    shoulder = joints['collar'] + collar @ (joints['shoulder'] - joints['collar'])
    to_wrist = joints['shoulder'] + place - shoulder
    distance = np.clip(np.linalg.norm(to_wrist), abs(upper - fore) + 0.08, 0.995 * (upper + fore))
    direction = to_wrist / np.linalg.norm(to_wrist)

    # Two bones and the distance give a triangle; the pole says which way its corner, the elbow, points.
    pole = pole - direction * (direction @ pole)
    pole = pole / np.linalg.norm(pole)
    along = (upper ** 2 - fore ** 2 + distance ** 2) / (2 * distance)
    across = np.sqrt(max(upper ** 2 - along ** 2, 0.0))
    u = (direction * along + pole * across) / upper
    f = (direction * distance - u * upper) / fore
    normal = np.cross(u, f)
    normal /= np.linalg.norm(normal)
    arm = np.stack([u, -normal, np.cross(u, -normal)], axis=1)
    bend = np.arctan2(np.linalg.norm(np.cross(u, f)), u @ f)

    half = Rotation.from_rotvec((roll / 2, 0, 0))
    wrist = half * Rotation.from_rotvec((0, -deviation, 0)) * Rotation.from_rotvec((0, 0, -flexion))
    rotations = {'collar': collar, 'shoulder': collar.T @ arm,
                 'elbow': (Rotation.from_rotvec((0, -bend, 0)) * half).as_matrix(),
                 'wrist': wrist.as_matrix()}
    for name, rotation in rotations.items():
        local[skeleton.JOINT[f'{side}_{name}']] = mirror @ rotation @ mirror
