"""The capsule hand as MJCF (MuJoCo): position servos on every joint, contacts between fingertips only."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from .capsule_hand import DENSITY, EFFORT, Capsule, CapsuleHand
from .urdf import NOTE, number, numbers

#: Time step, s.
TIMESTEP = 0.002

#: Of the servos, N m/rad, and inertia of the drives, kg m^2: critically damped, with a natural frequency of 28 Hz
#: without load.
STIFFNESS, ARMATURE = 6.0, 2e-4

#: Radius of the hard core of a fingertip, m; the pad around it is soft and has no contacts.
CORE_RADIUS = 0.005

_PALM, _FINGER, _PAD = (0.55, 0.58, 0.62, 1.0), (0.82, 0.84, 0.86, 1.0), (0.90, 0.55, 0.25, 1.0)


def to_mjcf(hand: CapsuleHand) -> str:
    """The text of the file."""
    root = ElementTree.Element('mujoco', model=f'capsule_hand_{hand.side}')
    root.append(ElementTree.Comment(NOTE))
    ElementTree.SubElement(root, 'compiler', angle='radian', autolimits='true')
    # No gravity: the arm is not modelled, and real drives hold against it.
    ElementTree.SubElement(root, 'option', timestep=number(TIMESTEP), gravity='0 0 0', integrator='implicitfast')
    default = ElementTree.SubElement(root, 'default')
    ElementTree.SubElement(default, 'joint', armature=number(ARMATURE), damping='0.01')
    ElementTree.SubElement(default, 'geom', type='capsule', density=number(DENSITY), contype='0', conaffinity='0')
    ElementTree.SubElement(default, 'position', kp=number(STIFFNESS), dampratio='1', inheritrange='1',
                           forcerange=numbers((-EFFORT, EFFORT)))
    world = ElementTree.SubElement(root, 'worldbody')
    bodies = {hand.base: ElementTree.SubElement(world, 'body', name=hand.base, mocap='true')}
    for capsule in hand.palm:
        _add_capsule(bodies[hand.base], capsule, _PALM)
    ends = {tip.parent for tip in hand.tips}
    for bone in hand.bones:
        body = bodies[bone.name] = ElementTree.SubElement(bodies[bone.parent], 'body', name=bone.name,
                                                          pos=numbers(bone.origin))
        ElementTree.SubElement(body, 'joint', name=bone.name, axis=numbers(bone.axis),
                               range=numbers((bone.lower, bone.upper)))
        _add_capsule(body, Capsule((0.0, 0.0, 0.0), (0.0, 0.0, bone.length), bone.radius),
                     _PAD if bone.name in ends else _FINGER)
        if bone.name in ends:
            ElementTree.SubElement(body, 'geom', name=f'{bone.name}_core', type='sphere', size=number(CORE_RADIUS),
                                   pos=numbers((0.0, 0.0, bone.length)), density='0', group='3', contype='1',
                                   conaffinity='1')
    for tip in hand.tips:
        ElementTree.SubElement(bodies[tip.parent], 'site', name=tip.name, pos=numbers(tip.origin), size='0.001')
    actuators = ElementTree.SubElement(root, 'actuator')
    for bone in hand.bones:
        ElementTree.SubElement(actuators, 'position', name=bone.name, joint=bone.name)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding='unicode') + '\n'


def _add_capsule(body, capsule, rgba):
    shape = {'type': 'sphere', 'pos': numbers(capsule.end)} if capsule.start == capsule.end else {
        'fromto': numbers((*capsule.start, *capsule.end))}
    ElementTree.SubElement(body, 'geom', {'size': number(capsule.radius), 'rgba': numbers(rgba), **shape})
