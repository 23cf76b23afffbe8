"""The chains that a lifted body is fitted with: the same skeleton, with all 33 landmarks and every joint as points."""

from __future__ import annotations

import numpy as np

from .. import skeleton
from .body_chains import NUM_BODY, PersonChains
from .joint_priors import degrees_of_freedom
from .kinematic_chain import ChainPoints, KinematicChain
from .pose_landmarks import MARKS, OFFSETS, RIDES

#: Points of every chain here: the landmarks, then the joints of the body, then 21 of each detected hand.
NUM_LANDMARKS = len(RIDES)
FIRST_HAND = NUM_LANDMARKS + NUM_BODY

#: Pairs of points, joint minus parent, of the body's joints.
BONES = NUM_LANDMARKS + np.stack([np.arange(1, NUM_BODY), skeleton.PARENTS[1:NUM_BODY]], axis=1)


class LiftedChains:
    """The chains of one skeleton (`BodyModel.kinematics`).

    person: its tables. body: chain of the first 22 joints, wrists included. whole: sides of the detected hands -> chain
    of all 55 joints.
    """

    def __init__(self, kinematics):
        self.person = PersonChains(kinematics)
        p = self.person
        rest, rest_betas = kinematics.rest_joints, kinematics.rest_joints_betas
        joints = np.arange(NUM_BODY)
        zeros = np.zeros((NUM_BODY, 3))
        landmarks = ChainPoints(RIDES, OFFSETS + rest[MARKS] - rest[RIDES], rest_betas[MARKS] - rest_betas[RIDES])
        points = landmarks.joined(ChainPoints(joints, zeros, np.zeros((NUM_BODY, 3, rest_betas.shape[2]))))
        names = set(skeleton.JOINT_NAMES[:NUM_BODY])
        parents = np.array(skeleton.PARENTS)
        self.body = KinematicChain(
            parents[:NUM_BODY],
            p.bones[:NUM_BODY],
            p.bone_betas[:NUM_BODY],
            points,
            axes=p.axes[:NUM_BODY],
            dofs=degrees_of_freedom(names),
        )
        self.whole = {}
        for seen in ((), ('left',), ('right',), skeleton.SIDES):
            parts = points.joined(*(p.hand_points(side) for side in seen))
            fingers = {skeleton.JOINT_NAMES[joint] for side in seen
                       for joint in range(*skeleton.HAND_SLICE[side].indices(skeleton.NUM_JOINTS))}
            self.whole[seen] = KinematicChain(parents, p.bones, p.bone_betas, parts, axes=p.axes,
                                              dofs=degrees_of_freedom(names | fingers))
