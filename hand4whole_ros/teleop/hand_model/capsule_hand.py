"""The capsule hand, a robot hand of this package: the table of its joints, bones and limits.

Twenty revolute joints in the proportions of an adult's hand, scaled by SIZE. In the zero pose all fingers are straight
along z, and every link has the axes of the hand's frame (see hand_frame): x out of the palm, z from the wrist to the
fingers. The left hand is the mirror image of the right one: equal joint angles, mirrored pose.

Joints are called `<side>_<finger>_<joint>`; each moves the link of the same name. Fingers have abduction (positive
to the thumb's side), mcp, pip and dip (positive closes). The thumb has rotation (positive moves it in front of the
palm), abduction (positive away from the fingers), mcp and ip (positive bends it back to the palm).
`<side>_<finger>_tip` is a frame on the pad of the finger, where it touches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ... import skeleton

FINGERS = ('thumb', 'index', 'middle', 'ring', 'pinky')

#: The link that carries the hand, at the human wrist.
BASE_LINK = 'wrist'

#: Largest torque, N m, and speed, rad/s, of every joint.
EFFORT, VELOCITY = 1.0, 12.0

#: kg/m^3, of every capsule.
DENSITY = 1000.0

#: Size relative to an adult's hand; most robot hands are larger.
SIZE = 1.25

#: Radius of all fingers at their ends, m.
TIP_RADIUS = SIZE * 0.007

_PALMAR, _AWAY_FROM_THUMB = np.array([1.0, 0.0, 0.0]), np.array([0.0, -1.0, 0.0])

#: Axes of a right hand's joints. Flexion takes z to x; abduction takes z to y, the thumb's side.
_FLEXION, _ABDUCTION = (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0)
#: The thumb rotates about the hand's long axis, from the thumb's side to the front of the palm, and bends in its own
#: plane.
_ROTATION, _THUMB_FLEXION = (0.0, 0.0, -1.0), (1.0, 0.0, 0.0)


@dataclass(frozen=True)
class Capsule:
    """A cylinder with round ends between two points of a link's frame, m."""

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radius: float


@dataclass(frozen=True)
class Bone:
    """One joint and the link that it moves. Lengths in metres, angles in radians, in the parent link's frame."""

    name: str                               # of the joint and of the link
    parent: str                             # link
    origin: tuple[float, float, float]      # of the joint
    axis: tuple[float, float, float]
    lower: float
    upper: float
    length: float                           # of the bone along z; 0 if the next joint is at the same point
    radius: float


@dataclass(frozen=True)
class Tip:
    """The frame on the pad of a fingertip."""

    name: str
    parent: str
    origin: tuple[float, float, float]


@dataclass(frozen=True)
class CapsuleHand:
    """A hand of one side."""

    side: str
    base: str
    palm: tuple[Capsule, ...]       # fixed to the base
    bones: tuple[Bone, ...]         # parents first
    tips: tuple[Tip, ...]           # thumb to pinky


#: Positions of the knuckles, lengths of the three bones and radius at the knuckle, m, of an adult.
_FINGER_TABLE = {
    'index': ((0.000, 0.026, 0.095), (0.040, 0.025, 0.022), 0.0090),
    'middle': ((0.000, 0.003, 0.098), (0.044, 0.028, 0.023), 0.0090),
    'ring': ((0.001, -0.019, 0.092), (0.040, 0.026, 0.023), 0.0085),
    'pinky': ((0.006, -0.039, 0.082), (0.032, 0.020, 0.020), 0.0080)}

#: The same of the thumb, from its root near the wrist.
_THUMB = ((0.008, 0.022, 0.028), (0.046, 0.033, 0.027), 0.0100)

#: Radians.
_FINGER_LIMITS = {'abduction': (-0.35, 0.35), 'mcp': (-0.30, 1.60), 'pip': (0.0, 1.90), 'dip': (0.0, 1.40)}
_THUMB_LIMITS = {'rotation': (-0.30, 2.10), 'abduction': (0.10, 1.20), 'mcp': (-0.30, 1.20), 'ip': (-0.30, 1.50)}


def capsule_hand(side: str) -> CapsuleHand:
    """The hand of `side`, 'left' or 'right'."""
    if side not in skeleton.SIDES:
        raise ValueError(f'side is {side!r}, expected one of {", ".join(skeleton.SIDES)}')
    base, bones, tips = f'{side}_{BASE_LINK}', [], []
    for finger in FINGERS:
        knuckle, lengths, radius = _sized(_THUMB if finger == 'thumb' else _FINGER_TABLE[finger])
        limits = _THUMB_LIMITS if finger == 'thumb' else _FINGER_LIMITS
        radii = np.linspace(radius, TIP_RADIUS, 3)
        parent, origin = base, knuckle
        for k, (joint, (lower, upper)) in enumerate(limits.items()):
            # The first two joints of a finger are at the same point.
            length, thickness = (0.0, radius) if k == 0 else (float(lengths[k - 1]), float(radii[k - 1]))
            name = f'{side}_{finger}_{joint}'
            bones.append(Bone(name, parent, _mirrored_point(origin, side), _mirrored_axis(_axis(finger, joint), side),
                              lower, upper, length, thickness))
            parent, origin = name, (0.0, 0.0, length)
        pad = TIP_RADIUS * (_AWAY_FROM_THUMB if finger == 'thumb' else _PALMAR)
        tips.append(Tip(f'{side}_{finger}_tip', parent, _mirrored_point((*pad[:2], lengths[2]), side)))
    palm = [Capsule((0.0, 0.25 * y, 0.014), (x, y, z - 0.005), 0.0125)
            for (x, y, z), _, _ in map(_sized, _FINGER_TABLE.values())]
    palm.append(Capsule((0.002, 0.007, 0.012), tuple(_sized(_THUMB)[0]), 0.0135))
    palm = tuple(Capsule(_mirrored_point(c.start, side), _mirrored_point(c.end, side), c.radius) for c in palm)
    return CapsuleHand(side, base, palm, tuple(bones), tuple(tips))


def _sized(row):
    knuckle, lengths, radius = row
    return SIZE * np.array(knuckle), SIZE * np.array(lengths), SIZE * radius


def _axis(finger, joint):
    if joint == 'rotation':
        return _ROTATION
    if joint == 'abduction':
        return _ABDUCTION
    return _THUMB_FLEXION if finger == 'thumb' else _FLEXION


def _mirrored_point(point, side):
    x, y, z = (float(value) for value in point)
    return (x, y, z) if side == 'right' else (x, -y + 0.0, z)


def _mirrored_axis(axis, side):
    """An axis of rotation is a pseudovector: mirroring in y negates its x and z."""
    x, y, z = axis
    return (x, y, z) if side == 'right' else (-x + 0.0, y, -z + 0.0)
