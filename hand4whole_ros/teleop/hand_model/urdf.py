"""The capsule hand as URDF, which has no capsules: each is a cylinder with a sphere at either end."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

import numpy as np

from ...geometry.directions import minimal_rotation
from .capsule_hand import DENSITY, EFFORT, VELOCITY, Capsule, CapsuleHand

#: At the head of either file.
NOTE = ' Made by hand4whole_ros.teleop.hand_model; MIT. Change capsule_hand.py, not this. '

_MATERIALS = {'palm': (0.55, 0.58, 0.62, 1.0), 'finger': (0.82, 0.84, 0.86, 1.0), 'pad': (0.90, 0.55, 0.25, 1.0)}


def to_urdf(hand: CapsuleHand) -> str:
    """The text of the file."""
    robot = ElementTree.Element('robot', name=f'capsule_hand_{hand.side}')
    robot.append(ElementTree.Comment(NOTE))
    for name, rgba in _MATERIALS.items():
        ElementTree.SubElement(ElementTree.SubElement(robot, 'material', name=name), 'color', rgba=numbers(rgba))
    _add_link(robot, hand.base, hand.palm, 'palm')
    for bone in hand.bones:
        capsules = (Capsule((0.0, 0.0, 0.0), (0.0, 0.0, bone.length), bone.radius),)
        last = any(tip.parent == bone.name for tip in hand.tips)
        _add_link(robot, bone.name, capsules, 'pad' if last else 'finger')
        joint = _add_joint(robot, bone.name, 'revolute', parent=bone.parent, child=bone.name, origin=bone.origin)
        ElementTree.SubElement(joint, 'axis', xyz=numbers(bone.axis))
        ElementTree.SubElement(joint, 'limit', lower=number(bone.lower), upper=number(bone.upper),
                               effort=number(EFFORT), velocity=number(VELOCITY))
        ElementTree.SubElement(joint, 'dynamics', damping='0.01', friction='0')
    for tip in hand.tips:
        ElementTree.SubElement(robot, 'link', name=tip.name)
        _add_joint(robot, tip.name, 'fixed', parent=tip.parent, child=tip.name, origin=tip.origin)
    ElementTree.indent(robot)
    return '<?xml version="1.0"?>\n' + ElementTree.tostring(robot, encoding='unicode') + '\n'


def _add_joint(robot, name, kind, *, parent, child, origin):
    joint = ElementTree.SubElement(robot, 'joint', name=name, type=kind)
    ElementTree.SubElement(joint, 'parent', link=parent)
    ElementTree.SubElement(joint, 'child', link=child)
    ElementTree.SubElement(joint, 'origin', xyz=numbers(origin), rpy='0 0 0')
    return joint


def _add_link(robot, name, capsules, material):
    link = ElementTree.SubElement(robot, 'link', name=name)
    mass, center, inertia = mass_properties(capsules)
    inertial = ElementTree.SubElement(link, 'inertial')
    ElementTree.SubElement(inertial, 'origin', xyz=numbers(center), rpy='0 0 0')
    ElementTree.SubElement(inertial, 'mass', value=number(mass))
    ElementTree.SubElement(inertial, 'inertia', {
        f'i{"xyz"[a]}{"xyz"[b]}': number(inertia[a, b]) for a in range(3) for b in range(a, 3)})
    for capsule in capsules:
        for kind in ('visual', 'collision'):
            for place, rpy, shape, sizes in _pieces(capsule):
                element = ElementTree.SubElement(link, kind)
                ElementTree.SubElement(element, 'origin', xyz=numbers(place), rpy=numbers(rpy))
                ElementTree.SubElement(ElementTree.SubElement(element, 'geometry'), shape, sizes)
                if kind == 'visual':
                    ElementTree.SubElement(element, 'material', name=material)


def _pieces(capsule):
    """Origin, roll-pitch-yaw, element and sizes of the parts of a capsule."""
    start, end = np.array(capsule.start), np.array(capsule.end)
    length, radius = float(np.linalg.norm(end - start)), number(capsule.radius)
    yield end, (0.0, 0.0, 0.0), 'sphere', {'radius': radius}
    if length > 0:
        x, y, z = (end - start) / length
        yield start, (0.0, 0.0, 0.0), 'sphere', {'radius': radius}
        yield (start + end) / 2, (0.0, math.atan2(math.hypot(x, y), z), math.atan2(y, x)), 'cylinder', {
            'radius': radius, 'length': number(length)}


def mass_properties(capsules: tuple[Capsule, ...]) -> tuple[float, np.ndarray, np.ndarray]:
    """Mass kg, centre of mass (3,) m and inertia about it (3, 3) kg m^2 of solid capsules; where they overlap,
    twice."""
    masses, centers, inertias = [], [], []
    for capsule in capsules:
        start, end = np.array(capsule.start), np.array(capsule.end)
        length, r = float(np.linalg.norm(end - start)), capsule.radius
        cylinder, balls = DENSITY * math.pi * r ** 2 * length, DENSITY * 4 / 3 * math.pi * r ** 3
        along = cylinder * r ** 2 / 2 + balls * 2 / 5 * r ** 2
        across = (cylinder * (r ** 2 / 4 + length ** 2 / 12)
                  + balls * (2 / 5 * r ** 2 + length ** 2 / 4 + 3 / 8 * length * r))
        axis = (end - start) / length if length > 0 else np.array([0.0, 0.0, 1.0])
        rotation = minimal_rotation(np.array([0.0, 0.0, 1.0]), axis)
        masses.append(cylinder + balls)
        centers.append((start + end) / 2)
        inertias.append(rotation @ np.diag([across, across, along]) @ rotation.T)
    mass = float(sum(masses))
    center = np.asarray(sum(m * c for m, c in zip(masses, centers))) / mass
    offsets = [c - center for c in centers]
    inertia = sum(i + m * (o @ o * np.eye(3) - np.outer(o, o)) for i, m, o in zip(inertias, masses, offsets))
    return mass, center, np.asarray(inertia)


def number(value: float) -> str:
    """A number with at most six digits, never '-0'."""
    return f'{float(value) + 0.0:.6g}'


def numbers(values) -> str:
    """Numbers separated by blanks."""
    return ' '.join(number(value) for value in values)
