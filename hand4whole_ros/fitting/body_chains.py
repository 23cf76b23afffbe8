"""The chains a person is fitted with: the body alone, and the whole body with the detected hands."""

from __future__ import annotations

import numpy as np

from ..skeleton import HAND_SLICE, JOINT, JOINT_NAMES, PARENTS, SIDES, WRIST
from .joint_priors import body_prior, degrees_of_freedom, joint_axes
from .kinematic_chain import ChainPoints, KinematicChain, exp_so3
from .landmark_offsets import HAND_OFFSETS, HAND_POINTS, POSE_JOINTS, POSE_OFFSETS, POSE_REFERENCE_JOINTS

#: The joints of the body come before those of face and hands.
NUM_BODY = 22


class PersonChains:
    """One skeleton (`BodyModel.kinematics`) prepared for fitting.

    body: chain of the first 22 joints and the pose landmarks, wrists fixed. whole: sides of the detected
    hands -> chain of all 55 joints, the pose landmarks and 21 points of each of those hands. prior: of all
    joints. relaxed (55, 3, 3): every joint at its mean.
    """

    def __init__(self, kinematics):
        rest, rest_betas = kinematics.rest_joints, kinematics.rest_joints_betas
        parents = np.array(PARENTS)
        last = np.array([JOINT[f'{side}_{finger}3'] for side in SIDES
                         for finger in ('thumb', 'index', 'middle', 'ring', 'pinky')])
        self.rest = rest
        self.bones, self.bone_betas = rest - rest[parents], rest_betas - rest_betas[parents]
        self.bones[0], self.bone_betas[0] = 0, 0
        self.tips = kinematics.rest_tips - rest[last]
        self.tip_betas = kinematics.rest_tips_betas - rest_betas[last]
        self.axes = joint_axes(rest, kinematics.rest_tips)
        self.prior = body_prior()
        self.relaxed = exp_so3((self.axes @ self.prior.mean[0][..., None])[..., 0])

        pose = ChainPoints(POSE_JOINTS, POSE_OFFSETS + rest[POSE_REFERENCE_JOINTS] - rest[POSE_JOINTS],
                           rest_betas[POSE_REFERENCE_JOINTS] - rest_betas[POSE_JOINTS])
        limbs = set(JOINT_NAMES[:NUM_BODY]) - {'left_wrist', 'right_wrist'}
        self.body = KinematicChain(parents[:NUM_BODY], self.bones[:NUM_BODY], self.bone_betas[:NUM_BODY], pose,
                                   axes=self.axes[:NUM_BODY], dofs=degrees_of_freedom(limbs))
        self.whole = {}
        for seen in ((), ('left',), ('right',), SIDES):
            points = pose.joined(*(self.hand_points(side) for side in seen))
            hands = {JOINT_NAMES[joint] for side in seen
                     for joint in (WRIST[side], *range(HAND_SLICE[side].start, HAND_SLICE[side].stop))}
            self.whole[seen] = KinematicChain(parents, self.bones, self.bone_betas, points, axes=self.axes,
                                              dofs=degrees_of_freedom(limbs | hands))

    def hand_points(self, side: str) -> ChainPoints:
        """The 21 landmarks of a hand."""
        joints, tip = HAND_POINTS[side]
        at_tip = tip >= 0
        rows = 5 * SIDES.index(side) + tip[at_tip]
        offsets, betas = HAND_OFFSETS[side].copy(), np.zeros((21, *self.tip_betas.shape[1:]))
        offsets[at_tip] += self.tips[rows]
        betas[at_tip] = self.tip_betas[rows]
        return ChainPoints(joints, offsets, betas)

    def shape_offsets(self, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(55, 3) offsets of the joints from their parents and (10, 3) of the tips from theirs, m."""
        return self.bones + self.bone_betas @ betas, self.tips + self.tip_betas @ betas
